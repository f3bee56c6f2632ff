"""The commands that judge texts, and the suite that judges the judge."""

from __future__ import annotations

import random
from pathlib import Path

import polars as pl
import pytest

from experiments.blurb_verdicts import check_command, verify_command
from experiments.verifier.cases import CASES_DIR, FAITHFUL, read_cases, written_cases
from experiments.verifier.mutations import MUTATIONS, Subject
from experiments.verifier.suite import Judged, counted, totals, wilson
from recsys.blurbs import Verdict
from recsys.errors import DataError

ITEMS = pl.DataFrame(
    {
        "item_id": [7, 8],
        "title": ["Steel hose clamp", "Oak cutting board"],
        "description": [
            "This steel clamp fits hoses of 12 to 20 mm and is not suitable for drinking water.",
            "The board is made of oak and measures 30 cm by 20 cm. It has a groove for juices.",
        ],
        "brand": ["Dixon", "Norrby"],
        "categories": ["Hose clamps", "Cutting boards"],
        "price": [3.5, 20.0],
    }
)


@pytest.fixture
def items(tmp_path: Path) -> Path:
    path = tmp_path / "items.parquet"
    ITEMS.write_parquet(path)
    return path


def texts(path: Path, rows: list[tuple[object, list[str] | None, str | None]]) -> Path:
    pl.DataFrame(
        {
            "item_id": [r[0] for r in rows],
            "history": pl.Series([r[1] for r in rows], dtype=pl.List(pl.String)),
            "text": pl.Series([r[2] for r in rows], dtype=pl.String),
            "campaign": list(range(len(rows))),
        }
    ).write_parquet(path)
    return path


def test_verdicts_keep_the_rows_and_give_reasons(items: Path, tmp_path: Path) -> None:
    long = [f"Thing {i}" for i in range(9)] + ["Garden hose"]
    blurbs = texts(
        tmp_path / "texts.parquet",
        [
            (7, long, "Because you bought a garden hose: a steel clamp by Dixon."),
            (7, ["Tea"], "Because you bought a garden hose: a steel clamp by Dixon."),
            (8, [], "An oak board of 30 cm by 20 cm."),
            (8, None, "An oak board of 30 cm by 25 cm."),
            (7, [], "A steel clamp suitable for drinking water."),
            (7, [], None),
        ],
    )
    out = tmp_path / "out" / "verdicts.parquet"
    value, line = verify_command(items, blurbs, out, "en", [])
    verdicts = pl.read_parquet(out)
    assert verdicts.columns == ["item_id", "history", "text", "campaign", "ok", "reasons"]
    assert verdicts["campaign"].to_list() == list(range(6))
    assert verdicts["ok"].to_list() == [True, False, True, False, False, False]
    rules = [sorted({r.split(":")[0] for r in found}) for found in verdicts["reasons"].to_list()]
    assert rules == [[], ["history"], [], ["number"], ["relation"], ["empty"]]
    assert (value["ok"], value["refused"]) == (2, 4)
    assert "2 of 6" in line
    assert [p.name for p in out.parent.iterdir()] == ["verdicts.parquet"]


def test_a_text_of_an_unknown_item_is_refused_by_name(items: Path, tmp_path: Path) -> None:
    blurbs = texts(tmp_path / "texts.parquet", [(99, [], "A clamp.")])
    with pytest.raises(DataError, match=r"\['99'\].*complete --items"):
        verify_command(items, blurbs, tmp_path / "v.parquet", "en", [])
    assert not (tmp_path / "v.parquet").exists()


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        ({"item_id": [7], "text": ["A clamp."]}, "no column 'history'"),
        ({"item_id": [7], "history": [3], "text": ["A clamp."]}, "not a list of product labels"),
        ({"item_id": [7], "history": [["Tea"]], "text": [1]}, "column 'text'"),
    ],
)
def test_a_file_of_another_shape_is_refused_by_column(
    frame: dict[str, list[object]], said: str, items: Path, tmp_path: Path
) -> None:
    path = tmp_path / "texts.parquet"
    pl.DataFrame(frame).write_parquet(path)
    with pytest.raises(DataError, match=said):
        verify_command(items, path, tmp_path / "v.parquet", "en", [])


