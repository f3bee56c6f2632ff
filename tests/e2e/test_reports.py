"""The reports in a real browser: no error, no request, readable wide and narrow, in both lights."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.ablation import silenced
from recsys import Recommender
from tests.e2e.conftest import Made
from tests.experiments.html.browser import chromium, look

HEADINGS = (
    "How accurate",
    "What the blend adds",
    "What each component is worth",
    "For whom",
    "Beyond accuracy",
    "The catalogue",
    "How it learned",
    "Twelve shoppers",
)

pytest.importorskip("plotly", reason="the extra mlflow is not installed")


def test_the_training_report_opens_offline(trained: Made, tmp_path: Path) -> None:
    report = Path(trained.report["report"])
    with chromium(tmp_path / "profile") as context:
        for width, dark in ((1280, False), (390, True)):
            seen = look(context, report, width=width, dark=dark)
            assert seen.messages == []
            assert seen.requests == []
            assert seen.overflow == 0
            assert seen.drawn == seen.asked >= 12


def test_a_silenced_component_says_nothing(trained: Made) -> None:
    recommender = Recommender.load(trained.bundle)
    mute = silenced(recommender, "repeat_purchase")
    sources = mute.recommend_frame(["u1", "u2"], 10, repeats="allow")["source"]
    assert "repeat_purchase" not in sources
    alone = mute.recommend_frame(["u1"], 5, component="repeat_purchase")
    assert alone["source"].to_list() == ["popular"] * 5
    assert (
        "repeat_purchase"
        in recommender.recommend_frame(["u1", "u2"], 10, repeats="allow")["source"]
    )


def test_the_training_report_shows_what_it_should(trained: Made) -> None:
    html = Path(trained.report["report"]).read_text()
    for heading in HEADINGS:
        assert f"<h2>{heading}</h2>" in html
    assert html.count("<h3>Shopper ") == 12
    assert "✓ bought" in html
    assert 'class="blurb"' in html
