"""A sheet of blurbs to be read by a person who does not know who wrote which."""

from __future__ import annotations

import hashlib
import html
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from recsys.blurbs.display import display_name
from recsys.schema import ColumnRoles

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Blurbs to read</title><style>
body {{ font: 16px/1.5 sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em }}
section {{ border-top: 1px solid #ccc; padding: .6em 0 }}
h2 {{ font-size: 1em; margin: .2em 0 }} p {{ margin: .2em 0 }}
label {{ margin-right: 1em; color: #444 }} .facts {{ color: #666; font-size: .85em }}
</style></head><body><h1>Blurbs to read</h1>
<p>Each product has three texts in an order of its own: one by the writer, one taken from the
catalogue by rules, one empty. Tick what is clean: true of the product, grammatical, fit to print.
The counts below are by letter; the key tells which letter is whose.</p>
{sections}
<p><button id="count">Copy the ticks</button> <code id="ticks"></code></p>
<script>
document.getElementById("count").onclick = () => {{
  const ticks = [...document.querySelectorAll("input:checked")].map(x => x.name);
  document.getElementById("ticks").textContent = JSON.stringify(ticks);
}};
</script></body></html>
"""
_FACT_CHARACTERS = 500


def write_sheet(
    path: Path,
    rows: Sequence[dict[str, Any]],
    roles: ColumnRoles,
    written: Sequence[str],
    extractive: Sequence[str],
    n: int,
    seed: int,
) -> Path:
    """Write the page and, beside it, the key; return the key's path.

    Args:
        path: of the HTML file.
        rows: catalogue rows.
        roles: what their columns mean.
        written: what the writer's service shows of each, "" for none.
        extractive: what rules alone show.
        n: products on the sheet.
        seed: of the orders.
    """
    sections, key = [], {}
    for number, row in enumerate(rows[:n], 1):
        texts = {"writer": written[number - 1], "extractive": extractive[number - 1], "none": ""}
        order = sorted(texts, key=lambda who: _draw(f"{seed}|{row['item_id']}|{who}"))
        key[number] = dict(zip("ABC", order, strict=True))
        lines = "".join(
            f"<p><label>{letter} <input type='checkbox' name='{number}{letter}'></label>"
            f"{html.escape(texts[who]) or '<i>nothing</i>'}</p>"
            for letter, who in key[number].items()
        )
        title = html.escape(display_name(str(row.get(roles.title) or "")))
        facts = html.escape(str(row.get(roles.description or "") or "")[:_FACT_CHARACTERS])
        sections.append(
            f"<section><h2>{number}. {title}</h2>{lines}<p class='facts'>{facts}</p></section>"
        )
    key_path = path.with_suffix(".key.json")
    _replace(path, _PAGE.format(sections="\n".join(sections)))
    _replace(key_path, json.dumps(key, indent=1))
    return key_path


def _draw(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)