def test_the_check_counts_by_class_and_meets_its_own_bars(items: Path, tmp_path: Path) -> None:
    out = tmp_path / "cases.parquet"
    value, *shown = check_command(items, "en", [], 2, 0, "development", out)
    cases = pl.read_parquet(out)
    assert value["cases"] == cases.height
    assert shown
    hand = value["sets"]["written by hand"]
    assert {"inventions", "relation swaps", "negations", "false alarms"} == set(hand["bars"])
    assert hand["bars"]["false alarms"]["share"] <= 0.10
    assert hand["bars"]["inventions"]["share"] >= 0.95
    with pytest.raises(DataError, match="development, test"):
        check_command(items, "en", [], 2, 0, "tset", None)


def test_the_shop_that_comes_with_the_cases_is_judged_in_chinese(items: Path) -> None:
    value, *_ = check_command(items, "zh", [], 1, 0, "development", None)
    bars = value["sets"]["written by hand"]["bars"]
    assert bars["inventions"]["share"] >= 0.98
    assert bars["false alarms"]["share"] <= 0.10


def test_cases_of_another_catalogue_are_left_out() -> None:
    files = {c.row["item_id"] for c in written_cases([])}
    assert {"g1", "z1"} <= files
    assert not any(str(item).isdigit() for item in files)


def test_a_line_without_a_mark_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("@ 1 | Tea\nA clamp.\n", encoding="utf-8")
    with pytest.raises(DataError, match="line 2"):
        list(read_cases(path, [], "en", "test"))
    path.write_text('= {"item_id": "1"}\n@ 1 | Tea\n- novelty A clamp.\n', encoding="utf-8")
    with pytest.raises(DataError, match="novelty"):
        list(read_cases(path, [], "en", "test"))
    assert len(list(CASES_DIR.glob("*.txt"))) >= 5


@pytest.mark.parametrize("kind", sorted(MUTATIONS))
def test_every_mutation_changes_a_true_text(kind: str) -> None:
    clause = "the clamp is made of steel for hoses of 12 mm and does not fit pipes."
    subject = Subject(
        text=f"Because you bought tea: {clause}",
        clause=clause,
        label="tea",
        known="the clamp is made of steel for hoses of 12 mm and does not fit pipes. dixon",
        history=["tea"],
        other_brand="Parker",
        other_label="coffee",
        brand="",
    )
    made = {MUTATIONS[kind](subject, random.Random(seed)) for seed in range(8)} - {""}
    assert made
    assert subject.text not in made


def test_shares_intervals_and_precision_are_counted(items: Path) -> None:
    cases = [c for c in written_cases([]) if c.row["item_id"] == "g1"]
    true = [c for c in cases if c.kind == FAITHFUL][:4]
    brand = [c for c in cases if c.kind == "brand"]
    judged = [Judged(c, Verdict(True)) for c in true[:3]]
    judged += [Judged(true[3], Verdict(False, ("word: x is not in the facts",)))]
    judged += [Judged(c, Verdict(False, ("word: y is not in the facts",))) for c in brand]
    rows = {r["class"]: r for r in counted(judged)}
    assert rows[FAITHFUL]["recall"] == 0.75
    assert rows["brand"]["recall"] == 1.0
    assert rows["brand"]["precision"] == len(brand) / (len(brand) + 1)
    sums = totals(list(rows.values()))
    assert sums["false alarms"]["share"] == 0.25
    assert sums["inventions"]["share"] == 1.0
    low, high = wilson(45, 50)
    assert (round(low, 3), round(high, 3)) == (0.786, 0.957)


def test_a_habit_needs_a_label_that_is_there_often(items: Path, tmp_path: Path) -> None:
    said = "Because you often buy garden hoses: a steel clamp by Dixon."
    once, often = ["Garden hoses", "Tea", "Tea", "Tea"], ["Garden hoses"] * 3
    blurbs = texts(
        tmp_path / "texts.parquet",
        [(7, once, said), (7, often, said), (7, once, said.replace("often buy", "bought"))],
    )
    out = tmp_path / "verdicts.parquet"
    verify_command(items, blurbs, out, "en", [])
    assert pl.read_parquet(out)["ok"].to_list() == [False, True, True]
