"""Readers of public data sets, on a few lines in the form of the originals."""

from __future__ import annotations

import gzip
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from recsys.datasets import (
    READERS,
    import_amazon_reviews,
    import_complete_journey,
    import_gowalla,
    import_movielens,
    import_online_retail,
)
from recsys.datasets.amazon_reviews import k_core
from recsys.errors import DataError
from recsys.schema import read_info
from recsys.validation import validate_directory


def rows(out: Path, file: str = "interactions") -> list[tuple[Any, ...]]:
    """Read a table of a dataset directory that must be sound."""
    assert validate_directory(out) == []
    return pl.read_parquet(out / f"{file}.parquet").rows()


@pytest.fixture
def journey(tmp_path: Path) -> Path:
    """Six lines of Complete Journey: a basket of three, a coupon, a void, some fuel."""
    folder = tmp_path / "raw"
    folder.mkdir()
    pl.DataFrame(
        {
            "household_id": [2, 2, 2, 2, 1, 1],
            "basket_id": [10, 10, 10, 10, 11, 11],
            "product_id": [100, 101, 999, 102, 103, 100],
            "quantity": [2, 0, 0, 1, 9000, 0],
            "sales_value": [3.0, 0.0, 0.0, 2.5, 20.0, 1.2],
            "transaction_timestamp": [datetime(2017, 1, 1, 10, 0, s) for s in (3, 2, 1, 4, 5, 6)],
        }
    ).write_parquet(folder / "transactions.parquet")
    pl.DataFrame(
        {
            "product_id": [100, 101, 102, 103, 104],
            "manufacturer_id": [2, 69, 2, 3, 3],
            "department": ["GROCERY", "GROCERY", "PRODUCE", "FUEL", "GROCERY"],
            "brand": ["National", "Private", "National", "National", "Private"],
            "product_category": ["FRZN ICE", "BREAD", "TROPICAL FRUIT", "FUEL", None],
            "product_type": ["ICE - CRUSHED/CUBED", "BREAD:ITALIAN/FRENCH", "BANANAS", "GAS", None],
            "package_size": ["22 LB", None, "40 LB", None, None],
        }
    ).write_parquet(folder / "products.parquet")
    pl.DataFrame({"household_id": [2], "age": ["65+"]}).write_parquet(
        folder / "demographics.parquet"
    )
    return folder


def test_complete_journey(journey: Path, tmp_path: Path) -> None:
    out = tmp_path / "cj"
    info = import_complete_journey(journey, out)
    basket = datetime(2017, 1, 1, 10, 0, 3)
    assert rows(out) == [
        ("1", "100", datetime(2017, 1, 1, 10, 0, 6), "11", 0, 1.2),
        ("2", "100", basket, "10", 2, 1.5),
        ("2", "102", basket, "10", 1, 2.5),
    ]
    assert rows(out, "users") == [("1", None), ("2", "65+")]
    items = pl.read_parquet(out / "items.parquet")
    assert items["item_id"].to_list() == ["100", "101", "102", "104"]
    assert items["brand"].to_list() == ["national brand", "store brand"] * 2
    assert items["title"].null_count() == items["category"].null_count() == 0
    assert not any("100" in text for text in items["title"])
    assert info.time == "global"
    assert set(info.roles.text) <= set(items.columns)


def test_complete_journey_options(journey: Path, tmp_path: Path) -> None:
    import_complete_journey(journey, tmp_path / "all", drop_departments=(), zero_quantity="keep")
    assert {row[1] for row in rows(tmp_path / "all")} == {"100", "101", "102", "103"}
    with pytest.raises(DataError, match="no department is called 'GAS'"):
        import_complete_journey(journey, tmp_path / "x", drop_departments=("GAS",))
    (journey / "products.parquet").unlink()
    with pytest.raises(DataError, match=r"products\.parquet is missing"):
        import_complete_journey(journey, tmp_path / "x")


