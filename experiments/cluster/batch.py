"""`recsys batch --engine ray`: lists for any number of shoppers, a partition at a time.

A partition is a run of shoppers as long as a part of the local command, in the same order,
so its lists are the same to the last bit. The actor that holds it writes one file, in one
step, under a name that only depends on the partition's number: work that is done twice
leaves one file, and a job that was stopped goes on with the numbers that are missing.

    OUT/part-000000.parquet ...      appears whole, by one rename, where the storage renames
    .OUT.partial/plan.json           what the job is: another job's leftovers are not taken
    .OUT.partial/users/000000.parquet    shoppers of a partition, where they come from a file

In an object store, which cannot rename a folder, the parts go straight to OUT, and are
complete when `.OUT.partial` is gone.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import polars as pl

from experiments.answers import USERS_PER_PART
from experiments.asked import EVERYBODY, distinct, ids_in
from experiments.cluster.connection import Cluster
from experiments.cluster.pool import once, run
from experiments.cluster.storage import Place, local_bundle
from experiments.cluster.workers import load_same
from recsys.bundle import read_manifest
from recsys.errors import DataError
from recsys.types import Repeats

FORMAT = 1
PLAN = "plan.json"
_PART = re.compile(r"^part-(\d{6,})\.parquet$")


@dataclass(frozen=True)
class BatchJob:
    """What is asked for.

    Attributes:
        bundle: where every node finds it.
        users: the word `all`, or the place of a file or folder of ids.
        out: folder of the lists.
        k: items a shopper.
        repeats: as in `recommend`.
        users_per_part: shoppers of a partition.
    """

    bundle: Place
    users: str
    out: Place
    k: int
    repeats: Repeats
    users_per_part: int = USERS_PER_PART

    @property
    def work(self) -> Place:
        """Where an unfinished job keeps its things."""
        return self.out.beside(f".{self.out.name}.partial")

    @property
    def parts(self) -> Place:
        """Where finished partitions lie until all are."""
        return self.work / "parts" if self.out.is_local else self.out

    def part(self, number: int) -> Place:
        """Return the file of a partition."""
        return self.parts / f"part-{number:06d}.parquet"

    def asked(self, number: int) -> Place:
        """Return the file with the shoppers of a partition."""
        return self.work / "users" / f"{number:06d}.parquet"


@dataclass(frozen=True)
class Listed:
    """What a job covers.

    Attributes:
        version: of the bundle.
        n_users: distinct shoppers.
    """

    version: str
    n_users: int


@dataclass(frozen=True)
class BatchDone:
    """What a job made.

    Attributes:
        n_users: shoppers with lists.
        n_rows: rows in all parts.
        n_parts: files.
        n_kept: of these, made before the job was stopped and started again.
    """

    n_users: int
    n_rows: int
    n_parts: int
    n_kept: int


def batch(
    job: BatchJob,
    cluster: Cluster,
    progress: Callable[[int, int], None] = lambda done, total: None,
    worker: type[BatchWorker] | None = None,
) -> BatchDone:
    """Do a job on the cluster that we are connected to.

    This process keeps numbers of partitions and nothing else, however many shoppers there are.

    Args:
        job: what is asked for.
        cluster: how many workers.
        progress: called with shoppers done and shoppers in all.
        worker: what an actor runs; None is `BatchWorker`.

    Raises:
        DataError: the shoppers cannot be read, or something else lies at `job.out`.
        BundleError: the bundle is damaged.
        ClusterError: the cluster lost more than it can make up for.
    """
    _refuse_other(job)
    listed: Listed = once(prepare, job)
    n_parts = max(1, -(-listed.n_users // job.users_per_part))
    there = done_parts(job)
    todo = [number for number in range(n_parts) if number not in there]
    done = sum(_size(job, listed, number) for number in there)
    progress(done, listed.n_users)
    arguments = {"job": job, "version": listed.version}
    for number, _ in run(worker or BatchWorker, arguments, todo, cluster):
        done += _size(job, listed, number)
        progress(done, listed.n_users)
    n_rows: int = once(finish, job, n_parts)
    return BatchDone(listed.n_users, n_rows, n_parts, len(there))


class BatchWorker:
    """Holds a bundle, and writes the lists of one partition after another."""

    def __init__(self, job: BatchJob, version: str) -> None:
        """Load the bundle.

        Raises:
            DataError: this node has another bundle at the place.
        """
        self.job = job
        self.recommender = load_same(job.bundle, version)

    def work(self, number: int) -> int:
        """Write a partition; return how many rows it has."""
        job = self.job
        if job.users == EVERYBODY:
            start = number * job.users_per_part
            ids = self.recommender.users.ids.slice(start, job.users_per_part)
        else:
            ids = job.asked(number).read_frame()["user_id"]
        frame = self.recommender.recommend_frame(ids.to_list(), job.k, repeats=job.repeats)
        job.part(number).write_frame(frame)
        return frame.height


def prepare(job: BatchJob) -> Listed:
    """List the shoppers and note the plan, on a node of the cluster.

    Where the shoppers come from files, this is the one step that holds all their ids: each
    is answered once, wherever it stands twice.

    Raises:
        DataError: a file cannot be read, or an unfinished job of another kind is in an
            object store.
    """
    bundle = local_bundle(job.bundle)
    version = read_manifest(bundle).version
    if job.users == EVERYBODY:
        known = pl.scan_parquet(bundle / "users.parquet")
        n_users, digest, ids = int(known.select(pl.len()).collect().item()), EVERYBODY, None
    else:
        ids = _read(Place.of(job.users))
        n_users, digest = len(ids), _digest(ids)
    plan = json.dumps(
        {
            "format": FORMAT,
            "bundle": version,
            "users": digest,
            "k": job.k,
            "repeats": job.repeats,
            "users_per_part": job.users_per_part,
        },
        indent=1,
    ).encode()
    file = job.work / PLAN
    if not file.exists() or file.read() != plan:
        _start_anew(job)
        for number in range(0 if ids is None else max(1, -(-len(ids) // job.users_per_part))):
            start = number * job.users_per_part
            some = (ids or [])[start : start + job.users_per_part]
            frame = pl.DataFrame({"user_id": some}, schema={"user_id": pl.String})
            job.asked(number).write_frame(frame)
        file.write(plan)  # last: where it is, the shoppers are listed
    return Listed(version, n_users)


def finish(job: BatchJob, n_parts: int) -> int:
    """Put the parts in their place when all are there; return how many rows they have.

    Raises:
        DataError: a part is missing.
    """
    there = done_parts(job)
    if missing := sorted(set(range(n_parts)) - there):
        raise DataError(
            f"{job.out}: {len(missing)} of {n_parts} parts are missing, {missing[:3]} among them; "
            "run the same command again"
        )
    n_rows = sum(job.part(number).count_rows() for number in range(n_parts))
    if job.out.is_local:
        for name in job.parts.files():  # what a killed worker left half-written
            if not _PART.match(name):
                (job.parts / name).remove()
        old = job.out.beside(f".{job.out.name}.old")
        old.remove()
        if job.out.exists():
            job.out.move_to(old)
        job.parts.move_to(job.out)
        old.remove()
    job.work.remove()
    return n_rows


def done_parts(job: BatchJob) -> set[int]:
    """Return the numbers of the finished partitions."""
    return _numbers(job.parts.files())


def _numbers(names: Iterable[str]) -> set[int]:
    return {int(found[1]) for name in names if (found := _PART.match(name))}


def _size(job: BatchJob, listed: Listed, number: int) -> int:
    start = number * job.users_per_part
    return max(0, min(job.users_per_part, listed.n_users - start))


def _refuse_other(job: BatchJob) -> None:
    """Refuse to write over what is no earlier output of such a job."""
    if job.out.is_file():
        raise DataError(
            f"--out {job.out} is a file, and --engine ray writes a folder of parquet files; "
            "choose another place or remove it"
        )
    if other := [name for name in job.out.files() if not _PART.match(name)]:
        raise DataError(
            f"--out {job.out} holds {other[0]!r}, which is no part of such an output; choose "
            "another folder"
        )


def _start_anew(job: BatchJob) -> None:
    if not job.out.is_local and job.parts.files():
        raise DataError(
            f"--out {job.out} holds the parts of another job; choose another folder or remove them"
        )
    job.work.remove()


def _read(place: Place) -> list[str]:
    if place.is_file():
        return distinct([ids_in(place.url, place.read())])
    files = [name for name in place.files() if name.endswith(".parquet")]
    if not files:
        raise DataError(
            f"--users {place}: no file, no folder with parquet files, and not the word all; "
            "give one of them"
        )
    return distinct([ids_in(name, (place / name).read()) for name in files])


def _digest(ids: list[str]) -> str:
    found: Any = hashlib.sha256()
    for start in range(0, len(ids), USERS_PER_PART):
        lines = (json.dumps(i) for i in ids[start : start + USERS_PER_PART])
        found.update("\n".join(lines).encode() + b"\n")
    return str(found.hexdigest())
