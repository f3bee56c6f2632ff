from __future__ import annotations

import json
import re
from pathlib import Path

import polars as pl
import pytest

from experiments.html.page import Page
from tests.experiments.html.browser import chromium, look

pytest.importorskip("plotly", reason="the extra mlflow is not installed")

HOSTILE = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>"


def hostile_page() -> Page:
    page = Page(HOSTILE, HOSTILE)
    page.text(HOSTILE, HOSTILE)
    page.table(pl.DataFrame({HOSTILE: [HOSTILE], "list": [[HOSTILE]], "n": [1234]}), HOSTILE)
    page.figure(
        {
            "data": [{"type": "bar", "x": [1.0, 2.0], "y": [HOSTILE, "b"], "orientation": "h"}],
            "layout": {"title": {"text": HOSTILE}},
        },
        HOSTILE,
    )
    return page


def test_texts_are_escaped_and_scripts_are_named_by_hash() -> None:
    html = hostile_page().html()
    assert "<script>document.title" not in html
    assert "<img" not in html
    assert "1,234" in html
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)
    assert policy is not None
    assert "default-src 'none'" in policy.group(1)
    assert policy.group(1).count("'sha256-") == 2
    figures = re.search(r'<script type="application/json" id="figures">(.*?)</script>', html)
    assert figures is not None
    assert json.loads(figures.group(1))[0]["layout"]["title"]["text"] == HOSTILE


def test_a_page_without_figures_holds_no_library() -> None:
    page = Page("small")
    page.text("heading", "words")
    assert len(page.html()) < 20_000


def test_a_page_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    page = Page("x")
    page.figure({"data": [{"type": "bar", "y": [float("nan")]}]})
    with pytest.raises(ValueError, match="JSON"):
        page.write(tmp_path / "page.html")
    assert list(tmp_path.iterdir()) == []


def test_hostile_text_does_nothing_in_a_browser(tmp_path: Path) -> None:
    file = tmp_path / "hostile.html"
    hostile_page().write(file)
    with chromium(tmp_path / "profile") as context:
        seen = look(context, file, width=390)
        page = context.new_page()
        page.goto(file.as_uri())
        assert page.title() == HOSTILE
        assert page.locator("img").count() == 0
    assert seen.messages == []
    assert seen.requests == []
    assert (seen.asked, seen.drawn) == (1, 1)