def test_movielens(tmp_path: Path) -> None:
    (tmp_path / "ratings.dat").write_text("1::10::5::978300760\n2::10::2::978300761\n")
    (tmp_path / "movies.dat").write_bytes("10::Amélie (2001)::Comedy|Romance\n".encode("latin-1"))
    (tmp_path / "users.dat").write_text("1::F::1::10::48067\n2::M::56::16::70072\n")
    import_movielens(tmp_path, tmp_path / "d")
    at = datetime(2000, 12, 31, 22, 12, 40)
    assert rows(tmp_path / "d")[0] == ("1", "10", at)
    assert rows(tmp_path / "d", "items") == [("10", "Amélie (2001)", "Comedy, Romance")]
    assert rows(tmp_path / "d", "users")[1] == ("2", "M", "56", "16", "70072")
    (tmp_path / "csv").mkdir()
    (tmp_path / "csv" / "ratings.csv").write_text(
        "userId,movieId,rating,timestamp\n1,10,3.5,978300760\n1,11,0.5,978300761\n"
    )
    (tmp_path / "csv" / "movies.csv").write_text(
        'movieId,title,genres\n10,"Heat, the (1995)",Action\n11,Casino (1995),Crime\n'
    )
    import_movielens(tmp_path / "csv", tmp_path / "d", min_rating=3)
    assert rows(tmp_path / "d") == [("1", "10", at)]
    with pytest.raises(DataError, match=r"neither ratings\.csv nor ratings\.dat"):
        import_movielens(tmp_path / "d", tmp_path / "e")


