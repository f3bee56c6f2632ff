"""Example shoppers: what they bought, what they are shown, and what they then bought."""

from __future__ import annotations

import numpy as np
import polars as pl

from experiments.html.page import Fragment, text
from recsys.recommender import Recommender
from recsys.types import Recommendations

SHOPPERS = 12
HISTORY = 6
NEW = 5
AGAIN = 5


def example_shoppers(recommender: Recommender, truth: pl.DataFrame) -> list[str]:
    """Pick shoppers of the test window by the length of their history, short to long.

    The same ones every time, one without any history among them where there is one.
    """
    asked = truth["user_id"].unique().sort()
    rows = recommender.users.rows(asked)
    lengths = np.where(rows >= 0, recommender.dataset.histories.counts[np.maximum(rows, 0)], 0)
    order = np.argsort(lengths, kind="stable")
    picks = np.unique(np.linspace(0, len(order) - 1, min(SHOPPERS, len(order))).astype(int))
    return asked.gather(order[picks]).to_list()


def shopper_cards(recommender: Recommender, truth: pl.DataFrame) -> list[Fragment]:
    """Return a card a shopper: history, new items with blurbs, what to buy again."""
    cards = []
    for user in example_shoppers(recommender, truth):
        bought = set(truth.filter(user_id=user)["item_id"].to_list())
        history = recommender.history_frame(user, HISTORY)
        new = recommender.recommend(user, NEW, blurbs=True, explain=False)
        again = recommender.recommend(user, AGAIN, repeats="allow")
        names = titles_of(recommender, [*new.item_ids, *again.item_ids])
        before = [
            f"{row['title']} ({row['n_purchases']} x)" for row in history.iter_rows(named=True)
        ]
        cards.append(
            Fragment(
                f"<h3>Shopper {text(user)}</h3>"
                f"<h4>bought lately</h4>{text(before) if before else text('nothing yet')}"
                f"<h4>new for them</h4>{_list(new, names, bought)}"
                f"<h4>everything allowed</h4>{_list(again, names, bought)}"
            )
        )
    return cards


def titles_of(recommender: Recommender, item_ids: list[str]) -> dict[str, str]:
    """Return what to call each item."""
    rows = recommender.items.rows(item_ids).tolist()
    return {i: recommender.catalogue.label(r) for i, r in zip(item_ids, rows, strict=True)}


def _list(answer: Recommendations, names: dict[str, str], bought: set[str]) -> Fragment:
    lines = []
    for item in answer.items:
        hit = ' <span class="hit">✓ bought</span>' if item.item_id in bought else ""
        blurb = f'<span class="blurb">{text(item.blurb.text)}</span>' if item.blurb else ""
        source = f' <span class="soft">{text(item.source)}</span>'
        lines.append(f"<li>{text(names[item.item_id])}{source}{hit}{blurb}</li>")
    return Fragment(f"<ol>{''.join(lines)}</ol>")
