from __future__ import annotations

import sqlite3
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from recsys.dataset import Dataset
from recsys.datasets import import_sql
from recsys.errors import DataError

pytest.importorskip("aiosqlite")

LOG = "SELECT customer, sku, bought_at, price FROM orders ORDER BY id"
ITEMS = "SELECT sku, name AS title, brand FROM products ORDER BY sku"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "shop.db"
    connection = sqlite3.connect(path)
    connection.executescript(
        """
        CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INT, sku TEXT, bought_at TEXT,
                             price REAL);
        INSERT INTO orders VALUES (1, 7, '01', '2024-01-01 10:00:00', NULL),
                                  (2, 7, '02', '2024-01-02 10:00:00', 2.5),
                                  (3, 8, '01', '2024-01-03 10:00:00', 3);
        CREATE TABLE products (sku TEXT, name TEXT, brand TEXT);
        INSERT INTO products VALUES ('01', 'Green tea: loose', 'A'), ('02', 'Cup', NULL);
        CREATE TABLE customers (id INT, city TEXT);
        INSERT INTO customers VALUES (7, 'Oslo'), (8, NULL);
        CREATE TABLE odd (customer INT, sku, bought_at TEXT);
        INSERT INTO odd VALUES (1, 'a', '2024-01-01'), (1, 2, '2024-01-01');
        """
    )
    connection.close()
    return path


def test_queries_become_a_dataset(database: Path, tmp_path: Path) -> None:
    users = "SELECT id AS user_id, city FROM customers WHERE city IS NULL OR city <> ':colon'"
    out = tmp_path / "data"
    info = import_sql(f"sqlite:///{database}", out, LOG + ";", items_query=ITEMS, users_query=users)
    assert (info.name, info.time) == ("data", "global")
    dataset = Dataset.read(out)
    assert dataset.users.ids.to_list() == ["7", "8"]
    assert dataset.items.ids.to_list() == ["01", "02"]
    assert dataset.catalogue.frame["title"].to_list() == ["Green tea: loose", "Cup"]
    log = pl.read_parquet(out / "interactions.parquet")
    assert log["timestamp"].to_list()[0] == datetime(2024, 1, 1, 10)
    assert log["price"].to_list() == [None, 2.5, 3.0]
    assert pl.read_parquet(out / "users.parquet")["city"].to_list() == ["Oslo", None]


def test_many_parts_are_one_table(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The first part's prices are all null, the others' are not.
    monkeypatch.setattr("recsys.datasets.sql.ROWS_PER_PART", 1)
    import_sql(f"sqlite:///{database}", tmp_path / "data", LOG)
    log = pl.read_parquet(tmp_path / "data" / "interactions.parquet")
    assert log["price"].to_list() == [None, 2.5, 3.0]


def test_a_query_changes_nothing(database: Path, tmp_path: Path) -> None:
    query = "DELETE FROM orders RETURNING customer, sku, bought_at"
    import_sql(f"sqlite:///{database}", tmp_path / "data", query)
    with sqlite3.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM orders").fetchone() == (3,)
    connection.close()


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT * FROM nowhere", "no such table: nowhere"),
        ("SELECT * FROM orders WHERE 0", "interactions: the query gives no rows"),
        ("SELECT sku, sku FROM orders", "gives a column twice"),
        ("SELECT * FROM odd", r"several types .*CAST\(column AS TEXT\)"),
        ("UPDATE orders SET sku = 1", "interactions: the query gives no rows"),
    ],
)
def test_a_bad_query_is_told(database: Path, tmp_path: Path, query: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        import_sql(f"sqlite:///{database}", tmp_path / "data", query)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("sqlite:///nowhere.db", "no such SQLite file"),
        ("nonsense", "cannot be read; give sqlite:///PATH"),
        ("oracle+nothing://a:hunter2@b/c", "no driver for this address"),
        ("postgresql://a:hunter2@127.0.0.1:9/c", "does not answer as asked"),
    ],
)
def test_a_wrong_address_shows_no_password(tmp_path: Path, url: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        import_sql(url, tmp_path / "data", "SELECT 1")
    assert "hunter2" not in str(caught.value)
    assert not Path("nowhere.db").exists()