def test_gowalla(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("0 5 10\n1 5\n2\n")
    with pytest.raises(DataError, match=r"test\.txt is missing"):
        import_gowalla(tmp_path, tmp_path / "d")
    (tmp_path / "test.txt").write_text("0 7\n")
    info = import_gowalla(tmp_path, tmp_path / "d")
    assert info.time == "none"
    assert rows(tmp_path / "d") == [
        ("0", "10", "train"),
        ("0", "5", "train"),
        ("0", "7", "test"),
        ("1", "5", "train"),
    ]
    assert [row[0] for row in rows(tmp_path / "d", "items")] == ["5", "7", "10"]


RETAIL = """InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
536365,85123A,WHITE T-LIGHT HOLDER,6,12/1/2010 8:26,2.55,17850,United Kingdom
536365,85123A,WHITE T-LIGHT HOLDER,1,12/1/2010 8:27,2.55,17850,United Kingdom
536366,85123A,HOLDER,1,12/13/2010 8:27,2.55,17850.0,United Kingdom
536365,POST,POSTAGE,1,12/1/2010 8:26,18.0,17850,United Kingdom
C536367,71053,LANTERN,-1,12/1/2010 9:00,3.39,13047,France
536368,71053,LANTERN,1,12/1/2010 9:00,0,13047,France
536369,71053,LANTERN,1,12/1/2010 9:00,3.39,,France
536370,71053,LANTERN,2,12/1/2010 9:00,3.39,13047,France
"""


def test_online_retail(tmp_path: Path) -> None:
    (tmp_path / "retail.csv").write_text(RETAIL)
    import_online_retail(tmp_path / "retail.csv", tmp_path / "d")
    first = datetime(2010, 12, 1, 8, 26)
    assert [row[:4] for row in rows(tmp_path / "d")] == [
        ("13047", "71053", datetime(2010, 12, 1, 9), "536370"),
        ("17850", "85123A", first, "536365"),
        ("17850", "85123A", first, "536365"),
        ("17850", "85123A", datetime(2010, 12, 13, 8, 27), "536366"),
    ]
    assert rows(tmp_path / "d", "items") == [
        ("71053", "Lantern"),
        ("85123A", "White t-light holder"),
    ]
    assert rows(tmp_path / "d", "users") == [("13047", "France"), ("17850", "United Kingdom")]
    (tmp_path / "retail.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="'InvoiceNo' is missing"):
        import_online_retail(tmp_path / "retail.csv", tmp_path / "d")


def test_amazon_reviews_of_2014(tmp_path: Path) -> None:
    reviews = [
        {"reviewerID": f"U{i % 2}", "asin": f"B{i % 3}", "overall": 5.0, "unixReviewTime": 1e9 + i}
        for i in range(6)
    ]
    path = tmp_path / "reviews.json"
    path.write_text("\n".join(json.dumps(review) for review in reviews))
    meta = [
        {"asin": "B0", "title": "Nail &amp; file", "categories": [["Beauty", "Nails"], ["X"]]},
        {"asin": "B1", "description": "Nice", "brand": "OPI", "price": 3.5},
        {"asin": "B9", "title": "Nobody's"},
    ]
    with gzip.open(tmp_path / "meta.json.gz", "wt") as file:
        file.write("\n".join(repr(item) for item in meta))  # Python literals, as published
    out = tmp_path / "d"
    import_amazon_reviews(path, out, metadata=tmp_path / "meta.json.gz")
    assert rows(out)[0] == ("U0", "B0", datetime(2001, 9, 9, 1, 46, 40))
    assert rows(out, "items") == [
        ("B0", "Nail & file", None, "Beauty, Nails", None, None),
        ("B1", None, "Nice", None, "OPI", 3.5),
        ("B2", None, None, None, None, None),
    ]


def test_amazon_reviews_of_2018_2023_and_ratings(tmp_path: Path) -> None:
    review = {"user_id": "U", "parent_asin": "B", "rating": 4, "timestamp": 1_588_687_728_923}
    (tmp_path / "reviews.jsonl").write_text(json.dumps(review))
    product = {
        "parent_asin": "B",
        "title": "Brush",
        "store": "Brushy",
        "categories": ["Beauty", "Tools"],
        "description": ["Soft.", "Kind."],
        "price": "$1,012.50",
    }
    (tmp_path / "meta.jsonl").write_text(json.dumps(product))
    import_amazon_reviews(tmp_path, tmp_path / "d")
    assert rows(tmp_path / "d") == [("U", "B", datetime(2020, 5, 5, 14, 8, 48, 923_000))]
    assert rows(tmp_path / "d", "items") == [
        ("B", "Brush", "Soft. Kind.", "Beauty, Tools", "Brushy", 1012.5)
    ]
    (tmp_path / "ratings.csv").write_text("U1,B1,5.0,1000000000\nU1,B2,1.0,1000000000\n")
    info = import_amazon_reviews(tmp_path / "ratings.csv", tmp_path / "e", min_rating=2)
    assert rows(tmp_path / "e") == [("U1", "B1", datetime(2001, 9, 9, 1, 46, 40))]
    assert info.roles.text == ()


def test_amazon_reviews_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is missing"):
        import_amazon_reviews(tmp_path / "x.jsonl", tmp_path / "d")
    (tmp_path / "x.jsonl").write_text('{"stars": 1}')
    with pytest.raises(DataError, match="no column is the user_id"):
        import_amazon_reviews(tmp_path / "x.jsonl", tmp_path / "d")


def test_k_core_repeats_until_nothing_changes() -> None:
    # c has one user, so it goes; then u3 has one item left, and goes; then b has one user
    log = pl.DataFrame(
        {"user_id": ["u1", "u1", "u2", "u2", "u3", "u3"], "item_id": ["a", "d", "a", "d", "a", "c"]}
    )
    assert k_core(log, 2)["user_id"].to_list() == ["u1", "u1", "u2", "u2"]
    assert k_core(log, 3).is_empty()
    assert k_core(log, 0).equals(log)


def test_the_registry_names_readers(journey: Path, tmp_path: Path) -> None:
    assert sorted(READERS) == [
        "amazon-reviews",
        "complete-journey",
        "gowalla",
        "movielens",
        "online-retail",
    ]
    READERS["complete-journey"](journey, tmp_path / "d")
    assert read_info(tmp_path / "d").name == "complete-journey"
