"""The reports in a real browser: no error, no request, readable wide and narrow, in both lights."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import Made
from tests.experiments.html.browser import chromium, look

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


def test_the_training_report_shows_what_it_should(trained: Made) -> None:
    html = Path(trained.report["report"]).read_text()
    for heading in ("How accurate", "What the blend adds", "For whom", "Beyond accuracy",
                    "The catalogue", "How it learned", "Twelve shoppers"):  # fmt: skip
        assert f"<h2>{heading}</h2>" in html
    assert html.count("<h3>Shopper ") == 12
    assert "✓ bought" in html
    assert 'class="blurb"' in html
