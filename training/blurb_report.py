"""What a tuned writer writes of products that it has not seen.

Perplexity and BLEU say how well it has learned its targets, and nothing about truth; the
share of its lines that the verifier accepts does.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from recsys.blurbs import FactSheet, UserContext, verify_truth
from recsys.blurbs.locales import get_locale
from recsys.blurbs.opener import join, opener
from recsys.blurbs.prompt import completion_prompt
from recsys.blurbs.writers.causal_lm import CausalLM
from recsys.blurbs.writers.local_llm import one_sentence
from recsys.errors import MissingExtraError
from training.blurb_pairs import Pair

BATCH = 16


@dataclass(frozen=True)
class WriterReport:
    """Measures on held-out products.

    Attributes:
        products: how many.
        perplexity: exp of the mean negative log-likelihood of a clause's token.
        bleu: corpus BLEU of the greedy lines against the products' clauses, 0 to 100.
        distinct_1: distinct words by all words of the greedy lines.
        distinct_2: distinct pairs of neighbouring words, likewise.
        whole: share of the greedy lines that end in a full stop.
        verified: share of the greedy lines that the verifier accepts.
        verified_best: share of the products with an accepted line among `samples` drawn.
        samples: lines drawn for a product.
        swapped: share of the accepted lines whose blurb names the new label, and no
            longer the old one, when the history is exchanged.
        leaked: share whose blurb still names the old label.
    """

    products: int
    perplexity: float
    bleu: float
    distinct_1: float
    distinct_2: float
    whole: float
    verified: float
    verified_best: float
    samples: int
    swapped: float
    leaked: float


def report_on(
    model: Path,
    sheets: Sequence[FactSheet],
    pairs: Sequence[Pair],
    *,
    locale: str = "en",
    samples: int = 4,
    loss: float = math.nan,
) -> WriterReport:
    """Measure the tuned model at `model` on the products `sheets` and their pairs.

    Args:
        model: directory of the tuned writer.
        sheets: held-out products.
        pairs: their clauses, what BLEU compares with.
        locale: language of the shop.
        samples: lines drawn for a product, beside the greedy one.
        loss: mean loss on the pairs, for the perplexity.

    Raises:
        MissingExtraError: sacrebleu is not installed.
    """
    wanted: dict[str, list[str]] = {}
    for pair in pairs:
        wanted.setdefault(pair.item_id, []).append(pair.response)
    held = [sheet for sheet in sheets if sheet.item_id in wanted]
    lm = CausalLM(model)
    greedy: list[str] = []
    drawn: list[list[str]] = []
    for start in range(0, len(held), BATCH):
        prompts = [completion_prompt(s, locale, tuned=True) for s in held[start : start + BATCH]]
        greedy += [one_sentence(x[0]) for x in lm.sample(prompts, 1, temperature=0.0)]
        drawn += [[one_sentence(x) for x in many] for many in lm.sample(prompts, samples)]
    true = [_is_true(line, s, locale) for line, s in zip(greedy, held, strict=True)]
    best = [
        any(_is_true(line, s, locale) for line in lines)
        for lines, s in zip(drawn, held, strict=True)
    ]
    accepted = [(x, s) for x, s, ok in zip(greedy, held, true, strict=True) if ok]
    swaps = [_swap(line, sheet, locale) for line, sheet in accepted]
    return WriterReport(
        products=len(held),
        perplexity=math.exp(loss),
        bleu=_bleu(greedy, [wanted[s.item_id] for s in held], locale),
        distinct_1=_distinct(greedy, 1),
        distinct_2=_distinct(greedy, 2),
        whole=_share([bool(line) for line in greedy]),
        verified=_share(true),
        verified_best=_share(best),
        samples=samples,
        swapped=_share([new and not old for new, old in swaps]),
        leaked=_share([old for _, old in swaps]),
    )


def _is_true(line: str, sheet: FactSheet, locale: str) -> bool:
    return bool(line) and verify_truth(line, sheet, UserContext(), locale).ok


def _swap(line: str, sheet: FactSheet, locale: str) -> tuple[bool, bool]:
    """Exchange the history: whether the blurb names the new label, and the old one."""
    old, new = ("garden furniture", "desk lamps") if locale == "en" else ("花园家具", "台灯")
    before = UserContext.of([old], anchor=old, locale=locale)
    after = UserContext.of([new], anchor=new, locale=locale)
    first = join(opener(sheet, before, locale), line, locale)
    second = join(opener(sheet, after, locale), line, locale)
    return old in first and new in second, old in second


def _bleu(lines: Sequence[str], wanted: Sequence[Sequence[str]], locale: str) -> float:
    try:
        import sacrebleu
    except ImportError as error:
        raise MissingExtraError("tune", "measuring BLEU") from error
    most = max(map(len, wanted), default=0)
    references = [[w[i] if i < len(w) else None for w in wanted] for i in range(most)]
    tokenizer = "13a" if get_locale(locale).spaced else "zh"
    return float(sacrebleu.corpus_bleu(list(lines), references, tokenize=tokenizer).score)


def _distinct(lines: Sequence[str], n: int) -> float:
    words = [re.findall(r"[\w'-]+|[\u4e00-\u9fff]", line.lower()) for line in lines]
    grams = [gram for own in words for gram in zip(*(own[i:] for i in range(n)), strict=False)]
    return len(set(grams)) / len(grams) if grams else 0.0


def _share(values: Sequence[bool]) -> float:
    return sum(values) / len(values) if values else 0.0
