"""Pairs to tune a blurb writer on: a product's facts, and a clause that they support.

The clauses are the catalogue's own sentences, edited as the extractive writer edits them,
and, where a teacher is given, what it wrote: each of them accepted by the verifier.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from recsys.blurbs import BlurbWriter, FactSheet, UserContext, verify_truth
from recsys.blurbs.locales import get_locale
from recsys.blurbs.prompt import completion_prompt
from recsys.blurbs.tokens import content_stems
from recsys.blurbs.writers.extractive import clauses

Part = Literal["train", "validation", "test"]
PER_PRODUCT = 3
TEACHER_BATCH = 16


@dataclass(frozen=True, slots=True)
class Pair:
    """What the model reads, and what it is to write.

    Attributes:
        item_id: of the product.
        prompt: name and facts; ends where the clause begins.
        response: the clause, one line.
    """

    item_id: str
    prompt: str
    response: str


def part_of(sheet: FactSheet) -> Part:
    """Return where a product belongs, 8:1:1, by a hash of its facts.

    Products with the same facts stay together, so that none is learned and tested on.
    """
    digest = hashlib.sha256(sheet.fingerprint.encode()).digest()
    place = digest[0] % 10
    return "train" if place < 8 else "validation" if place == 8 else "test"


def split_sheets(sheets: Sequence[FactSheet]) -> dict[Part, list[FactSheet]]:
    """Split products 8:1:1; of those with the same facts the first is kept."""
    parts: dict[Part, list[FactSheet]] = {"train": [], "validation": [], "test": []}
    for sheet in {s.fingerprint: s for s in reversed(sheets)}.values():
        parts[part_of(sheet)].append(sheet)
    return parts


def pairs_of(
    sheets: Sequence[FactSheet], locale: str = "en", teacher: BlurbWriter | None = None
) -> list[Pair]:
    """Return up to three pairs a product, or none.

    A clause must be true, say more than the title, and say it in words of the prompt: what
    the model cannot read it must not learn to write.
    """
    table = get_locale(locale)
    taught = _taught(sheets, teacher)
    pairs = []
    for sheet, lessons in zip(sheets, taught, strict=True):
        own = [d.text for d in clauses(sheet, locale)]
        true = [
            text
            for text in dict.fromkeys([*lessons, *own])
            if verify_truth(text, sheet, UserContext(), locale).ok
        ]
        title = set(content_stems(sheet.value("title"), table))
        prompt = completion_prompt(sheet, locale, tuned=True)
        legible = title | set(content_stems(prompt, table))
        telling = [x for x in true if title < title | set(content_stems(x, table)) <= legible]
        pairs += [Pair(sheet.item_id, prompt, x) for x in telling[:PER_PRODUCT]]
    return pairs


def _taught(sheets: Sequence[FactSheet], teacher: BlurbWriter | None) -> list[list[str]]:
    if teacher is None:
        return [[] for _ in sheets]
    lessons: list[list[str]] = []
    for start in range(0, len(sheets), TEACHER_BATCH):
        batch = [(s, UserContext()) for s in sheets[start : start + TEACHER_BATCH]]
        lessons += [[d.text for d in drafts] for drafts in teacher.write(batch, PER_PRODUCT)]
    return lessons
