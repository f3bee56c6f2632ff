"""What the workers of a batch job do, one after the other in this process: no cluster."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from experiments.cluster import pool
from experiments.cluster.batch import BatchJob, BatchWorker, done_parts, finish, prepare
from experiments.cluster.storage import Place
from recsys.errors import DataError, MissingExtraError
from recsys.recommender import Recommender
from tests.recsys.shop import PLAIN, trained

pytest.importorskip("pyarrow")
K, PER_PART = 3, 50


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of 120 shoppers."""
    found = tmp_path_factory.mktemp("bundle") / "shop"
    trained(*PLAIN).save(found)
    return found


def job(path: Path, out: Path, scheme: str = "", users: str = "all") -> BatchJob:
    return BatchJob(
        Place.of(f"{scheme}{path}"), users, Place.of(f"{scheme}{out}"), K, "exclude", PER_PART
    )


@pytest.mark.parametrize("scheme", ["", "local://"])
def test_parts_are_written_once_and_a_stopped_job_goes_on(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    # `local://` is no path and no `file://`, so it is treated as a store that cannot rename.
    monkeypatch.setenv("RECSYS_HOME", str(tmp_path / "home"))
    asked = job(path, tmp_path / "lists", scheme)
    assert asked.out.is_local == (not scheme)
    listed = prepare(asked)
    assert listed.n_users == 120
    worker = BatchWorker(asked, listed.version)
    assert [worker.work(number) for number in (2, 0, 0)] == [20 * K, 50 * K, 50 * K]
    with pytest.raises(DataError, match=r"1 of 3 parts are missing, \[1\] among them; run the"):
        finish(asked, 3)
    # Stopped here, with a file that a killed worker left half-written.
    if not scheme:
        (asked.parts.path / ".part-000001.parquet.abc").write_bytes(b"half")
    assert prepare(asked) == listed
    assert done_parts(asked) == {0, 2}
    worker.work(1)
    assert finish(asked, 3) == 120 * K
    names = [f"part-{i:06d}.parquet" for i in range(3)]
    assert sorted(p.name for p in (tmp_path / "lists").iterdir()) == names
    assert {p.name for p in tmp_path.iterdir()} == {"lists"} | ({"home"} if scheme else set())
    recommender = Recommender.load(path)
    ids = recommender.users.ids.to_list()
    want = [recommender.recommend_frame(ids[s : s + PER_PART], K) for s in range(0, 120, PER_PART)]
    assert pl.read_parquet(tmp_path / "lists").equals(pl.concat(want))


def test_another_job_does_not_take_the_parts(path: Path, tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("a\nb\n")
    asked = job(path, tmp_path / "lists", users=str(tmp_path / "ids.txt"))
    BatchWorker(asked, prepare(asked).version).work(0)
    assert done_parts(asked) == {0}
    (tmp_path / "ids.txt").write_text("a\nb\na\nc\n")
    listed = prepare(asked)
    assert (listed.n_users, done_parts(asked)) == (3, set())
    assert asked.asked(0).read_frame()["user_id"].to_list() == ["a", "b", "c"]


def test_a_store_with_other_parts_is_refused(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECSYS_HOME", str(tmp_path / "home"))
    asked = job(path, tmp_path / "lists", "local://")
    BatchWorker(asked, prepare(asked).version).work(0)
    with pytest.raises(DataError, match=r"--out .*/lists holds the parts of another job"):
        prepare(replace(asked, k=K + 1))


def test_another_bundle_on_a_node_is_refused(path: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is version \w+ on one node and other on another"):
        BatchWorker(job(path, tmp_path / "lists"), "other")


class Fails:
    """A worker that cannot do piece 1; `when` made at all: none at all."""

    def __init__(self, made: bool) -> None:
        if not made:
            raise DataError("no such thing")

    def work(self, number: int) -> int:
        if number == 1:
            raise MissingExtraError("text", "piece 1")
        return 10 * number


class NoRay:
    """As much of Ray as an actor asks for."""

    class ObjectRef:
        pass


def test_errors_of_workers_are_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    import pickle

    monkeypatch.setattr(pool, "require_ray", lambda: NoRay)
    monkeypatch.setattr(pool, "limit", lambda n: None)

    def answer(made: bool, number: int) -> object:
        actor = pool._Actor(Fails, {"made": made})
        found = actor({"item": [number]})
        assert found["number"] == [number]
        return pickle.loads(found["answer"][0])

    assert answer(True, 2) == 20
    missing = answer(True, 1)
    assert str(missing) == 'piece 1 needs the extra "text": pip install "recsys[text]"'
    fault = answer(False, 2)
    assert isinstance(fault, DataError)
    assert str(fault) == "no such thing"
