"""Files of a shop become a dataset directory, and every guess can be corrected."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from recsys.dataset import Dataset
from recsys.datasets import import_files
from recsys.datasets.formats import scan
from recsys.datasets.guess import Guess, guess_columns
from recsys.errors import DataError
from recsys.validation import validate_directory

ORDERS = """customer,sku,order_date,order_id,qty,unit_price,note
007,0042,2024-01-02 10:00:05,A1,2,1.50,x
007,0043,2024-01-02 10:00:00,A1,1,2.25,x
8,0042,2024-01-03 09:00:00,A2,1,1.50,
"""
CATALOGUE = """sku,name,maker,genre,price
0042,Apple,Orchard,Fruit,1.5
0043,Bread,Bakery,Baked,2.25
0044,Cheese,,Dairy,4
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with orders.csv and items.csv."""
    (tmp_path / "orders.csv").write_text(ORDERS)
    (tmp_path / "items.csv").write_text(CATALOGUE)
    return tmp_path


def rows(out: Path, file: str = "interactions") -> list[tuple[Any, ...]]:
    """Read a table of a dataset directory."""
    return pl.read_parquet(out / f"{file}.parquet").rows()


def test_a_shop_in_csv(shop: Path) -> None:
    said: list[Guess] = []
    out = shop / "data"
    info = import_files(
        out, shop / "orders.csv", items=shop / "items.csv", report=said.append, name="mine"
    )
    at = datetime(2024, 1, 2, 10)  # the earliest line of basket A1
    assert rows(out) == [
        ("007", "0042", at, "A1", 2.0, 1.5),
        ("007", "0043", at, "A1", 1.0, 2.25),
        ("8", "0042", datetime(2024, 1, 3, 9), "A2", 1.0, 1.5),
    ]
    assert rows(out, "items")[2] == ("0044", "Cheese", "Dairy", None, 4.0)
    assert (info.name, info.time) == ("mine", "global")
    assert info.roles.model_dump() == {
        "title": "name",
        "description": None,
        "category": "genre",
        "brand": "maker",
        "price": "price",
        "text": ("name", "maker", "genre"),
    }
    shown = str(said[0])
    assert "interactions.user_id <- customer" in shown
    assert "left out note" in shown
    assert validate_directory(out) == []
    assert Dataset.read(out).catalogue.texts()[2] == "Cheese. Dairy"


def test_the_format_of_the_files_does_not_matter(shop: Path) -> None:
    orders, items = pl.read_csv(shop / "orders.csv", infer_schema=False), shop / "items.csv"
    orders.head(1).write_ndjson(shop / "part-1.jsonl")
    orders.tail(2).write_ndjson(shop / "part-2.jsonl")
    typed = orders.with_columns(pl.col("order_date").str.to_datetime(), pl.col("qty").cast(int))
    typed.write_parquet(shop / "orders.parquet")
    prints = {
        import_files(shop / f"out{i}", source, items=items).fingerprint
        for i, source in enumerate(
            [
                shop / "orders.csv",
                str(shop / "part-*.jsonl"),
                [shop / "part-2.jsonl", shop / "part-1.jsonl"],
            ]
        )
    }
    assert len(prints) == 1
    import_files(shop / "typed", shop / "orders.parquet", items=items)
    assert rows(shop / "typed") == rows(shop / "out0")


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_the_separator_is_recognised(tmp_path: Path, shop: Path, separator: str) -> None:
    import_files(shop / "out", shop / "orders.csv", items=shop / "items.csv")
    for name, text in (("orders", ORDERS), ("items", CATALOGUE)):
        other = text.replace(",", separator).replace("1.50", "1,50").replace("2.25", "2,25")
        (tmp_path / f"{name}2.csv").write_text(other.replace("1.5\n", "1,5\n"))
    import_files(tmp_path / "out2", tmp_path / "orders2.csv", items=tmp_path / "items2.csv")
    for file in ("interactions", "items"):
        assert rows(tmp_path / "out2", file) == rows(shop / "out", file)


def test_a_thousand_is_no_decimal(tmp_path: Path) -> None:
    """1,234 may be either, so it is asked about."""
    (tmp_path / "orders.csv").write_text("user_id;item_id;timestamp;price\na;b;2024-01-02;1,234\n")
    with pytest.raises(DataError, match="value that is no number"):
        import_files(tmp_path / "out", tmp_path / "orders.csv")


def test_every_guess_can_be_corrected(shop: Path) -> None:
    said: list[Guess] = []
    info = import_files(
        shop / "data",
        shop / "orders.csv",
        items=shop / "items.csv",
        mapping={"user_id": "order_id", "basket_id": "note", "items.title": "maker"},
        time="none",
        roles={"category": None, "text": ["name"]},
        keep=["customer"],
        report=said.append,
        returns="negative",
    )
    assert {row[0] for row in rows(shop / "data")} == {"A1", "A2"}
    assert (info.time, info.returns) == ("none", "negative")
    assert (info.roles.title, info.roles.category, info.roles.text) == ("maker", None, ("name",))
    assert "customer" in pl.read_parquet_schema(shop / "data" / "interactions.parquet")
    assert said[0].sources("interactions")["basket_id"] == "note"


def test_positions_and_missing_items(tmp_path: Path) -> None:
    log = pl.DataFrame({"user": [1, 1, 2], "movieId": [9, 7, 7], "position": [1, 0, 0]})
    log.write_parquet(tmp_path / "log.parquet")
    info = import_files(tmp_path / "data", tmp_path / "log.parquet")
    assert (info.time, info.roles.text) == ("per_user_order", ())
    assert rows(tmp_path / "data") == [("1", "7", 0), ("1", "9", 1), ("2", "7", 0)]
    assert rows(tmp_path / "data", "items") == [("7", "7"), ("9", "9")]


@pytest.mark.parametrize(("policy", "n_items", "n_rows"), [("add", 4, 4), ("drop", 3, 3)])
def test_items_that_the_catalogue_lacks(shop: Path, policy: Any, n_items: int, n_rows: int) -> None:
    with (shop / "orders.csv").open("a") as file:
        file.write("9,0099,2024-01-04 09:00:00,A3,1,1,\n")
    said: list[Guess] = []
    orders, items = shop / "orders.csv", shop / "items.csv"
    import_files(shop / "d", orders, items=items, unknown_items=policy, report=said.append)
    assert len(rows(shop / "d", "items")) == n_items
    assert len(rows(shop / "d")) == n_rows
    assert any("0099" in note for note in said[0].notes)
    with pytest.raises(DataError, match="'0099' in 1 rows"):
        import_files(shop / "e", orders, items=items, unknown_items="refuse")
    assert not (shop / "e").exists()


@pytest.mark.parametrize(
    ("sold", "listed", "cause"),
    [
        ("10.0", "10", "an ending .0"),
        (" A", "A", "spaces"),
        ("a", "A", "capital"),
        ("7", "007", "leading"),
    ],
)
def test_ids_that_do_not_match_are_refused(
    tmp_path: Path, sold: str, listed: str, cause: str
) -> None:
    log, items = tmp_path / "log.csv", tmp_path / "items.csv"
    log.write_text(f"user_id,item_id\nu,{sold}\nu,x\nu,b\n")
    items.write_text(f"item_id,title\n{listed},Tea\nb,Mug\n")
    with pytest.raises(DataError, match=f"2 of the 3 items.*'{listed}', 'b'; 1 would .*{cause}"):
        import_files(tmp_path / "d", log, items=items)
    import_files(tmp_path / "d", log, items=items, unknown_items="add")
    assert len(rows(tmp_path / "d", "items")) == 4


def test_purchases_are_the_target_among_events(shop: Path) -> None:
    log = {"user_id": ["u"] * 3, "item_id": ["a", "b", "a"], "event": ["view", "view", "Purchase"]}
    pl.DataFrame(log).write_csv(shop / "log.csv")
    info = import_files(shop / "d", shop / "log.csv")
    assert (info.target_events, info.seen_events) == (("Purchase",), ("Purchase",))
    info = import_files(shop / "d", shop / "log.csv", target_events=("view",))
    assert info.target_events == ("view",)
    with pytest.raises(DataError, match=r"no row has event 'buy'; there are view \(2\), Purchase"):
        import_files(shop / "d", shop / "log.csv", target_events=("buy",))
    with pytest.raises(DataError, match="keep: the interactions have no column 'shop'"):
        import_files(shop / "d", shop / "log.csv", keep=["shop"])


@pytest.mark.parametrize("event", ["purchased", "ordered", "bought", "transaction"])
def test_names_of_purchases(tmp_path: Path, event: str) -> None:
    (tmp_path / "log.csv").write_text(f"user_id,item_id,event\nu,a,view\nu,a,{event}\n")
    assert import_files(tmp_path / "d", tmp_path / "log.csv").target_events == (event,)


def test_users_and_lists_and_windows(shop: Path) -> None:
    pl.DataFrame({"id": ["007", "8"], "segment": ["gold", None]}).write_csv(shop / "users.csv")
    items = pl.DataFrame(
        {
            "sku": ["0042", "0043"],
            "title": [None, 12],
            "categories": [["Food", "Fruit"], None],
            "valid_from": ["2024-01-01", None],
        }
    )
    items.write_ndjson(shop / "items.jsonl")
    out = shop / "d"
    import_files(out, shop / "orders.csv", items=shop / "items.jsonl", users=shop / "users.csv")
    assert rows(out, "users") == [("007", "gold"), ("8", None)]
    assert rows(out, "items") == [
        ("0042", datetime(2024, 1, 1), None, "Food, Fruit"),
        ("0043", None, "12", None),
    ]


@pytest.mark.parametrize("at", ["2024-01-02", "3"])
def test_an_empty_end_means_always_available(tmp_path: Path, at: str) -> None:
    (tmp_path / "log.csv").write_text(f"user_id,item_id,timestamp\nu,a,{at}\n")
    (tmp_path / "items.csv").write_text("item_id,title,available_until\na,Tea,\nb,Mug,\n")
    import_files(tmp_path / "d", tmp_path / "log.csv", items=tmp_path / "items.csv")
    assert rows(tmp_path / "d", "items") == [("a", None, "Tea"), ("b", None, "Mug")]


def test_empty_tables_and_times_are_said(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("user_id,item_id,timestamp\n")
    with pytest.raises(DataError, match=r"log\.csv holds no rows; check what exported it"):
        import_files(tmp_path / "d", log)
    (tmp_path / "items.csv").write_text("item_id,title\n")
    log.write_text("user_id,item_id,timestamp\nu,a,\n")
    with pytest.raises(DataError, match=r"'timestamp' is empty in every row.*or go without"):
        import_files(tmp_path / "d", log)
    log.write_text("user_id,item_id,timestamp\nu,a,2024-01-02\n")
    with pytest.raises(DataError, match=r"items: .*items\.csv holds no rows"):
        import_files(tmp_path / "d", log, items=tmp_path / "items.csv")


def test_ids_that_became_floats(tmp_path: Path) -> None:
    log = pl.DataFrame({"user_id": [1.0, 2.0], "item_id": ["a", "b"]})
    log.write_parquet(tmp_path / "log.parquet")
    import_files(tmp_path / "d", tmp_path / "log.parquet")
    assert rows(tmp_path / "d") == [("1", "a"), ("2", "b")]
    log.with_columns(user_id=pl.lit(1.5)).write_parquet(tmp_path / "log.parquet")
    with pytest.raises(DataError, match="fraction as an id"):
        import_files(tmp_path / "d", tmp_path / "log.parquet")


def test_decimals_of_a_database_are_numbers(tmp_path: Path) -> None:
    log = {
        "user_id": [Decimal(10**20 + 1)],
        "item_id": [Decimal("10.00")],
        "price": [Decimal("12.50")],
    }
    items = {"id": [Decimal(10)], "title": ["Tea"], "price": [Decimal("13.75")]}
    pl.DataFrame(log).write_parquet(tmp_path / "log.parquet")
    pl.DataFrame(items).write_parquet(tmp_path / "items.parquet")
    import_files(tmp_path / "d", tmp_path / "log.parquet", items=tmp_path / "items.parquet")
    assert rows(tmp_path / "d") == [("100000000000000000001", "10", 12.5)]
    assert rows(tmp_path / "d", "items") == [("10", "Tea", 13.75)]


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"user_id": "custmer"}, "did you mean 'customer'"),
        ({"userid": "customer"}, "nothing is called 'userid'; did you mean 'user_id'"),
        ({"interactions.item_id": "skuu"}, "did you mean 'sku'"),
    ],
)
def test_mappings_that_name_nothing(shop: Path, mapping: dict[str, str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        import_files(shop / "d", shop / "orders.csv", items=shop / "items.csv", mapping=mapping)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("9,0042,soon,A9,1,1,", "1 x value that is no time .*'soon'"),
        ("9,0042,2024-01-05 09:00:00,A9,many,1,", "quantity: 1 x value that is no number"),
        (",0042,2024-01-05 09:00:00,A9,1,1,", "user_id: 1 x null"),
        ("9,0042,2024-01-05 09:00:00,A9,1,-1,", "price: 1 x negative"),
        ("9,0042,2224-01-05 09:00:00,A9,1,1,", "timestamp: 1 x later than now"),
        ("9,0042,1900-01-01 00:00:00,A9,1,1,", "timestamp: 1 x time before 1970 .*'1900-01-01"),
    ],
)
def test_bad_values_are_shown(shop: Path, line: str, message: str) -> None:
    with (shop / "orders.csv").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(DataError, match=message):
        import_files(shop / "d", shop / "orders.csv", items=shop / "items.csv")
    assert not (shop / "d").exists()


def test_rows_that_cannot_be_read(shop: Path) -> None:
    (shop / "latin.csv").write_text(CATALOGUE.replace("Cheese", "Käse"), encoding="latin-1")
    with pytest.raises(DataError, match=r"latin\.csv: line 4 is not UTF-8; convert the file"):
        import_files(shop / "data", shop / "orders.csv", items=shop / "latin.csv")
    (shop / "wide.csv").write_text(CATALOGUE + "0045,Dates,Oasis,Fruit,3,one too many\n")
    with pytest.raises(DataError, match=r"wide\.csv: cannot be read: .*more fields"):
        import_files(shop / "data", shop / "orders.csv", items=shop / "wide.csv")
    assert not (shop / "data").exists()


def test_what_cannot_be_told_is_asked(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"which column is the user_id.*--map user_id=COLUMN"):
        guess_columns({"interactions": ["who", "item"]}, {})
    pl.DataFrame({"user": ["u"], "item": ["a"]}).write_csv(tmp_path / "x.csv")
    with pytest.raises(DataError, match="needs a timestamp"):
        import_files(tmp_path / "d", tmp_path / "x.csv", time="global")


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        scan(tmp_path / "*.csv")
    (tmp_path / "a.xlsx").write_text("")
    with pytest.raises(DataError, match="unknown kind of file"):
        scan(tmp_path / "a.xlsx")
    (tmp_path / "b.parquet").write_text("nothing")
    with pytest.raises(DataError, match="cannot be read as parquet"):
        scan(tmp_path / "b.parquet")
    (tmp_path / "c.csv").write_text("x\n1\n")
    with pytest.raises(DataError, match="several formats"):
        scan([tmp_path / "b.parquet", tmp_path / "c.csv"])


def test_columns_and_roles_that_cannot_be_used(shop: Path) -> None:
    items = shop / "items.csv"
    with pytest.raises(DataError, match="no role is called 'colour'"):
        import_files(shop / "d", shop / "orders.csv", items=items, roles={"colour": "maker"})
    with pytest.raises(DataError, match=r"no column 'genr', .* the category, .*--role category="):
        import_files(shop / "d", shop / "orders.csv", items=items, roles={"category": "genr"})
    items.write_text(CATALOGUE.replace("name", "caption"))
    with pytest.raises(DataError, match=r"no column 'title'.*--map title=COLUMN, or --role title="):
        import_files(shop / "d", shop / "orders.csv", items=items)
    ways: list[dict[str, Any]] = [
        {"mapping": {"title": "caption"}},
        {"roles": {"title": "caption"}},
    ]
    for way in ways:
        info = import_files(shop / "d", shop / "orders.csv", items=items, **way)
        assert info.roles.text == ("caption", "maker", "genre")
    nested = pl.DataFrame({"user_id": [["a"], ["b"]], "item_id": ["x", "y"]})
    nested.write_parquet(shop / "nested.parquet")
    with pytest.raises(DataError, match="it can't be an id"):
        import_files(shop / "d", shop / "nested.parquet")


def test_prices_with_a_currency_are_read_and_others_noted(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("user_id,item_id\nu,a\n")
    log, items = tmp_path / "log.csv", tmp_path / "items.csv"
    for price, said, role in (
        ("$1,234.50", "'price' was read as numbers: '$2.50' is 2.5", "price"),
        ("from $3", "'price' is no price, for 'from $3' is no number; write 1234.50", None),
    ):
        items.write_text(f'item_id,title,price\nb,Mug,$2.50\na,Tea,"{price}"\n')
        notes: list[Guess] = []
        info = import_files(tmp_path / "d", log, items=items, report=notes.append)
        assert info.roles.price == role
        assert said in notes[0].notes[0]


def test_a_mapped_column_replaces_one_of_the_same_name(tmp_path: Path) -> None:
    log = pl.DataFrame({"user_id": ["no"], "real_user": ["yes"], "item_id": ["a"]})
    log.write_csv(tmp_path / "log.csv")
    mapping = {"user_id": "real_user"}
    import_files(tmp_path / "d", tmp_path / "log.csv", mapping=mapping, keep=["user_id"])
    assert rows(tmp_path / "d") == [("yes", "a")]


def test_the_kind_of_time_can_be_corrected(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("user,item,ts\nu,a,1700000001\nu,b,1700000000\n")
    info = import_files(tmp_path / "d", log, time="per_user_order")
    assert info.time == "per_user_order"
    assert rows(tmp_path / "d") == [("u", "b", 1_700_000_000), ("u", "a", 1_700_000_001)]
    log.write_text("user,item,ts\nu,a,1\nu,b,2\n")
    with pytest.raises(DataError, match="'global' does not fit column 'ts', which looks like pos"):
        import_files(tmp_path / "d", log, time="global")
