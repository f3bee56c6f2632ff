from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from recsys.blurbs.evaluate import draw, evaluate, main
from recsys.blurbs.writers.extractive import ExtractiveWriter

from .conftest import FITTING, ROLES

TERSE = {
    "item_id": "t1",
    "title": "Cola",
    "brand": None,
    "categories": "Soft drinks",
    "description": "",
    "price": 1.0,
}


def frame() -> pl.DataFrame:
    return pl.DataFrame([FITTING, TERSE])


def test_rich_rows_are_those_with_long_descriptions() -> None:
    rows, contexts = draw(frame(), ROLES, 10, seed=0, rich=12)
    assert [r["item_id"] for r in rows] == ["f1"]
    assert contexts[0].anchor == "Hose Fittings"


def test_shares_and_rates() -> None:
    rows, contexts = draw(frame(), ROLES, 10, seed=0)
    report = evaluate(rows, contexts, ROLES, ExtractiveWriter())
    assert report.tiers == {"extractive": 0.5, "title": 0.5}
    assert report.verified == 1.0
    assert report.informative == 0.5
    assert report.generated_per_cpu_s is not None
    assert len(report.shown) == 2


def test_the_command_prints_one_json_object(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame().write_parquet(tmp_path / "items.parquet")
    roles = ["--description", "description", "--category", "categories", "--brand", "brand"]
    main([str(tmp_path / "items.parquet"), *roles, "-n", "2", "--show"])
    out, err = capsys.readouterr()
    assert json.loads(out)["n"] == 2
    assert "[title title]" in err
