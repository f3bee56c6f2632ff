"""A page: headings, paragraphs, figures, tables and cards, escaped, in one file.

Nothing is loaded from anywhere: the figures' library is inlined, and a content security
policy lets only the page's own two scripts run (by their SHA-256), so that text from a
catalogue could not start one even if it were not escaped.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Sequence
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl

from recsys.errors import MissingExtraError

Figure = dict[str, Any]
"""`data` and `layout` of Plotly, as plain values."""
LABEL_CHARACTERS = 60


class Fragment(str):
    """HTML that is escaped already."""


def text(value: object) -> Fragment:
    """Turn any value into HTML text: numbers rounded, lists as lists, nothing for None.

    >>> text("<b> & co"), text(0.123456), text(12345), text(None)
    ('&lt;b&gt; &amp; co', '0.1235', '12,345', '')
    """
    if isinstance(value, Fragment):
        return value
    if value is None:
        return Fragment()
    if isinstance(value, bool):
        return Fragment("yes" if value else "no")
    if isinstance(value, float):
        return Fragment(f"{value:.4f}")
    if isinstance(value, int):
        return Fragment(f"{value:,}")
    if isinstance(value, list | tuple | pl.Series):
        return Fragment(f"<ol>{''.join(f'<li>{text(each)}</li>' for each in value)}</ol>")
    return Fragment(escape(str(value)))


def label(value: object) -> str:
    """Turn a text into a label of a figure: short, and none of Plotly's own markup.

    >>> label("<a href='http://x'>tea</a>")
    '&lt;a href=&#x27;http://x&#x27;&gt;tea&lt;/a&gt;'
    """
    words = " ".join(str(value).split())
    short = words if len(words) <= LABEL_CHARACTERS else words[: LABEL_CHARACTERS - 1] + "…"
    return escape(short)


class Page:
    """Collects the parts of a page from top to bottom."""

    def __init__(self, title: str, subtitle: str = "") -> None:
        """Begin a page."""
        self.title = title
        self._parts: list[str] = [f"<h1>{text(title)}</h1>"]
        if subtitle:
            self._parts.append(f'<p class="subtitle">{text(subtitle)}</p>')
        self._figures: list[Figure] = []

    def text(self, heading: str, *paragraphs: str) -> None:
        """Add a section's heading and paragraphs; either may be empty."""
        if heading:
            self._parts.append(f"<h2>{text(heading)}</h2>")
        self._parts += [f"<p>{text(each)}</p>" for each in paragraphs if each]

    def figure(self, figure: Figure, caption: str = "", *, height: int = 420) -> None:
        """Add a figure; `caption` is what a reader should see in it."""
        number = len(self._figures)
        self._figures.append({**figure, "height": height})
        described = text(caption or "figure")
        self._parts.append(
            f'<figure><div class="plot" id="plot-{number}" style="min-height:{height}px" '
            f'role="img" aria-label="{described}"></div>{_caption(caption)}</figure>'
        )

    def table(self, frame: pl.DataFrame, caption: str = "", *, bold: Sequence[str] = ()) -> None:
        """Add a frame; rows whose first cell is in `bold` stand out."""
        numeric = [dtype.is_numeric() for dtype in frame.dtypes]
        head = "".join(
            f"<th{_right(right)}>{text(name)}</th>"
            for name, right in zip(frame.columns, numeric, strict=True)
        )
        rows = []
        for row in frame.iter_rows():
            cells = "".join(
                f"<td{_right(right)}>{text(value)}</td>"
                for value, right in zip(row, numeric, strict=True)
            )
            strong = ' class="strong"' if row and row[0] in bold else ""
            rows.append(f"<tr{strong}>{cells}</tr>")
        self._parts.append(
            f'<figure><div class="scroll"><table><thead><tr>{head}</tr></thead>'
            f"<tbody>{''.join(rows)}</tbody></table></div>{_caption(caption)}</figure>"
        )

    def cards(self, cards: Sequence[Fragment]) -> None:
        """Add boxes side by side, as many as fit."""
        self._parts.append(
            f'<div class="cards">{"".join(f"<article>{card}</article>" for card in cards)}</div>'
        )

    def html(self) -> str:
        """Return the whole page.

        Raises:
            MissingExtraError: Plotly is not installed.
        """
        draw = _resource("draw.js")
        scripts = [draw]
        if self._figures:
            scripts.insert(0, _library())
        hashes = " ".join(f"'sha256-{_sha(script)}'" for script in scripts)
        policy = (
            f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
            "img-src data: blob:; base-uri 'none'; form-action 'none'"
        )
        data = json.dumps(self._figures, allow_nan=False, ensure_ascii=False, default=_plain)
        return (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            '<meta name="color-scheme" content="light dark">'
            f'<link rel="icon" href="data:,"><title>{text(self.title)}</title>'
            f"<style>{_resource('page.css')}</style></head><body><main>"
            + "\n".join(self._parts)
            + f'</main><script type="application/json" id="figures">{_in_script(data)}</script>'
            + "".join(f"<script>{script}</script>" for script in scripts)
            + "</body></html>\n"
        )

    def write(self, path: Path) -> None:
        """Write the page under a temporary name, then rename it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        try:
            partial.write_text(self.html(), encoding="utf-8")
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def _caption(caption: str) -> str:
    return f"<figcaption>{text(caption)}</figcaption>" if caption else ""


def _right(right: bool) -> str:
    return ' class="number"' if right else ""


def _in_script(data: str) -> str:
    """Keep a text from ending the script element that it stands in."""
    return data.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _sha(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _plain(value: Any) -> Any:
    """Turn numpy's values into Python's."""
    return value.tolist()


def _resource(name: str) -> str:
    return (files("experiments.html") / name).read_text(encoding="utf-8")


@cache
def _library() -> str:
    try:
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise MissingExtraError("mlflow", "writing HTML reports") from error
    # A text that would end the script element early would break the page.
    return str(get_plotlyjs()).replace("</script", "<\\/script")
