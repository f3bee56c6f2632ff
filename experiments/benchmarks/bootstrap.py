"""How often the bootstrap cries wolf: pairs of systems without a difference, compared.

    python -m experiments.benchmarks.bootstrap
    python -m experiments.benchmarks.bootstrap --pairs 200 --json

Users differ in how easy they are to please, the two systems draw their hits from the same
chances, so every difference is luck. The 95 % interval should exclude zero in about 5 % of
the cases (target 3-7 %), and Holm's correction over 20 metrics should leave at most 5 % of
the pairs with any significant metric (target at most 7 %). Exits with 1 on a miss.
"""

from __future__ import annotations

import argparse
import json
import sys

import numpy as np
import polars as pl

from recsys.metrics.paired import difference_table

KS = (1, 2, 3, 5, 10)
KINDS = ("recall", "precision", "hit_rate", "ndcg")
LEVEL = 0.05
RATE = (0.03, 0.07)
FAMILY_WISE = 0.07
RELEVANT = 8


def main() -> None:
    """Simulate, compare, and judge the rates."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--users", type=int, default=500)
    parser.add_argument("--resamples", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print one JSON object only")
    args = parser.parse_args()
    names = [f"{kind}@{k}" for k in KS for kind in KINDS]
    excluded = np.zeros((args.pairs, len(names)), dtype=np.bool_)
    family = np.zeros(args.pairs, dtype=np.bool_)
    for pair in range(args.pairs):
        rng = np.random.default_rng([args.seed, pair])
        chances = rng.beta(0.6, 6.0, args.users)
        a, b = (values(chances, rng) for _ in range(2))
        table = difference_table(a, b, names, resamples=args.resamples, seed=pair)
        excluded[pair] = ((table["low"] > 0) | (table["high"] < 0)).to_numpy()
        family[pair] = bool((table["p_holm"] <= LEVEL).any())
    rates = excluded.mean(axis=0)
    result = {
        **vars(args),
        "metrics": len(names),
        "excludes_zero": round(float(rates.mean()), 4),
        "excludes_zero_ndcg_at_10": round(float(rates[names.index("ndcg@10")]), 4),
        "lowest_metric": round(float(rates.min()), 4),
        "highest_metric": round(float(rates.max()), 4),
        "family_wise_error": round(float(family.mean()), 4),
    }
    good = RATE[0] <= rates.mean() <= RATE[1] and family.mean() <= FAMILY_WISE
    result["verdict"] = "met" if good else "missed"
    if args.json:
        print(json.dumps(result))
    else:
        print(
            f"{args.pairs:,} pairs of {args.users:,} users without a difference, "
            f"{args.resamples:,} resamples\n"
            f"95 % interval excludes zero: {rates.mean():.1%} of the cases (target 3-7 %), "
            f"by metric {rates.min():.1%} to {rates.max():.1%}\n"
            f"Holm over {len(names)} metrics, any false alarm: {family.mean():.1%} of the pairs "
            f"(target at most 7 %)\nverdict: {result['verdict']}"
        )
    sys.exit(0 if good else 1)


def values(chances: np.ndarray, rng: np.random.Generator) -> pl.LazyFrame:
    """Draw a list for each user, hits with the user's chance; return its per-user metrics."""
    hits = rng.random((len(chances), max(KS))) < chances[:, None]  # [users, places]
    discount = 1.0 / np.log2(np.arange(2, max(KS) + 2))
    ideal = np.cumsum(discount)
    columns: dict[str, object] = {"user_id": np.arange(len(chances))}
    for k in KS:
        n = hits[:, :k].sum(axis=1)
        columns[f"recall@{k}"] = n / RELEVANT
        columns[f"precision@{k}"] = n / k
        columns[f"hit_rate@{k}"] = (n > 0).astype(np.float64)
        columns[f"ndcg@{k}"] = hits[:, :k] @ discount[:k] / ideal[min(k, RELEVANT) - 1]
    return pl.DataFrame(columns).lazy()


if __name__ == "__main__":
    main()
