from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from recsys.blurbs import BlurbStore, FactSheet, UserContext, fact_sheet
from recsys.blurbs.store import StoredBlurb, store_key
from recsys.errors import DataError
from recsys.types import Blurb

from .conftest import FITTING, ROLES

NOBODY = UserContext()


def entry(text: str = "A hose fitting.") -> StoredBlurb:
    return StoredBlurb(Blurb(text, "llm", "w:wrote", ("title",)), text)


def put(path: Path, names: list[str], writer: str = "w@1") -> None:
    store = BlurbStore(path)
    for name in names:
        sheet = FactSheet(name, name, ())
        key = store_key(sheet, NOBODY, "en", writer)
        store.put_many({key: (sheet, entry(name))}, locale="en", writer=writer)


def test_what_is_put_comes_back(tmp_path: Path, fitting: FactSheet) -> None:
    store = BlurbStore(tmp_path / "deep" / "blurbs.sqlite")
    key = store_key(fitting, NOBODY, "en", "w@1")
    store.put_many({key: (fitting, entry())}, locale="en", writer="w@1")
    assert store.get_many([key, b"other"]) == {key: entry()}
    assert store.writers() == ["w@1"]
    assert len(store) == 1
    assert store.forget_items(["f1"]) == 1
    assert len(store) == 0


def test_the_latest_writer_comes_first(tmp_path: Path) -> None:
    path = tmp_path / "b.sqlite"
    for writer in ("a@1", "b@1", "a@1"):
        put(path, ["x"], writer)
    assert BlurbStore(path).writers() == ["a@1", "b@1"]


def test_many_keys_are_looked_up_in_chunks(tmp_path: Path) -> None:
    store = BlurbStore(tmp_path / "b.sqlite")
    sheets = [FactSheet(str(i), "x", ()) for i in range(1_000)]
    keys = [store_key(s, NOBODY, "en", "w@1") for s in sheets]
    entries = {k: (s, entry(s.item_id)) for k, s in zip(keys, sheets, strict=True)}
    store.put_many(entries, locale="en", writer="w@1")
    found = store.get_many(keys)
    assert [found[k].clause for k in keys] == [str(i) for i in range(1_000)]


def test_every_part_of_the_key_counts(fitting: FactSheet) -> None:
    tea = UserContext(("tea",), "tea", "bought")
    keys = [
        store_key(fitting, NOBODY, "en", "w@1"),
        store_key(fitting, tea, "en", "w@1"),
        store_key(fitting, UserContext(("tea",), "tea", "often_buy"), "en", "w@1"),
        store_key(fitting, NOBODY, "zh", "w@1"),
        store_key(fitting, NOBODY, "en", "w@2"),
        store_key(fitting, NOBODY, "en", "w@1", tenant="b"),
        store_key(fact_sheet({**FITTING, "brand": "X"}, ROLES), NOBODY, "en", "w@1"),
        store_key(fact_sheet({**FITTING, "item_id": "f2"}, ROLES), NOBODY, "en", "w@1"),
    ]
    assert len(set(keys)) == len(keys)
    assert (
        store_key(fitting, UserContext(("tea", "bread"), "tea", "bought"), "en", "w@1") == keys[1]
    )


def test_threads_and_processes_write_side_by_side(tmp_path: Path) -> None:
    path = tmp_path / "b.sqlite"
    put(path, ["first"])
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda i: put(path, [f"t{i}-{j}" for j in range(10)]), range(4)))
    spawn = get_context("spawn")
    workers = [
        spawn.Process(target=put, args=(path, [f"p{i}-{j}" for j in range(10)])) for i in range(2)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    assert len(BlurbStore(path)) == 61


def test_one_store_serves_many_threads(tmp_path: Path, fitting: FactSheet) -> None:
    store = BlurbStore(tmp_path / "b.sqlite")
    key = store_key(fitting, NOBODY, "en", "w@1")
    store.put_many({key: (fitting, entry())}, locale="en", writer="w@1")
    with ThreadPoolExecutor(8) as pool:
        assert all(list(pool.map(lambda _: key in store.get_many([key]), range(100))))


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("this is not a database, but it is long enough to look like one " * 20)
    with pytest.raises(DataError, match="not a blurb store"):
        BlurbStore(path)


def test_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "b.sqlite"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(DataError, match="format 99"):
        BlurbStore(path)


def test_refused_keys_are_remembered_apart_from_entries(tmp_path: Path) -> None:
    store = BlurbStore(tmp_path / "b.sqlite")
    keys = [bytes([i]) * 20 for i in range(3)]
    store.put_refused(keys[:2])
    store.put_refused(keys[:1])
    assert store.refused(keys) == set(keys[:2])
    assert store.get_many(keys) == {}
    assert len(store) == 0


def test_a_store_that_is_being_written_can_be_opened(tmp_path: Path) -> None:
    path = tmp_path / "b.sqlite"
    put(path, ["x"])
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert len(BlurbStore(path)) == 1
    other.close()


def test_a_file_that_cannot_be_opened_is_not_to_be_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "b.sqlite"
    monkeypatch.setattr("recsys.blurbs.store._TIMEOUT", 0.01)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(DataError, match="cannot be opened") as caught:
        BlurbStore(path)
    assert "delete" not in str(caught.value)
    other.close()


@pytest.mark.parametrize("folder_too", [False, True])
def test_a_store_that_may_not_be_written_to_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder_too: bool
) -> None:
    path = tmp_path / "b 1?.sqlite"
    store = BlurbStore(path)
    sheet = FactSheet("x", "x", ())
    key = store_key(sheet, NOBODY, "en", "w@1")
    store.put_many({key: (sheet, entry())}, locale="en", writer="w@1")
    store.close()
    closed = {path, tmp_path} if folder_too else {path}
    monkeypatch.setattr("os.access", lambda at, mode: Path(at) not in closed)
    reading = BlurbStore(path)
    assert (reading.writers(), reading.get_many([key])) == (["w@1"], {key: entry()})
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reading.put_refused([key])
