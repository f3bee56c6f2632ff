"""The report of a training run: what it learned, how good it is, for whom, and what it shows."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from experiments.evaluation.scorecard import HYBRID, Scorecard
from experiments.html import charts
from experiments.html.catalogue import embedding_map, shown_by_category
from experiments.html.page import Page
from experiments.html.shoppers import shopper_cards
from experiments.recording import Curves
from recsys.recommender import Recommender
from training.recipe import Recipe

LISTED = 10
"""Recommendations of each shopper that count in the shares by category."""


def write_report(
    path: Path,
    recipe: Recipe,
    recommender: Recommender,
    scorecard: Scorecard,
    curves: Curves,
    truth: pl.DataFrame,
    ablation: pl.DataFrame,
) -> None:
    """Write the report.

    Args:
        path: the HTML file.
        recipe: what was trained.
        recommender: as it was measured.
        scorecard: what was measured.
        curves: what was logged with steps.
        truth: `user_id`, `item_id` of the test window.
        ablation: what `experiments.ablation.ablate` returns; may be empty.

    Raises:
        MissingExtraError: Plotly is not installed.
    """
    page = Page(f"Training report: {recipe.name}", _subtitle(recommender, scorecard))
    _summary(page, scorecard)
    _accuracy(page, scorecard)
    _blend(page, scorecard, ablation)
    _for_whom(page, scorecard)
    _beyond(page, scorecard)
    _catalogue(page, recommender, scorecard)
    _learning(page, curves)
    page.text(
        "Twelve shoppers",
        "From the shortest history to the longest. A tick marks what the shopper went on to "
        "buy in the test window, which the model had not seen.",
    )
    page.cards(shopper_cards(recommender, truth))
    page.text("The recipe", f"Digest {recipe.digest}; every value is in recipe.toml of the run.")
    page.write(path)


def _subtitle(recommender: Recommender, scorecard: Scorecard) -> str:
    manifest = recommender.manifest
    users = ", ".join(
        f"{row['targets']} {row['n_users']:,} shoppers" for row in scorecard.users.to_dicts()
    )
    return (
        f"{manifest.dataset}: {len(recommender.users):,} shoppers and "
        f"{len(recommender.items):,} items to learn from; measured on {users}, "
        "over the full catalogue."
    )


def _summary(page: Page, scorecard: Scorecard) -> None:
    k = scorecard.ks[0]
    shown = [f"recall@{k}", f"ndcg@{k}", f"coverage@{k}", f"popularity_percentile@{k}"]
    page.text(
        "At a glance",
        "ALL counts everything bought in the test window, NEW only what the shopper had never "
        "bought before. The hybrid blends all the others.",
    )
    for targets in scorecard.targets:
        known = [metric for metric in shown if scorecard.has(metric, targets)]
        rows = [
            {"system": s, **{m: scorecard.value(targets, s, m) for m in known}}
            for s in scorecard.systems
        ]
        page.table(pl.DataFrame(rows), f"{targets} targets", bold=[HYBRID])


def _accuracy(page: Page, scorecard: Scorecard) -> None:
    page.text("How accurate", "Higher is better. The grey band is the hybrid's 95 % interval.")
    for targets in scorecard.targets:
        for key in ("recall", "ndcg"):
            page.figure(
                charts.at_k(scorecard, targets, key),
                f"{key} of the first k recommendations, {targets} targets, a line a system.",
            )


def _blend(page: Page, scorecard: Scorecard, ablation: pl.DataFrame) -> None:
    metric = f"ndcg@{scorecard.ks[0]}"
    if scorecard.differences.height:
        page.text(
            "What the blend adds",
            "Each component alone against the hybrid, shopper by shopper. Right of zero the "
            "hybrid is better; where the line crosses zero, it may be chance.",
        )
        rows = scorecard.differences.filter(metric=metric)
        page.figure(
            charts.leads(rows, "system", f"hybrid minus component, {metric}"),
            f"Lead in {metric}, 95 % intervals.",
        )
    if ablation.height:
        page.text(
            "What each component is worth",
            "The hybrid against itself with one component silenced; its ranker is not trained "
            "again. Right of zero, the blend leans on the component.",
        )
        rows = ablation.filter(metric=metric)
        n_users = max(rows["n_users"].to_list())
        page.figure(
            charts.leads(rows, "component", f"hybrid minus hybrid without it, {metric}"),
            f"Ablation in {metric} on up to {n_users:,} shoppers, 95 % intervals.",
        )


def _for_whom(page: Page, scorecard: Scorecard) -> None:
    metric = f"ndcg@{scorecard.ks[0]}"
    figures = [(t, charts.slice_bars(scorecard, t, metric)) for t in scorecard.targets]
    drawn = [(targets, figure) for targets, figure in figures if figure is not None]
    if not drawn:
        return
    page.text("For whom", "The hybrid on slices of shoppers and items; dotted: everybody.")
    for targets, figure in drawn:
        n = len(figure["data"][0]["y"])
        page.figure(figure, f"{metric} by slice, {targets} targets.", height=140 + 22 * n)


def _beyond(page: Page, scorecard: Scorecard) -> None:
    k = scorecard.ks[0]
    page.text("Beyond accuracy")
    if scorecard.has(f"coverage@{k}"):
        page.figure(
            charts.trade_off(scorecard, f"coverage@{k}", f"ndcg@{k}", "coverage against accuracy"),
            "Share of the catalogue that somebody is shown, against accuracy; circles ALL, "
            "diamonds NEW. Up and to the right is better.",
        )
    for metric, title, caption in (
        (
            f"popularity_percentile@{k}",
            "popularity of what is shown",
            "Mean popularity percentile of the lists; 1 would be the best-seller for everybody.",
        ),
        (
            f"calibration@{k}",
            "calibration",
            "Jensen-Shannon distance between the categories of a shopper's history and of their "
            "list; lower is closer to their habits.",
        ),
    ):
        if scorecard.has(metric):
            page.figure(charts.bars(scorecard, metric, title), caption)


def _catalogue(page: Page, recommender: Recommender, scorecard: Scorecard) -> None:
    lists = scorecard.scan(scorecard.targets[0]).select(pl.col("list").list.head(LISTED)).collect()
    shown = lists["list"].explode().drop_nulls().to_list()
    shares = shown_by_category(recommender, shown)
    drawn = embedding_map(recommender)
    if shares is None and drawn is None:
        return
    page.text("The catalogue")
    if shares is not None:
        page.figure(
            shares,
            f"The largest categories: their share of all purchases, and of {LISTED} "
            f"recommendations to each of {lists.height:,} shoppers.",
        )
    if drawn is not None:
        figure, share = drawn
        page.figure(
            figure,
            "Product texts as the encoder sees them, on two principal components "
            f"({share:.0%} of the variance). Larger points are bought more often.",
            height=560,
        )


def _learning(page: Page, curves: Curves) -> None:
    figures = charts.learning_figures(curves)
    if not figures:
        return
    page.text("How it learned", "What was logged while training, by step.")
    for figure in figures:
        page.figure(figure, height=300)
