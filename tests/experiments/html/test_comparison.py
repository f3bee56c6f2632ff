from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from experiments.html.comparison import write_comparison
from tests.experiments.html.browser import chromium, look

pytest.importorskip("plotly", reason="the extra mlflow is not installed")

EVIL = "<img src=x onerror=alert(1)>"


def comparison() -> Any:
    """Two runs, two metrics, a slice that turns, a shopper who gains and one who loses."""
    differences = pl.DataFrame(
        {
            "run": ["b"] * 4,
            "targets": ["ALL", "ALL", "NEW", "NEW"],
            "metric": ["recall@10", "ndcg@10"] * 2,
            "reference": [0.10, 0.40, 0.02, 0.05],
            "value": [0.12, 0.41, 0.01, 0.05],
            "difference": [0.02, 0.01, -0.01, 0.0],
            "low": [0.01, -0.01, -0.02, -0.01],
            "high": [0.03, 0.03, -0.005, 0.01],
            "p_value": [0.001, 0.3, 0.01, 0.9],
            "p_holm": [0.004, 0.6, 0.03, 0.9],
            "wins": [50, 40, 10, 20],
            "ties": [30, 30, 60, 60],
            "losses": [20, 30, 30, 20],
            "n_users": [100] * 4,
            "verdict": ["better", "unclear", "worse", "unclear"],
        }
    )
    slices = differences.head(2).with_columns(
        slice=pl.Series(["segment=gold", EVIL]), turned=pl.Series([False, True])
    )
    overlap = pl.DataFrame({"run": ["b"], "targets": ["ALL"], "k": [10], "jaccard": [0.5]})
    movers = pl.DataFrame(
        {
            "run": ["b", "b"],
            "targets": ["ALL", "ALL"],
            "metric": ["ndcg@10"] * 2,
            "user_id": ["u1", EVIL],
            "direction": ["gains", "loses"],
            "difference": [0.5, -0.5],
            "reference": [0.1, 0.6],
            "value": [0.6, 0.1],
            "history": [["green tea"], [EVIL]],
            "reference_list": [["rope"], ["soap"]],
            "list": [["black tea"], ["paint"]],
        }
    )
    return SimpleNamespace(
        reference="a",
        differences=differences,
        slices=slices,
        overlap=overlap,
        movers=movers,
        catalogue=pl.DataFrame({"run": ["b"], "metric": ["coverage@10"], "value": [0.5]}),
    )


def test_a_comparison_is_one_safe_page(tmp_path: Path) -> None:
    file = tmp_path / "comparison.html"
    write_comparison(comparison(), file)
    html = file.read_text()
    assert "Comparison: b against a" in html
    assert "On 1 slices the difference has the other sign" in html
    assert "black tea" in html
    assert EVIL not in html.replace("\\u003c", "")
    with chromium(tmp_path / "profile") as context:
        for width, dark in ((1280, True), (390, False)):
            seen = look(context, file, width=width, dark=dark)
            assert seen.messages == []
            assert seen.requests == []
            assert seen.overflow == 0
            assert seen.drawn == seen.asked >= 4
