"""The text encoder that a recipe asks for on a catalogue, fine-tuned where it says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from importlib.util import find_spec
from typing import Any

from recsys import weights
from recsys.dataset import Dataset
from recsys.errors import MissingExtraError, WeightsError
from recsys.protocols import RunLogger, TextEncoder
from recsys.text import CachedEncoder, SentenceEncoder, load_encoder
from training.recipe import Recipe, TextConfig
from training.steps import HERE, Steps
from training.text_tuning import tune

Say = Callable[[str], None]


def encoder_for(
    config: TextConfig,
    texts: Sequence[str],
    *,
    device: str = "auto",
    say: Say = print,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[TextEncoder, dict[str, Any]]:
    """Return an encoder, its weights fetched when they are missing, and how to get it again.

    The second part holds the arguments of `load_encoder`, for the bundle.

    Args:
        config: of the recipe.
        texts: of the catalogue; how many distinct ones there are decides for `auto`.
        device: `auto` or a torch device.
        say: told which one was taken, and why, where `auto` had to choose, and of a prompt
            that it does not read.
        progress: called with texts done and texts in all.

    Raises:
        WeightsError: the weights of an encoder or a source that is named cannot be had.
        MissingExtraError: its packages are missing.
    """
    kind = config.encoder
    if kind == "auto":
        many = len(set(texts)) > config.static_above
        kind = "static" if many else "sentence"
        if many:
            say(f"more than {config.static_above:,} distinct texts: static encoder")
    source = config.source or weights.configured("text-encoder")
    settings: dict[str, Any] = {
        "kind": kind,
        "source": source,
        "dim": config.dim,
        "max_length": config.max_length,
        "prompt": config.prompt,
    }
    try:
        if config.encoder == "auto" and find_spec("sentence_transformers") is None:
            raise MissingExtraError("text", "the sentence encoder")
        encoder = load_encoder(**settings, device=device, progress=progress)
    except (WeightsError, MissingExtraError) as error:
        if config.encoder != "auto" or source:
            raise
        say(f"hashing encoder, which knows no synonyms, since {error}")
        settings["kind"] = "hashing"
        encoder = load_encoder(**settings)
    if config.prompt and settings["kind"] in ("static", "hashing"):
        say(f"text.prompt is left out: the {settings['kind']} encoder reads none")
    return encoder, settings


def tuned_for(
    recipe: Recipe,
    dataset: Dataset,
    encoder: TextEncoder,
    logger: RunLogger | None = None,
    steps: Steps = HERE,
) -> tuple[TextEncoder, str]:
    """Fine-tune an encoder as the recipe says, on what no part of the training holds out.

    Every later step reads its vectors, so it may know what the earliest of them may: what
    comes before the ranker's label windows, and before what the history Transformer holds
    out to know when to stop.

    Returns:
        The encoder to go on with, and why it is the one that was given: empty where it was
        tuned, or the recipe does not ask for it.
    """
    if not recipe.text.tuning.enabled:
        return encoder, ""
    inner = encoder.encoder if isinstance(encoder, CachedEncoder) else encoder
    if not isinstance(inner, SentenceEncoder):
        return encoder, f"{type(inner).__name__} cannot be tuned, only a sentence encoder can"
    pairs = steps.tuning_pairs(dataset, recipe)
    if not len(pairs):
        return encoder, "no two items with different texts were bought one after the other"
    with nullcontext() if logger is None else logger.child("text_encoder") as curves:
        tuned = tune(
            inner,
            pairs,
            recipe.text.tuning,
            seed=recipe.seed,
            home=weights.home() / "tuned-encoders",
            logger=curves,
        )
    return encoder.around(tuned) if isinstance(encoder, CachedEncoder) else tuned, ""
