"""Faults of a table: what they are called, and how rows are searched for them.

Every search is a lazy polars query that counts all rows and keeps three examples, so
files larger than memory can be checked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

EXAMPLES = 3
MAX_ID_LENGTH = 256
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault of one column.

    Attributes:
        file: file of the dataset directory.
        column: column name; empty where the whole file is meant.
        rule: short name of the broken rule, stable for programs.
        problem: what is wrong, in words.
        count: how many rows (or files, or names) break it.
        examples: at most three, with row numbers from 0 where rows have them.
        remedy: the next thing to try.
    """

    file: str
    column: str
    rule: str
    problem: str
    count: int
    examples: tuple[str, ...]
    remedy: str

    def __str__(self) -> str:
        """Return one line: where, how many, what, examples, remedy."""
        where = f"{self.file}, column {self.column}" if self.column else self.file
        shown = f" ({'; '.join(self.examples)})" if self.examples else ""
        return f"{where}: {self.count:,} x {self.problem}{shown}. {self.remedy}"


@dataclass(frozen=True, slots=True)
class RowRule:
    """A condition that no row may meet.

    Attributes:
        column: the column that is at fault and shown in examples.
        rule: see `Fault.rule`.
        broken: true where a row is at fault; null counts as false.
        problem: see `Fault.problem`.
        remedy: see `Fault.remedy`.
    """

    column: str
    rule: str
    broken: pl.Expr
    problem: str
    remedy: str


def shorten(value: object) -> str:
    """Quote a value for a message, cut to a readable length.

    >>> shorten("a" * 100)
    "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...'"
    """
    if isinstance(value, str):
        return repr(value if len(value) <= _SHOWN else value[: _SHOWN - 3] + "...")
    return str(value)


def broken_rows(file: str, frame: pl.LazyFrame, rules: Iterable[RowRule]) -> list[Fault]:
    """Check all `rules` in one pass; a second pass fetches examples where some failed."""
    rules = list(rules)
    if not rules:
        return []
    counts = frame.select(
        rule.broken.fill_null(False).sum().alias(str(i)) for i, rule in enumerate(rules)
    ).collect(engine="streaming")
    faults = []
    for rule, count in zip(rules, counts.row(0), strict=True):
        if count:
            rows = (
                frame.with_row_index("__row")
                .filter(rule.broken)
                .select("__row", pl.col(rule.column).alias("value"))
                .head(EXAMPLES)
                .collect(engine="streaming")
            )
            examples = tuple(f"row {row}: {shorten(value)}" for row, value in rows.rows())
            faults.append(
                Fault(file, rule.column, rule.rule, rule.problem, count, examples, rule.remedy)
            )
    return faults


def id_rules(column: str) -> list[RowRule]:
    """Rules of an id column: present, not empty, at most 256 characters."""
    value = pl.col(column)
    return [
        RowRule(
            column,
            "null_id",
            value.is_null(),
            "null",
            f"Drop these rows or give them a {column}.",
        ),
        RowRule(
            column,
            "empty_id",
            value.str.strip_chars().str.len_bytes() == 0,
            "empty or blank",
            f"Drop these rows or give them a {column}.",
        ),
        RowRule(
            column,
            "long_id",
            value.str.len_chars() > MAX_ID_LENGTH,
            f"longer than {MAX_ID_LENGTH} characters",
            "Use a shorter key, for example a hash of it, the same in every file.",
        ),
    ]


def number_rules(column: str, *, is_float: bool, allow_negative: bool) -> list[RowRule]:
    """Rules of a numeric column: finite and, unless allowed, not negative."""
    value = pl.col(column)
    rules = []
    if is_float:
        rules.append(
            RowRule(
                column,
                "non_finite",
                value.is_finite().not_(),
                "not finite",
                "Replace NaN and infinity by a number, or drop these rows.",
            )
        )
    if not allow_negative:
        rules.append(
            RowRule(
                column,
                "negative",
                value < 0,
                "negative",
                "Only quantity may be negative (a return); make it 0 or more, or drop these rows.",
            )
        )
    return rules


def null_rule(column: str, remedy: str) -> RowRule:
    """Rule that a column has no nulls."""
    return RowRule(column, "null", pl.col(column).is_null(), "null", remedy)


def duplicates(file: str, frame: pl.LazyFrame, column: str) -> list[Fault]:
    """Find ids that occur more than once."""
    twice = (
        frame.select(column)
        .drop_nulls()
        .group_by(column)
        .agg(pl.len().alias("n"))
        .filter(pl.col("n") > 1)
        .sort(column)
        .collect(engine="streaming")
    )
    if twice.is_empty():
        return []
    examples = tuple(f"{shorten(key)} {n} times" for key, n in twice.head(EXAMPLES).rows())
    remedy = f"Keep one row for each {column}."
    return [Fault(file, column, "duplicate", "duplicate id", len(twice), examples, remedy)]


def unknown_ids(
    file: str, frame: pl.LazyFrame, known: pl.LazyFrame, column: str, known_file: str
) -> list[Fault]:
    """Find rows whose id does not occur in `known`."""
    missing = (
        frame.select(column)
        .drop_nulls()
        .group_by(column)
        .agg(pl.len().alias("n"))
        .join(known.select(column), on=column, how="anti")
        .sort(column)
        .collect(engine="streaming")
    )
    if missing.is_empty():
        return []
    examples = tuple(f"{shorten(key)} in {n} rows" for key, n in missing.head(EXAMPLES).rows())
    problem = f"row with an id that {known_file} does not have"
    remedy = f"Add the {len(missing):,} missing ids to {known_file}, or drop their rows."
    return [Fault(file, column, "unknown_id", problem, int(missing["n"].sum()), examples, remedy)]
