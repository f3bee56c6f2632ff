"""The writer with a small local language model.

Two ways to a clause, both judged by the verifier afterwards: the model *chooses* among
the catalogue's own sentences and clauses put together from attributes, by their
probability after the product's name; or it *writes*, several samples a product. A model of
a hundred million parameters chooses well and writes poorly, so choosing is the default.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from recsys.blurbs.context import UserContext
from recsys.blurbs.facts import FactSheet
from recsys.blurbs.locales import get_locale
from recsys.blurbs.memory import Memory
from recsys.blurbs.prompt import PROMPT_VERSION, completion_prompt, scoring_prompt
from recsys.blurbs.protocol import Draft, How, Usage
from recsys.blurbs.tokens import content_stems
from recsys.blurbs.verify import verify_truth
from recsys.blurbs.writers.extractive import EXTRACTIVE_VERSION, clauses, shaped
from recsys.blurbs.writers.fingerprint import weights_version
from recsys.blurbs.writers.gguf_file import gguf_for, reading

if TYPE_CHECKING:
    from recsys.blurbs.writers.causal_lm import CausalLM
    from recsys.blurbs.writers.openvino_lm import OpenVinoLM

Runtime = Literal["torch", "openvino"]
Mode = Literal["auto", "choose", "write", "both"]
TUNED = "writer.json"
"""Stands in the directory of a model that was tuned to write clauses, see `training`."""


@dataclass(frozen=True)
class Settings:
    """How the model is used; part of the writer's version.

    Attributes:
        mode: `choose` among catalogue clauses; `write` new ones; `both`: choose, and write
            where just one of them says more than what it is: where none does, there is
            nothing that a small model could write of; `auto` is `both` for a
            model that was tuned to write clauses, else `choose`.
        max_new_tokens: longest clause it writes.
        temperature: of sampling; 0 is greedy.
        top_p: share of probability that is sampled from.
        seed: of sampling.
        runtime: what computes: `torch`, on a GPU where there is one, or `openvino` (extra
            `openvino`), on the CPU, which reads a `.gguf` file as it is.
    """

    mode: Mode = "auto"
    max_new_tokens: int = 36
    temperature: float = 0.6
    top_p: float = 0.9
    seed: int = 0
    runtime: Runtime = "torch"


class LocalLlmWriter:
    """Writes with a causal language model on this machine; loaded when first needed.

    Args:
        model: a directory that `transformers` reads, or a `.gguf` file.
        cache_dir: where a conversion goes, which torch needs of a GGUF file and openvino of
            a directory; with the model by default.
        device: "auto" takes CUDA, then CPU; openvino only has the CPU.
        settings: mode, sampling and runtime.
        locale: language of prompts.
    """

    name = "local_llm"

    def __init__(
        self,
        model: str | Path,
        *,
        cache_dir: str | Path | None = None,
        device: str = "auto",
        settings: Settings | None = None,
        locale: str = "en",
    ) -> None:
        self.model = Path(model)
        self.cache_dir = cache_dir
        self.device = device
        self.tuned = (self.model / TUNED).is_file()
        chosen = settings or Settings()
        if chosen.mode == "auto":
            chosen = replace(chosen, mode="both" if self.tuned else "choose")
        self.settings = chosen
        self.locale = locale
        self._written: Memory[list[Draft]] = Memory(10_000)

    @cached_property
    def version(self) -> str:
        """Hash of weights, prompts, settings and runtime."""
        parts = [
            weights_version(self.model), PROMPT_VERSION, EXTRACTIVE_VERSION, self.locale,
            self.tuned, *(v for k, v in vars(self.settings).items() if k != "runtime"),
        ]  # fmt: skip
        if self.settings.runtime != "torch":  # what torch wrote before there was a choice stays
            parts += [self.settings.runtime, reading(self.model)]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]

    @cached_property
    def _lm(self) -> CausalLM | OpenVinoLM:
        if self.settings.runtime == "openvino":
            from recsys.blurbs.writers.openvino_lm import OpenVinoLM

            return OpenVinoLM(gguf_for(self.model, self.cache_dir), self.device)
        from recsys.blurbs.writers.causal_lm import CausalLM, prepare

        return CausalLM(prepare(self.model, self.cache_dir), self.device)

    @property
    def usage(self) -> Usage:
        """Tokens that the model has read and written."""
        if "_lm" not in self.__dict__:
            return Usage()
        return Usage(prompt_tokens=self._lm.tokens_read, completion_tokens=self._lm.tokens_written)

    def write(self, batch: Sequence[tuple[FactSheet, UserContext]], n: int) -> list[list[Draft]]:
        """Return at most `n` clauses for each product, best first.

        A clause that nothing competed with was not chosen by the model, and says so.
        """
        # The shopper does not change the clause, so each product is done once.
        keys = [(sheet.item_id, sheet.fingerprint, n) for sheet, _ in batch]
        todo = {k: s for k, (s, _) in zip(keys, batch, strict=True) if k not in self._written}
        for key, drafts in zip(todo, self._drafts(list(todo.values()), n), strict=True):
            self._written.put(key, drafts)
        return [self._written.get(key) or [] for key in keys]

    def _drafts(self, sheets: Sequence[FactSheet], n: int) -> list[list[Draft]]:
        """Return verified drafts: what says more than what it is first, then by probability."""
        texts: list[dict[str, How]] = [{} for _ in sheets]
        if self.settings.mode != "write":
            for mine, sheet in zip(texts, sheets, strict=True):
                options = [d.text for d in clauses(sheet, self.locale)[: 2 * n]]
                mine.update({x: "extracted" for x in self._true(options, sheet)[:n]})
        telling = [
            sum(self._news(text, sheet) > 0 for text in mine)
            for mine, sheet in zip(texts, sheets, strict=True)
        ]
        alone = self.settings.mode == "write"
        poor = [i for i, k in enumerate(telling) if alone or 0 < k < ENOUGH]
        if self.settings.mode != "choose" and poor:
            wanted = [min(LINES, max(1, n - len(texts[i]))) for i in poor]
            written = self._sampled([sheets[i] for i in poor], wanted)
            for i, lines in zip(poor, written, strict=True):
                mine, sheet = texts[i], sheets[i]
                # What is true may still be no sentence.
                good = [x for x in (shaped(x, sheet, self.locale) for x in lines) if x]
                # It may well be one that the catalogue has: the model wrote it all the same.
                mine.update({x: "wrote" for x in self._true(good, sheet)})
        drafts = [[Draft(text, how) for text, how in mine.items()] for mine in texts]
        return [ranked[:n] for ranked in self._ranked(sheets, drafts)]

    def _true(self, texts: Sequence[str], sheet: FactSheet) -> list[str]:
        return [x for x in texts if verify_truth(x, sheet, UserContext(), self.locale).ok]

    def _news(self, text: str, sheet: FactSheet) -> int:
        """Count the content words beyond title, brand and category, empty ones left out."""
        table = get_locale(self.locale)
        known = (content_stems(sheet.value(x), table) for x in IDENTITY)
        return len(set(content_stems(text, table)).difference(table.empty_stems, *known))

    def _sampled(self, sheets: Sequence[FactSheet], n: Sequence[int]) -> list[list[str]]:
        s = self.settings
        lines = self._lm.sample(
            [completion_prompt(sheet, self.locale, tuned=self.tuned) for sheet in sheets],
            n,
            max_new_tokens=s.max_new_tokens,
            temperature=s.temperature,
            top_p=s.top_p,
            seed=s.seed,
        )
        return [
            list(dict.fromkeys(c for c in (one_sentence(x) for x in many) if c)) for many in lines
        ]

    def _ranked(
        self, sheets: Sequence[FactSheet], drafts: Sequence[list[Draft]]
    ) -> list[list[Draft]]:
        """Order each product's drafts, and say of the catalogue's own which were chosen.

        Those that say more than what the product is stand first, and where there is one,
        the others stay as they were. Where several compete for the first place, the
        probability counts, with credit for each further word. A draft that nothing of its
        kind competed with was not chosen.
        """
        news = [[self._news(d.text, s) for d in own] for s, own in zip(sheets, drafts, strict=True)]
        rivals: dict[int, list[int]] = {}
        for i, own in enumerate(news):
            first = [j for j, k in enumerate(own) if k > 0] or list(range(len(own)))
            if len(first) > 1:
                rivals[i] = first
        scores = self._lm.mean_log_probs(
            [scoring_prompt(sheets[i], self.locale) for i in rivals],
            [[drafts[i][j].text for j in first] for i, first in rivals.items()],
        ) if rivals else []  # fmt: skip
        out = []
        for texts, known in zip(drafts, news, strict=True):
            said = [d for d, k in zip(texts, known, strict=True) if k > 0]
            out.append(said + [d for d, k in zip(texts, known, strict=True) if k == 0])
        for (i, first), values in zip(rivals.items(), scores, strict=True):
            total = {j: v + NEWS * min(news[i][j], 6) for j, v in zip(first, values, strict=True)}
            best = [drafts[i][j] for j in sorted(first, key=total.__getitem__, reverse=True)]
            chosen = [replace(d, how="chose") if d.how == "extracted" else d for d in best]
            out[i] = chosen + [d for j, d in enumerate(drafts[i]) if j not in total]
        return out


IDENTITY = ("title", "brand", "category", "categories")
"""Facts that say what the product is; a clause that says no more comes last."""
ENOUGH = 2
"""Catalogue clauses that say more, from which on nothing is written."""
LINES = 2
"""Lines at most that are written for a product: further ones are mostly the same again."""
NEWS = 0.15
"""Credit, in nats a token, for each content word beyond that, up to six."""


def one_sentence(line: str) -> str:
    """Cut a model's line to its first sentence; "" when it was cut off before a full stop."""
    line = re.sub(r"\s+", " ", line).strip().strip("\"'")
    match = re.match(r".*?[.!?](?=\s|$)|.*?[\u3002\uff01\uff1f]", line)
    return match.group().strip() if match else ""
