from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import psutil
import pytest

from experiments import answers
from experiments.cluster.batch import BatchJob, batch
from experiments.cluster.connection import Cluster
from experiments.cluster.storage import Place
from recsys.errors import BundleError, DataError
from recsys.recommender import Recommender
from tests.experiments.cluster import drive
from tests.experiments.cluster.slow import SlowWorker, began

pytestmark = pytest.mark.ray
PER_PART = 64
K = 5


def job(bundle: Path, out: Path, users: str = "all", repeats: Any = "exclude") -> BatchJob:
    return BatchJob(Place.of(bundle), users, Place.of(out), K, repeats, PER_PART)


def local(
    recommender: Recommender, out: Path, users: str = "all", repeats: Any = "exclude"
) -> pl.DataFrame:
    """What the local command writes, by parts of the same size."""
    asked = answers.read_users(users, recommender)
    before = answers.USERS_PER_PART
    answers.USERS_PER_PART = PER_PART
    try:
        answers.write_batch(recommender, asked, out, k=K, repeats=repeats)
    finally:
        answers.USERS_PER_PART = before
    return pl.read_parquet(out)


def test_everybody_gets_the_local_lists(
    cluster: Cluster, bundle: Path, recommender: Recommender, tmp_path: Path
) -> None:
    calls: list[tuple[int, int]] = []
    done = batch(job(bundle, tmp_path / "lists"), cluster, lambda *at: calls.append(at))
    want = local(recommender, tmp_path / "local.parquet")
    # 600 shoppers in parts of 64 are 10 parts; every shopper has K lists.
    assert (done.n_users, done.n_rows, done.n_parts, done.n_kept) == (600, 3000, 10, 0)
    names = [f"part-{i:06d}.parquet" for i in range(10)]
    assert sorted(p.name for p in (tmp_path / "lists").iterdir()) == names
    assert sorted(p.name for p in tmp_path.iterdir()) == ["lists", "local.parquet"]
    assert pl.read_parquet(tmp_path / "lists").equals(want)  # scores to the last bit
    assert calls[0] == (0, 600)
    assert calls[-1] == (600, 600)
    assert [a for a, _ in calls] == sorted(a for a, _ in calls)


def test_a_folder_of_ids_each_answered_once(
    cluster: Cluster, bundle: Path, recommender: Recommender, tmp_path: Path
) -> None:
    folder = tmp_path / "ids"
    folder.mkdir()
    known = recommender.users.ids.to_list()
    for name, some in {"b": known[90:150], "a": [*known[:100], "stranger", known[0]]}.items():
        pl.DataFrame({"user_id": some}).write_parquet(folder / f"{name}.parquet")
    done = batch(job(bundle, tmp_path / "lists", str(folder), "allow"), cluster)
    want = local(recommender, tmp_path / "local.parquet", str(folder), "allow")
    got = pl.read_parquet(tmp_path / "lists")
    assert done.n_users == 151  # 100 + the stranger + 50 that are not in the first file
    assert got["user_id"].unique(maintain_order=True).to_list()[99:102] == [
        known[99],
        "stranger",
        known[100],
    ]
    assert got.equals(want)


def test_a_store_without_renames(
    cluster: Cluster, bundle: Path, recommender: Recommender, tmp_path: Path
) -> None:
    # `local://` is no path and no `file://`, so it is treated as a store that cannot rename.
    users = tmp_path / "ids.csv"
    known = recommender.users.ids[:100].to_list()
    pl.DataFrame({"user_id": known}).write_csv(users)
    there = BatchJob(
        Place.of(f"local://{bundle}"),
        f"local://{users}",
        Place.of(f"local://{tmp_path}/lists"),
        K,
        "exclude",
        PER_PART,
    )
    assert not there.out.is_local
    done = batch(there, cluster)
    assert (done.n_rows, done.n_parts) == (100 * K, 2)
    got = pl.read_parquet(tmp_path / "lists")
    assert got.equals(local(recommender, tmp_path / "local.parquet", str(users)))
    assert {p.name for p in tmp_path.iterdir()} == {"ids.csv", "lists", "local.parquet"}
    # Its parts lie where readers look, so another job must not mix its own with them.
    other = replace(there, k=1)
    with pytest.raises(DataError, match="holds the parts of another job"):
        batch(other, cluster)


