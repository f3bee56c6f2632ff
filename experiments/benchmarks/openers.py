"""Checks that what blurbs name has moved the score: remove it, and the score must fall.

    python -m experiments.benchmarks.openers bundles/demo --users 100

For each blurb that names a purchase, the shopper's history is ranked anew without that
item, from the proposals on, and the recommended item's final score is compared.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from experiments.terminal import Bars
from recsys import Recommender
from recsys.blurbs.context import safe_label
from recsys.requests import Batch, batches
from recsys.types import Recommendation, RecommendationRequest

TARGET = 0.95


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the share, its target and the verdict as one JSON object."""
    parser = argparse.ArgumentParser(description="Check the purchases that blurbs name.")
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--users", type=int, default=100)
    parser.add_argument("-k", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    recommender = Recommender.load(given.bundle)
    rng = np.random.default_rng(given.seed)
    n = min(given.users, len(recommender.users))
    users = recommender.users.external(rng.choice(len(recommender.users), n, replace=False))
    cited = fell = blurbs = 0
    with Bars("shoppers") as bars:
        for done, user in enumerate(users, 1):
            answer = recommender.recommend(user, given.k, blurbs=True)
            # As deep as the pool of proposals, and no deeper: that would change the pool.
            request = RecommendationRequest(user_id=user, k=recommender.engine.n_candidates)
            batch = next(iter(batches(recommender.dataset, [request])))
            for item in answer.items:
                blurbs += item.blurb is not None
                named = named_purchase(recommender, item)
                if named is None:
                    continue
                cited += 1
                fell += falls(recommender, batch, item, named)
            bars.update("remove what was named", done, n)
    share = fell / cited if cited else 0.0
    result = {
        "shoppers": n,
        "blurbs": blurbs,
        "naming_a_purchase": cited,
        "score_falls_without_it": round(share, 4),
        "target": TARGET,
        "verdict": "met" if share >= TARGET else "missed",
    }
    print(json.dumps(result, indent=1))


def named_purchase(recommender: Recommender, item: Recommendation) -> str | None:
    """Return the item of the evidence that the blurb names, or None."""
    text = "" if item.blurb is None else item.blurb.text.lower()
    for cited in item.evidence:
        row = int(recommender.items.rows([cited])[0])
        label = safe_label(recommender.catalogue.label(row))
        if label is not None and label.lower() in text:
            return cited
    return None


def falls(recommender: Recommender, batch: Batch, item: Recommendation, named: str) -> bool:
    """Rank without the purchase that the blurb names; tell whether the score is lower."""
    row, gone = (int(r) for r in recommender.items.rows([item.item_id, named]))
    query = batch.queries
    kept = query.histories.items != gone
    # What was bought stays excluded, so that the lists differ by the history alone.
    without = replace(query, histories=query.histories.keep(kept))
    ranked = recommender.engine.rank(without, batch.k, batch.head).candidates
    place = np.flatnonzero(ranked.items == row)
    return not len(place) or float(ranked.scores[place[0]]) < item.score


if __name__ == "__main__":
    main()
