"""The bodies of `recsys promote`, `rollback` and `registry list`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl
from rich.table import Table
from rich.text import Text

from experiments.heartbeat import end_stale
from experiments.promotion import PromoteOptions, Promotion, promote, roll_back
from experiments.registry import listing
from experiments.store import connect

SHOWN = 6
"""Comparisons shown: those that come closest to a refusal."""


def promote_command(run_id: str, options: PromoteOptions) -> tuple[Any, ...]:
    """Promote a run; return a plain value and what to show of it."""
    promotion = promote(run_id, options)
    return (as_json(promotion), *shown(promotion))


def as_json(promotion: Promotion) -> dict[str, Any]:
    """Return a promotion as plain values."""
    return {
        "model": promotion.model,
        "version": int(promotion.version),
        "alias": promotion.alias,
        "moved": promotion.moved,
        "forced": promotion.forced,
        "run_id": promotion.run_id,
        "gate": promotion.verdict.as_json(),
    }


def shown(promotion: Promotion) -> list[Any]:
    """Return what a person sees of a promotion."""
    verdict = promotion.verdict
    parts: list[Any] = []
    if verdict.accuracy.height:
        parts.append(_closest(verdict.accuracy))
    parts += [f"{check.name}: {check.text}" for check in verdict.checks]
    how = "forced against the gate" if promotion.forced else verdict.summary
    return [*parts, f"{promotion.model} {promotion.version} is its {promotion.alias} now: {how}"]


def rollback_command(model: str, alias: str, uri: str | None) -> tuple[Any, ...]:
    """Roll an alias back; return a plain value and what to show of it."""
    left, restored = roll_back(model, alias, uri=uri)
    value = {"model": model, "alias": alias, "from": int(left), "to": int(restored)}
    return value, f"{model} {restored} is its {alias} again; it was {left}"


def list_command(model: str | None, uri: str | None) -> tuple[Any, ...]:
    """List registered versions; return a plain value and what to show of it."""
    end_stale(connect(uri))
    frame = listing(model=model, uri=uri)
    if not frame.height:
        return [], "nothing is registered yet: `recsys train` registers what it makes"
    table = Table(title="Registered models", title_justify="left")
    for name in frame.columns:
        table.add_column(name, overflow="fold", justify="right" if name == "version" else "left")
    for row in frame.iter_rows():
        table.add_row(*(Text(str(value)) for value in row))
    return frame.to_dicts(), table


def _closest(accuracy: pl.DataFrame) -> Table:
    """Show the comparisons with the largest losses, relative to the champion."""
    worst = accuracy.sort(pl.col("difference") / pl.col("champion"), nulls_last=True).head(SHOWN)
    table = Table(title="Largest losses against the champion", title_justify="left")
    for name in ("targets", "slice", "metric"):
        table.add_column(name)
    for name in ("champion", "candidate", "difference", "interval", "shoppers"):
        table.add_column(name, justify="right")
    for row in worst.iter_rows(named=True):
        table.add_row(
            *_texts(row, ("targets", "slice", "metric")),
            f"{row['champion']:.4f}",
            f"{row['candidate']:.4f}",
            Text(f"{row['difference']:+.4f}", style="red" if row["worse"] else ""),
            f"[{row['low']:+.4f}, {row['high']:+.4f}]",
            f"{row['n_users']:,}",
        )
    return table


def _texts(row: dict[str, Any], names: Sequence[str]) -> list[Text]:
    return [Text(str(row[name])) for name in names]
