"""The recipe: everything that decides what a training run makes, as one frozen value.

A recipe is written in TOML, one table a stage. Values that are not named keep their
defaults, an unknown or ill-typed key is an error that names it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast

from pydantic import BaseModel, ConfigDict, Field, create_model, field_validator, model_validator

from recsys.candidates.registry import GENERATORS, generator_class
from recsys.dataset import as_time
from recsys.errors import RecipeError
from recsys.ranking.config import RankerConfig
from training.history import HistoryConfig
from training.recipe_toml import dump, flat, parse
from training.text_tuning import TuningConfig


class Section(BaseModel):
    """Base of the tables of a recipe."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SplitConfig(Section):
    """How training is cut from test.

    Attributes:
        kind: `auto` is temporal where time is global, leave-last-out where it is an
            order, a random holdout where there is none.
        cut: start of the test window; default `days` before the end of the data.
        days: length of the test window when no cut is given.
        fraction: share held out of each user of a dataset without time.
    """

    kind: Literal["auto", "temporal", "leave_last_out", "holdout"] = "auto"
    cut: datetime | int | None = None
    days: float = Field(default=28, gt=0)
    fraction: float = Field(default=0.1, gt=0, lt=1)

    @property
    def cut_time(self) -> int | None:
        """The cut in the unit of `Histories.times`."""
        return as_time(self.cut)


class TextConfig(Section):
    """How product texts become vectors.

    Attributes:
        encoder: `sentence` is a Transformer; `static` its distillation, nearly thirty
            times as fast and somewhat less exact; `hashing` needs no weights and knows no
            synonyms. `auto` is `sentence` for up to `static_above` distinct texts,
            `static` for more, and `hashing` where packages or the default weights are missing.
            `none` leaves texts out: models know items by their ids alone, and no model knows
            an item that is added later.
        static_above: where `auto` changes over.
        source: path, wheel or hub name of another Transformer than the default one.
        dim: length of a vector of `static` and `hashing`.
        max_length: tokens that `sentence` and `static` read of a text, special ones
            included; None is what the model allows, with `static` all.
        prompt: put before every text, for models that were trained with one; `sentence`
            alone reads it. None given is the model's own default prompt, which few have.
        tuning: of the sentence encoder, on what this shop's customers buy together.
    """

    encoder: Literal["auto", "sentence", "static", "hashing", "none"] = "auto"
    static_above: int = Field(default=50_000, ge=0)
    source: str | None = None
    dim: int = Field(default=256, ge=8)
    max_length: int | None = Field(default=None, ge=1)
    prompt: str = ""
    tuning: TuningConfig = TuningConfig()

    @model_validator(mode="after")
    def _only_a_sentence_encoder_reads_a_prompt(self) -> Self:
        if self.prompt and self.encoder in ("static", "hashing"):
            raise ValueError(
                f'text.prompt is set and text.encoder is "{self.encoder}", which reads none; '
                'choose "sentence", or leave out text.prompt'
            )
        return self

    @model_validator(mode="after")
    def _only_a_sentence_encoder_is_tuned(self) -> Self:
        if self.tuning.enabled and self.encoder not in ("auto", "sentence"):
            raise ValueError(
                f'text.tuning.enabled is true and text.encoder is "{self.encoder}": only '
                '"sentence" can be tuned; choose that, or set text.tuning.enabled = false'
            )
        return self


class HistoryOptions(HistoryConfig):
    """The history Transformer: its own config, and `enabled`."""

    enabled: bool = True


class BlurbsConfig(Section):
    """What the blurbs of the bundle are written by.

    Attributes:
        writer: `auto` is the local language model where its weights are there, else
            sentences taken from the catalogue; `none` switches blurbs off, but for a
            writer that is named on the command line.
        runtime: what the local language model computes with; `openvino` is for CPUs.
        locale: language of openers and checks.
    """

    writer: Literal["auto", "extractive", "llm", "none"] = "auto"
    runtime: Literal["torch", "openvino"] = "torch"
    locale: Literal["en", "zh"] = "en"


