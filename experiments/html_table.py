"""A polars frame as an HTML table for notebooks, every text escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

import polars as pl


def html_table(frame: pl.DataFrame, title: str = "") -> str:
    """Return a table with all rows of a frame; numbers with four decimals, to the right.

    >>> html_table(pl.DataFrame({"a<b": [0.5]}))
    '<table><thead><tr><th>a&lt;b</th></tr></thead><tbody><tr><td style="text-align:right">0.5000...
    """
    head = "".join(f"<th>{escape(c)}</th>" for c in frame.columns)
    body = "".join(f"<tr>{''.join(_cells(row))}</tr>" for row in frame.iter_rows())
    caption = f"<h4>{escape(title)}</h4>" if title else ""
    return f"{caption}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cells(row: Iterable[Any]) -> Iterable[str]:
    for value in row:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        text = f"{value:.4f}" if isinstance(value, float) else "" if value is None else str(value)
        style = ' style="text-align:right"' if number else ""
        yield f"<td{style}>{escape(text)}</td>"
