"""Builds the labelled cases of a catalogue, has them judged, and counts."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.verifier.cases import FAITHFUL, TWISTS, Case, Half, half_of
from experiments.verifier.mutations import MUTATIONS, Subject
from experiments.verifier.paraphrases import TrueText, true_texts
from recsys.blurbs.context import UserContext
from recsys.blurbs.display import display_name
from recsys.blurbs.facts import fact_sheet
from recsys.blurbs.locales import get_locale
from recsys.blurbs.sanitise import count_words
from recsys.blurbs.verify import Verdict, verify_truth
from recsys.schema import ColumnRoles

_RULES = {
    "feature": ("word",), "brand": ("word",), "number": ("number",), "unit": ("number",),
    "relation": ("relation", "number"), "negation": ("relation",), "history": ("history", "word"),
    "language": ("language", "word"), "injection": ("instruction", "markup"), "url": ("address",),
    "html": ("markup",), "homoglyph": ("characters",), "bidi": ("characters",),
}  # fmt: skip
"""Rules whose refusal is a refusal for the class; others have the class's own name."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A case and its verdict."""

    case: Case
    verdict: Verdict


def judge(case: Case, roles: ColumnRoles) -> Judged:
    """Have the verifier judge a case as it judges other people's texts."""
    sheet = fact_sheet(case.row, roles, locale=case.locale, complete=True)
    verdict = verify_truth(case.text, sheet, UserContext(), case.locale, history=case.history)
    return Judged(case, verdict)


def generated_cases(
    rows: Sequence[Mapping[str, Any]],
    roles: ColumnRoles,
    *,
    half: Half,
    per_class: int,
    seed: int,
) -> Iterator[Case]:
    """Make true texts about a catalogue's products, and false ones out of them.

    As many cases of each class, and three times as many true ones, as far as the
    catalogue gives them; products with more to say come first.
    """
    rng = random.Random(f"{seed} {half}")
    pool = [r for r in rows if half_of(str(r["item_id"])) == half]
    rng.shuffle(pool)
    pool.sort(key=lambda r: -min(3.0, count_words(_described(r, roles)) // 12))
    labels = _labels(rows, roles)
    brands = sorted({str(r.get(roles.brand or "")) for r in rows} - {"", "None", "Generic"})
    wanted = Counter(dict.fromkeys(MUTATIONS, per_class)) + Counter({FAITHFUL: 3 * per_class})
    for row in pool:
        if not +wanted:
            return
        history = rng.sample(labels, min(3, len(labels)))
        sheet = fact_sheet(row, roles)
        texts = list(true_texts(sheet, history, rng))
        if not texts:
            continue
        for true in texts[:2]:
            if wanted[FAITHFUL] > 0:
                wanted[FAITHFUL] -= 1
                yield Case(row, tuple(history), true.text, FAITHFUL, true.how, half)
        order = sorted(MUTATIONS, key=lambda kind: (-wanted[kind], rng.random()))
        for kind in order[:8]:
            if wanted[kind] <= 0:
                continue
            true = rng.choice(texts)
            subject = _subject(true, row, history, labels, brands, rng)
            text = MUTATIONS[kind](subject, rng)
            if text and text != true.text:
                wanted[kind] -= 1
                yield Case(row, tuple(history), text, kind, true.how, half)


def _subject(
    true: TrueText,
    row: Mapping[str, Any],
    history: Sequence[str],
    labels: Sequence[str],
    brands: Sequence[str],
    rng: random.Random,
) -> Subject:
    known = " ".join(str(v) for v in row.values()).lower()
    brand = next((b for b in brands if b in true.clause and b.lower() in known), "")
    return Subject(
        text=true.text,
        clause=true.clause,
        label=true.label,
        known=known,
        history=history,
        other_brand=rng.choice(brands) if brands else "Bosch",
        other_label=rng.choice([x for x in labels if x not in history] or ["chess sets"]),
        brand=brand,
    )


def _described(row: Mapping[str, Any], roles: ColumnRoles) -> str:
    return str(row.get(roles.description or "") or "")


def _labels(rows: Sequence[Mapping[str, Any]], roles: ColumnRoles) -> list[str]:
    """Titles that a shopper's history could show: short enough, nothing sensitive."""
    table = get_locale("en")
    titles = sorted({str(r.get(roles.title) or "") for r in rows})
    return [
        t
        for t in titles
        if 3 <= len(display_name(t).split()) <= 8
        and len(t) <= 120
        and not table.sensitive.search(t)
        and not any(p.search(t) for p in table.claims.values())
    ]


def wilson(hits: int, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson, JASA 1927).

    >>> [round(x, 2) for x in wilson(45, 50)]
    [0.79, 0.96]
    """
    if n == 0:
        return 0.0, 1.0
    z, p = 1.96, hits / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    spread = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return centre - spread, centre + spread


def counted(judged: Iterable[Judged]) -> list[dict[str, Any]]:
    """Count by class: cases, right verdicts, recall with interval, precision of its rules.

    For true texts `recall` is the share shown. Precision: of the cases that a class's
    rules refused, among its own and the true ones, the share that are its own.
    """
    judged = list(judged)
    rows = []
    for kind in sorted({j.case.kind for j in judged}):
        mine = [j for j in judged if j.case.kind == kind]
        right = sum(j.verdict.ok == j.case.is_true for j in mine)
        low, high = wilson(right, len(mine))
        row: dict[str, Any] = {
            "class": kind, "cases": len(mine), "right": right, "recall": right / len(mine),
            "low": low, "high": high, "precision": None,
        }  # fmt: skip
        if kind != FAITHFUL:
            rules = _RULES.get(kind, (kind,))
            alarms = sum(j.case.is_true and _refused_by(j, rules) for j in judged)
            row["precision"] = right / (right + alarms) if right + alarms else None
        rows.append(row)
    return rows


def _refused_by(judged: Judged, rules: tuple[str, ...]) -> bool:
    return any(reason.split(":")[0] in rules for reason in judged.verdict.reasons)


def totals(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Sum the classes up as the bars do: inventions, twists, true texts."""
    out = {}
    groups = {
        "inventions": [r for r in rows if r["class"] not in {*TWISTS, FAITHFUL}],
        "relation swaps": [r for r in rows if r["class"] == "relation"],
        "negations": [r for r in rows if r["class"] == "negation"],
        "false alarms": [r for r in rows if r["class"] == FAITHFUL],
    }
    for name, members in groups.items():
        cases = sum(r["cases"] for r in members)
        right = sum(r["right"] for r in members)
        hits = cases - right if name == "false alarms" else right
        low, high = wilson(hits, cases)
        out[name] = {"cases": cases, "hits": hits, "share": hits / cases if cases else 0.0,
                     "low": low, "high": high}  # fmt: skip
    return out
