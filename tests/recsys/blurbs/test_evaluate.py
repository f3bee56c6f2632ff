from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from recsys.blurbs import UserContext
from recsys.blurbs import evaluate as evaluation
from recsys.blurbs.evaluate import draw, evaluate, reading_ease
from recsys.blurbs.locales import get_locale
from recsys.blurbs.writers.extractive import ExtractiveWriter
from recsys.cli import main as cli
from recsys.types import Blurb

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


def test_an_exchanged_history_changes_the_named_item() -> None:
    rows = [{**FITTING, "item_id": str(i), "title": f"Dixon part {i}"} for i in range(4)]
    labels = ("hose clamps", "ptfe tape", "brass elbows", "thread sealant")
    contexts = [UserContext.of([x], x, "bought") for x in labels]
    report = evaluate(rows, contexts, ROLES)
    assert (report.swapped, report.leaked) == (1.0, 0.0)


def test_pages_are_searched_for_duplicates() -> None:
    page = [Blurb("Since you bought tea: the steel band holds a hose.", "llm", "x", ())] * 2
    other = Blurb("Since you bought tea: it is made of brass.", "llm", "x", ())
    assert evaluation._duplicates([*page, other, None], get_locale("en")) == pytest.approx(1 / 3)


def test_reading_ease_falls_with_long_words() -> None:
    assert reading_ease("The band holds a hose.") > 90
    assert reading_ease("Polytetrafluoroethylene accommodates inconsistencies.") < 0


def test_the_command_makes_a_sheet_and_judges(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame().write_parquet(tmp_path / "items.parquet")
    sheet = tmp_path / "sheet.html"
    arguments = ["--items", str(tmp_path / "items.parquet"), "-n", "2", "--sheet", str(sheet)]
    with pytest.raises(SystemExit) as stopped:
        cli(["blurbs", "evaluate", *arguments, "--json"])
    assert not stopped.value.code
    value = json.loads(capsys.readouterr().out)
    assert value["n"] == 2
    assert value["verified"] == 1.0
    assert sheet.exists()
    assert sheet.with_suffix(".key.json").exists()
