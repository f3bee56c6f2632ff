"""Statements for SQLite compiled once: what SQLAlchemy adds to a read costs more than the read.

The statements are SQLAlchemy's all the same; only their execution is the driver's own. A
history of twenty events takes a third of the processor time so.
"""

from __future__ import annotations

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import CompoundSelect, Dialect, Select

Statement = Select[Any] | CompoundSelect[Any]
Convert = Callable[[Any], Any]


class Prepared:
    """One SELECT for one dialect."""

    def __init__(self, statement: Statement, dialect: Dialect) -> None:
        """Compile `statement`, which has no expanding parameter."""
        compiled = statement.compile(dialect=dialect)
        self._sql = str(compiled)
        self._names: Sequence[str] = compiled.positiontup or ()
        self._defaults: Mapping[str, Any] = compiled.construct_params({}, _check=False)
        columns = list(statement.selected_columns)
        names = [str(column.name) for column in columns]
        row: Any = namedtuple("Row", names)  # type: ignore[misc]
        self._make: Convert = row._make
        converted = [
            (i, column.type.dialect_impl(dialect).result_processor(dialect, None))
            for i, column in enumerate(columns)
        ]
        self._converted: list[tuple[int, Convert]] = [(i, f) for i, f in converted if f]

    def fetch(self, connection: sqlite3.Connection, values: Mapping[str, Any]) -> list[Any]:
        """Return all rows, with the columns as attributes."""
        defaults = self._defaults
        given = [values[n] if n in values else defaults[n] for n in self._names]
        rows = connection.execute(self._sql, given).fetchall()
        make = self._make
        if not self._converted:
            return [make(row) for row in rows]
        return [make(self._convert(row)) for row in rows]

    def _convert(self, row: tuple[Any, ...]) -> list[Any]:
        values = list(row)
        for i, convert in self._converted:
            values[i] = convert(values[i])
        return values
