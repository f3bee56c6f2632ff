"""Addresses and places: what needs no cluster."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from experiments.cluster.connection import Cluster, connected
from experiments.cluster.pool import in_order
from experiments.cluster.storage import Place
from recsys.cli import main
from recsys.errors import DataError, MissingExtraError

pytest.importorskip("pyarrow")


def test_a_path_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    place = Place.of("a/b")
    assert place.url == f"{tmp_path}/a/b"
    assert place.is_local
    assert place.beside(".b.partial").url == f"{tmp_path}/a/.b.partial"
    assert (place / "c").name == "c"


def test_a_store_is_not_local() -> None:
    place = Place.of("s3://shop/lists/")
    assert place.url == "s3://shop/lists"
    assert not place.is_local
    assert Place.of("file:///tmp/x").is_local


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_files_come_and_go_whole(tmp_path: Path, scheme: str) -> None:
    folder = Place.of(f"{scheme}{tmp_path}/new")
    assert not folder.exists()
    assert folder.files() == []
    frame = pl.DataFrame({"n": [1, 2, 3]})
    (folder / "x/a.parquet").write_frame(frame)
    assert folder.files() == ["x/a.parquet"]  # and no other name beside it
    assert (folder / "x/a.parquet").read_frame().equals(frame)
    assert (folder / "x/a.parquet").count_rows() == 3
    (folder / "x/a.parquet").write(b"other")
    assert (tmp_path / "new/x/a.parquet").read_bytes() == b"other"
    folder.move_to(Place.of(tmp_path / "moved"))
    assert Place.of(tmp_path / "moved").files() == ["x/a.parquet"]
    Place.of(tmp_path / "moved").remove()
    assert list(tmp_path.iterdir()) == []


def test_a_store_by_fsspec() -> None:
    pytest.importorskip("fsspec")
    place = Place.of("memory://places/lists")
    (place / "a.parquet").write_frame(pl.DataFrame({"n": [7]}))
    assert place.files() == ["a.parquet"]
    assert (place / "a.parquet").read_frame()["n"].to_list() == [7]
    place.remove()
    assert place.files() == []


@pytest.mark.parametrize("address", ["", "ray://host:1", "host:", "host:port", ":6379"])
def test_what_is_no_address(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.cluster.connection.require_ray", NoCluster)
    with pytest.raises(DataError, match=r"--address .*give auto, local, or HOST\[:PORT\]"):
        with connected(Cluster(address)):
            pass


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.cluster.connection.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r'--engine ray needs the extra "ray": pip install'):
        with connected(Cluster()):
            pass


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--address", "auto"], "--address auto: it goes with --engine ray"),
        (["--workers", "2"], "--workers 2: it goes with --engine ray"),
        (["--engine", "spark"], "'spark' is not one of"),
        (["--engine", "ray", "--to-store", "sqlite:///x.db"], "either --out or --to-store"),
    ],
)
def test_options_that_do_not_fit(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["batch", "bundle", "--users", "all", "--out", "lists", *options])
    assert stopped.value.code == 2
    shown = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert message in shown


def test_answers_wait_for_their_turn() -> None:
    early = iter([(2, "c"), (0, "a"), (1, "b")])
    assert list(in_order(early)) == [(0, "a"), (1, "b"), (2, "c")]


class NoCluster:
    """Stands in for Ray, which is not connected and must not be asked to."""

    def is_initialized(self) -> bool:
        return False