class EvaluateConfig(Section):
    """What is measured on the test window.

    Attributes:
        k: the cut-offs.
        resamples: of the paired bootstrap over users.
        components: measure every component beside the hybrid.
        max_pairs: where users x items would be more, a random sample of the users is
            measured, so that a training run ends on the largest catalogue; `recsys
            evaluate` measures everybody.
    """

    k: tuple[Annotated[int, Field(ge=1)], ...] = Field(default=(10, 20), min_length=1)
    resamples: int = Field(default=1000, ge=1)
    components: bool = True
    max_pairs: int = Field(default=2_000_000_000, ge=1)

    @field_validator("k", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: object) -> object:
        return (value,) if isinstance(value, int) else value


def _switchable(config: type[BaseModel], enabled: bool) -> tuple[type[BaseModel], BaseModel]:
    """Return a generator's config with `enabled` added, and its default value."""
    model = create_model(
        config.__name__, __base__=config, __doc__=config.__doc__, enabled=(bool, enabled)
    )
    return model, model()


HISTORY = "history"
"""The generator with a table of its own: it is trained by gradient, not fitted."""
_CONFIGS: dict[str, type[BaseModel]] = {
    name: generator_class(name)[1] for name in GENERATORS if name != HISTORY
}

# Made from the registry, so that adding a generator takes no edit here.
CandidatesConfig: type[Section] = create_model(
    "CandidatesConfig",
    __base__=Section,
    __doc__="One table a generator: its own config, and `enabled`.",
    **cast(
        Any,
        {
            name: _switchable(config, generator_class(name)[0].on_by_default)
            for name, config in _CONFIGS.items()
        },
    ),
)


class Recipe(Section):
    """A training run, whole.

    Attributes:
        name: of the recipe; the model is registered under it.
        seed: everything random starts from it.
        device: `auto` picks CUDA, then the CPU.
        split: how training is cut from test.
        text: how product texts become vectors.
        candidates: one table a generator.
        history: the Transformer over shoppers' histories.
        ranker: the hybrid ranker.
        blurbs: who writes them.
        evaluate: what is measured.
        search: what `recsys sweep` tries, by dotted key: `log:1e-4..1e-2`, `0..0.5`, or a
            list of choices. Training does not read it.
    """

    name: str = "default"
    seed: int = Field(default=0, ge=0, lt=2**32)
    device: str = Field(default="auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    split: SplitConfig = SplitConfig()
    text: TextConfig = TextConfig()
    candidates: CandidatesConfig = CandidatesConfig()
    history: HistoryOptions = HistoryOptions()
    ranker: RankerConfig = RankerConfig()
    blurbs: BlurbsConfig = BlurbsConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    search: dict[str, str | list[Any]] = {}

    @field_validator("search", mode="before")
    @classmethod
    def _by_dotted_key(cls, value: Any) -> Any:
        """TOML reads `history.trainer.lr = ...` as tables within tables."""
        return dict(flat(value)) if isinstance(value, Mapping) else value

    @classmethod
    def from_toml(cls, source: str | Path, overrides: Sequence[str] = ()) -> Self:
        """Read a recipe from TOML text or a file, with `table.key=value` overrides on top.

        Raises:
            RecipeError: the file is missing or is no TOML, a key is unknown or a value
                ill-typed; the message names the dotted key and the nearest valid one.
        """
        if isinstance(source, str):
            return parse(cls, source, overrides)
        if not source.is_file():
            raise RecipeError(f"{source} is no file; give a recipe in TOML or a shipped name")
        return parse(cls, source.read_text(encoding="utf-8"), overrides, where=str(source))

    def to_toml(self) -> str:
        """Write every value, defaults too; `from_toml` reads back an equal recipe."""
        return dump(self.model_dump())

    @property
    def digest(self) -> str:
        """SHA-256 of all that training reads: equal digests train alike."""
        # Validated again, since 28 and 28.0 are one value.
        same = type(self).model_validate(self.model_dump())
        values = same.model_dump(mode="json", exclude={"name", "search"})
        # What is off decides nothing, so recipes from before there was tuning train alike.
        if not same.text.tuning.enabled:
            del values["text"]["tuning"]
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()

    def generators(self) -> dict[str, BaseModel]:
        """Return the configs of the generators that are switched on, in the registry's order.

        The history Transformer is not among them: it is trained, not fitted.
        """
        chosen = {}
        for name, config in _CONFIGS.items():
            values = getattr(self.candidates, name).model_dump()
            if values.pop("enabled"):
                chosen[name] = config.model_validate(values)
        return chosen