def test_nobody_gives_an_empty_table(cluster: Cluster, bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("\n")
    done = batch(job(bundle, tmp_path / "lists", str(tmp_path / "ids.txt")), cluster)
    assert (done.n_users, done.n_rows, done.n_parts) == (0, 0, 1)
    got = pl.read_parquet(tmp_path / "lists")
    assert got.columns == ["user_id", "item_id", "rank", "score", "source"]


def test_a_killed_worker_is_made_up_for(
    cluster: Cluster,
    bundle: Path,
    recommender: Recommender,
    tmp_path: Path,
) -> None:
    asked, killed = job(bundle, tmp_path / "lists"), []

    def kill_one(done: int, total: int) -> None:
        at_work = began(asked)
        if done and not killed:
            killed.append(at_work[-1][1])
            os.kill(killed[0], signal.SIGKILL)

    done = batch(asked, cluster, kill_one, SlowWorker)
    assert len(killed) == 1
    assert not psutil.pid_exists(killed[0])
    ran = began(asked)
    assert len(ran) > done.n_parts  # its partition was done again
    assert killed[0] not in {pid for _, pid in ran[-2:]}
    got = pl.read_parquet(tmp_path / "lists")
    assert got["user_id"].rle().struct.field("len").to_list() == [K] * 600  # each shopper once
    assert got.equals(local(recommender, tmp_path / "local.parquet"))


def test_a_killed_driver_goes_on(
    nodes: Any, cluster: Cluster, bundle: Path, recommender: Recommender, tmp_path: Path
) -> None:
    out = tmp_path / "lists"
    command = [sys.executable, "-m", drive.__name__, nodes.address, str(bundle), str(out)]
    driver = subprocess.Popen(command)
    asked = drive.job_of(str(bundle), str(out))
    try:
        wait_for(lambda: len(asked.parts.files()) >= 3, driver)
    finally:
        driver.kill()
        driver.wait()
    assert not out.exists()  # nothing half-written under its name
    done = batch(asked, cluster)
    assert done.n_parts == 19
    assert 3 <= done.n_kept < 19
    got = pl.read_parquet(out)
    assert got["user_id"].to_list() == [u for u in recommender.users.ids for _ in range(K)]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["began.txt", "lists"]


def test_another_job_starts_anew_and_replaces_the_lists(
    cluster: Cluster, bundle: Path, tmp_path: Path
) -> None:
    (tmp_path / "ids.txt").write_text("u1\nu2\n")
    out = tmp_path / "lists"
    first = job(bundle, out, str(tmp_path / "ids.txt"))
    first.part(0).write_frame(pl.DataFrame({"not": ["of this job"]}))  # no plan: not taken
    assert batch(first, cluster).n_kept == 0
    (tmp_path / "ids.txt").write_text("u9\n")
    assert batch(job(bundle, out, str(tmp_path / "ids.txt")), cluster).n_users == 1
    assert pl.read_parquet(out)["user_id"].to_list() == ["u9"] * K


@pytest.mark.parametrize(
    ("users", "message"),
    [
        ("nowhere.parquet", r"--users .*nowhere.parquet: no file, no folder with parquet files"),
        ("other.csv", r"other.csv cannot be read: .*give parquet or CSV with a column user_id"),
    ],
)
def test_bad_users_are_refused(
    cluster: Cluster, bundle: Path, tmp_path: Path, users: str, message: str
) -> None:
    (tmp_path / "other.csv").write_text("customer\n1\n")
    with pytest.raises(DataError, match=message):
        batch(job(bundle, tmp_path / "lists", str(tmp_path / users)), cluster)
    assert [p.name for p in tmp_path.iterdir()] == ["other.csv"]


def test_no_bundle(cluster: Cluster, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"holds no manifest\.json"):
        batch(job(tmp_path / "none", tmp_path / "lists"), cluster)


def wait_for(condition: Any, driver: subprocess.Popen[bytes], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert driver.poll() is None, "the driver ended before its time"
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)
