"""`recsys blurbs verify` and `check-verifier`: verdicts on texts, and on the verifier itself."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import polars as pl
from rich.table import Table

from experiments.blurb_inputs import read_items, read_table
from experiments.terminal import Bars, Stopwatch, duration
from experiments.verifier.cases import FAITHFUL, Case, Half, written_cases
from experiments.verifier.suite import Judged, counted, generated_cases, judge, totals
from recsys.blurbs.anchors import OFTEN
from recsys.blurbs.context import UserContext
from recsys.blurbs.facts import FactSheet, fact_sheet
from recsys.blurbs.locales import get_locale
from recsys.blurbs.verify import VERIFIER_VERSION, verify_truth
from recsys.errors import DataError
from recsys.schema import ColumnRoles

BARS = {
    "inventions": (0.99, "caught"), "relation swaps": (0.90, "caught"),
    "negations": (0.90, "caught"), "false alarms": (0.10, "at most"),
}  # fmt: skip
"""Least share caught of each group, and the most true texts that may be refused."""


def verify_command(
    items: Path, blurbs: Path, out: Path, locale: str, mapping: Sequence[str]
) -> tuple[Any, ...]:
    """Judge the texts of a file; return a plain value and what to show of it.

    The output has the input's columns and rows, with `ok` and `reasons` (a list of
    `rule: what was found`). Each text is judged against its whole catalogue row and all of
    its history; "often" may be said of a label that stands there `OFTEN` times.

    Raises:
        DataError: a file or column is missing, a text names an item that the catalogue lacks.
    """
    get_locale(locale)
    watch = Stopwatch()
    with watch.stage("read"):
        frame, roles = read_items(items, mapping)
        texts = _read_texts(blurbs, frame["item_id"])
    rows = {row["item_id"]: row for row in _wanted(frame, texts).iter_rows(named=True)}
    sheets: dict[str, FactSheet] = {}
    ok: list[bool] = []
    reasons: list[list[str]] = []
    with watch.stage("verify"), Bars("texts") as bars:
        ids, histories = texts["_item"].to_list(), texts["_history"].to_list()
        for n, (item, history, text) in enumerate(
            zip(ids, histories, texts["text"].to_list(), strict=True), 1
        ):
            if item not in sheets:
                sheets[item] = fact_sheet(rows[item], roles, locale=locale, complete=True)
            verdict = verify_truth(
                text or "", sheets[item], UserContext(), locale,
                history=history or (), habits=_habits(history or ()),
            )  # fmt: skip
            ok.append(verdict.ok)
            reasons.append(list(verdict.reasons))
            bars.update("verify", n, texts.height)
    verdicts = texts.drop("_item", "_history").with_columns(
        pl.Series("ok", ok, dtype=pl.Boolean),
        pl.Series("reasons", reasons, dtype=pl.List(pl.String)),
    )
    write_whole(verdicts, out)
    rules = Counter(r.split(":")[0] for found in reasons for r in found)
    value = {
        "out": str(out), "texts": len(ok), "ok": sum(ok), "refused": len(ok) - sum(ok),
        "reasons": dict(rules.most_common()), "verifier": VERIFIER_VERSION,
        "seconds": watch.seconds,
    }  # fmt: skip
    why = ", ".join(f"{rule} {n:,}" for rule, n in rules.most_common(6))
    line = f"{out}: {sum(ok):,} of {len(ok):,} texts may be shown"
    return value, line + (f"; refused for {why}" if why else "")


def _habits(history: Sequence[str]) -> set[str]:
    return {label for label, times in Counter(history).items() if times >= OFTEN}


def check_command(
    items: Path,
    locale: str,
    mapping: Sequence[str],
    per_class: int,
    seed: int,
    half: str,
    out: Path | None,
) -> tuple[Any, ...]:
    """Measure the verifier on labelled texts about a catalogue; return a value and tables.

    True and false texts are made from the catalogue's products of one half; hand-written
    ones of that half come beside them.

    Raises:
        DataError: a file or column is missing, or there is no such half.
    """
    halves: tuple[Half, ...] = get_args(Half)
    wanted = next((h for h in halves if h == half), None)
    if wanted is None:
        raise DataError(f"--half {half!r}: give one of {', '.join(halves)}")
    watch = Stopwatch()
    with watch.stage("read"):
        frame, roles = read_items(items, mapping)
    rows = frame.to_dicts()
    sets: dict[str, list[Case]] = {}
    if get_locale(locale).code == "en":
        sets["generated"] = list(
            generated_cases(rows, roles, half=wanted, per_class=per_class, seed=seed)
        )
    sets["written by hand"] = [
        c for c in written_cases(rows) if c.half == wanted and c.locale == locale
    ]
    judged: dict[str, list[Judged]] = {}
    with watch.stage("verify"), Bars("texts") as bars:
        total = sum(map(len, sets.values()))
        for name, cases in sets.items():
            judged[name] = []
            for case in cases:
                judged[name].append(judge(case, _roles_of(case, roles)))
                bars.update("verify", sum(map(len, judged.values())), total)
    if out is not None:
        write_whole(_as_frame(judged), out)
    value = _value(judged, half, locale, watch)
    tables = [_table(name, found) for name, found in judged.items() if found]
    n = value["cases"]
    speed = f"{n:,} texts in {duration(watch.seconds['verify'])}"
    return value, *tables, _bars_table(value["sets"]), speed


def write_whole(frame: pl.DataFrame, out: Path) -> None:
    """Write parquet under a temporary name, then rename."""
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        frame.write_parquet(temporary)
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)


def _read_texts(path: Path, items: pl.Series) -> pl.DataFrame:
    """Read what is to be judged, with `_item` and `_history` ready for use."""
    frame = read_table(path, "blurbs")
    missing = [c for c in ("item_id", "history", "text") if c not in frame.columns]
    if missing:
        raise DataError(
            f"blurbs: {path} has no column {missing[0]!r}, only {frame.columns}; rename one"
        )
    kind = frame.schema["history"]
    if kind == pl.String:
        labels = pl.col("history").str.split("|")
    elif kind == pl.Null or isinstance(kind, pl.List):
        labels = pl.col("history").cast(pl.List(pl.String))
    else:
        raise DataError(
            f"{path}: column 'history' is {kind}, not a list of product labels; "
            "give a list of texts, or in CSV labels separated by |"
        )
    if frame.schema["text"] != pl.String:
        raise DataError(f"{path}: column 'text' is {frame.schema['text']}; give texts")
    frame = frame.with_columns(
        pl.col("item_id").cast(pl.String).alias("_item"),
        labels.list.drop_nulls().alias("_history"),
    )
    lost = frame.filter(~pl.col("_item").is_in(items.implode()) | pl.col("_item").is_null())
    if lost.height:
        some = lost["_item"].unique(maintain_order=True).head(3).to_list()
        raise DataError(
            f"{path}: {lost.height} texts name an item_id that --items does not have, "
            f"such as {some}; drop these texts or complete --items"
        )
    return frame


def _wanted(frame: pl.DataFrame, texts: pl.DataFrame) -> pl.DataFrame:
    return frame.filter(pl.col("item_id").is_in(texts["_item"].implode()))


def _roles_of(case: Case, roles: ColumnRoles) -> ColumnRoles:
    """Products that a file of cases brings along have columns of their own."""
    if case.brought:
        return ColumnRoles(description="description", brand="brand", category="category")
    return roles


def _as_frame(judged: Mapping[str, Sequence[Judged]]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "item_id": str(j.case.row["item_id"]), "history": list(j.case.history),
                "text": j.case.text, "class": j.case.kind, "origin": f"{name}: {j.case.origin}",
                "ok": j.verdict.ok, "reasons": list(j.verdict.reasons),
                "right": j.verdict.ok == j.case.is_true,
            }
            for name, found in judged.items()
            for j in found
        ],
        schema={
            "item_id": pl.String, "history": pl.List(pl.String), "text": pl.String,
            "class": pl.String, "origin": pl.String, "ok": pl.Boolean,
            "reasons": pl.List(pl.String), "right": pl.Boolean,
        },
    )  # fmt: skip


def _value(
    judged: Mapping[str, Sequence[Judged]], half: str, locale: str, watch: Stopwatch
) -> dict[str, Any]:
    sets = {}
    for name, found in judged.items():
        if found:
            classes = counted(found)
            sets[name] = {"classes": classes, "bars": _judged_bars(totals(classes))}
    return {
        "verifier": VERIFIER_VERSION, "half": half, "locale": locale, "sets": sets,
        "cases": sum(map(len, judged.values())), "seconds": watch.seconds,
    }  # fmt: skip


def _judged_bars(found: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, Any]]:
    out = {}
    for name, group in found.items():
        bar, _ = BARS[name]
        met = group["share"] <= bar if name == "false alarms" else group["share"] >= bar
        out[name] = {**group, "bar": bar, "met": met if group["cases"] else None}
    return out


def _table(name: str, judged: Sequence[Judged]) -> Table:
    table = Table(title=f"Verdicts, {name}")
    for heading in ("class", "cases", "right", "share", "95 %", "precision"):
        table.add_column(heading, justify="left" if heading == "class" else "right")
    for row in counted(judged):
        precision = row["precision"]
        table.add_row(
            row["class"] if row["class"] != FAITHFUL else "faithful (shown)",
            f"{row['cases']:,}", f"{row['right']:,}", f"{row['recall']:.1%}",
            f"{row['low']:.0%} to {row['high']:.0%}",
            "" if precision is None else f"{precision:.2f}",
        )  # fmt: skip
    return table


def _bars_table(sets: Mapping[str, Mapping[str, Any]]) -> Table:
    table = Table(title="Bars")
    for heading in ("set", "group", "cases", "share", "95 %", "bar", "met"):
        table.add_column(heading, justify="left" if heading in ("set", "group") else "right")
    for name, found in sets.items():
        for group, bar in found["bars"].items():
            if not bar["cases"]:
                continue
            sign = "\u2264" if group == "false alarms" else "\u2265"
            table.add_row(
                name, group, f"{bar['cases']:,}", f"{bar['share']:.1%}",
                f"{bar['low']:.1%} to {bar['high']:.1%}", f"{sign} {bar['bar']:.0%}",
                "yes" if bar["met"] else "no",
            )  # fmt: skip
    return table
