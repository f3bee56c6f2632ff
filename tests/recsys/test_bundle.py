"""Bundles: no pickle, and not a byte may differ."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recsys.bundle import MANIFEST, Bundle, Manifest, write_bundle
from recsys.errors import BundleError
from recsys.protocols import State


@pytest.fixture
def path(tmp_path: Path) -> Path:
    states = {
        "als": State({"factors": 2}, {"items": np.arange(6, dtype=np.float32).reshape(3, 2)}),
        "popular": State({"days": 28}),
    }
    frames = {"items": pl.DataFrame({"item_id": ["a/b", "🛒"]})}
    write_bundle(tmp_path / "bundle", Manifest(name="shop"), states, frames)
    return tmp_path / "bundle"


def test_read_back(path: Path) -> None:
    bundle = Bundle(path)
    assert bundle.manifest.name == "shop"
    state = bundle.state("als")
    assert state.config == {"factors": 2}
    np.testing.assert_array_equal(state.arrays["items"], [[0, 1], [2, 3], [4, 5]])
    assert bundle.state("popular").arrays == {}
    assert bundle.frame("items")["item_id"].to_list() == ["a/b", "🛒"]
    assert not bundle.has("ease")


def test_a_file_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("user_id")
    with pytest.raises(BundleError, match=r"orders\.csv is a file"):
        write_bundle(tmp_path / "orders.csv", Manifest(name="shop"), {}, {})
    assert (tmp_path / "orders.csv").read_text() == "user_id"


def test_every_flipped_byte_is_found_and_its_file_named(path: Path) -> None:
    for file in [f for f in path.rglob("*") if f.is_file()]:
        good = file.read_bytes()
        for at in {0, len(good) // 2, len(good) - 1}:
            bad = bytearray(good)
            bad[at] ^= 1
            file.write_bytes(bad)
            with pytest.raises(BundleError, match=file.name):
                Bundle(path)
        file.write_bytes(good)
    Bundle(path)


def test_missing_and_added_files_are_named(path: Path) -> None:
    (path / "als" / "config.json").rename(path / "als" / "other.json")
    with pytest.raises(BundleError, match=r"config\.json is missing"):
        Bundle(path)
    (path / "als" / "other.json").rename(path / "als" / "config.json")
    (path / "evil.bin").write_bytes(b"x")
    with pytest.raises(BundleError, match=r"evil\.bin"):
        Bundle(path)


def test_a_later_format_says_what_to_do(path: Path) -> None:
    manifest = json.loads((path / MANIFEST).read_text())
    manifest["format_version"] = 99
    (path / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match="format 99"):
        Bundle(path)


def test_objects_are_refused_and_nothing_is_left_behind(tmp_path: Path) -> None:
    bad = {"als": State({}, {"items": np.array([{}], dtype=object)})}
    with pytest.raises(BundleError, match="Python objects"):
        write_bundle(tmp_path / "bundle", Manifest(), bad, {})
    assert list(tmp_path.iterdir()) == []


def test_an_older_bundle_is_replaced_and_other_folders_are_not(path: Path) -> None:
    write_bundle(path, Manifest(name="newer"), {}, {})
    assert Bundle(path).manifest.name == "newer"
    other = path.parent / "photos"
    other.mkdir()
    (other / "cat.jpg").write_bytes(b"x")
    with pytest.raises(BundleError, match="not a bundle"):
        write_bundle(other, Manifest(), {}, {})
    assert (other / "cat.jpg").exists()


def test_a_bundle_behind_a_link_is_replaced_where_it_lies(path: Path) -> None:
    link = path.with_name("current")
    link.symlink_to(path)
    written = write_bundle(link, Manifest(name="newer"), {}, {})
    assert link.is_symlink()
    assert Bundle(path).manifest == written
    assert sorted(p.name for p in path.parent.iterdir()) == ["bundle", "current"]


def test_a_bundle_that_cannot_be_replaced_stays(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename, before = os.rename, Bundle(path).manifest

    def failing(source: Path, target: Path) -> None:
        if target == path and source.name != ".bundle.old":
            raise OSError("the disk is gone")
        rename(source, target)

    monkeypatch.setattr(os, "rename", failing)
    with pytest.raises(OSError, match="the disk is gone"):
        write_bundle(path, Manifest(name="newer"), {}, {})
    assert Bundle(path).manifest == before
    assert [*path.parent.iterdir()] == [path]


def test_a_save_that_was_killed_in_between_is_told(path: Path) -> None:
    path.rename(path.with_name(".bundle.old"))
    with pytest.raises(BundleError, match=r"cut short: rename .*\.bundle\.old to it"):
        Bundle(path)


def test_nothing_to_load(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=MANIFEST):
        Bundle(tmp_path)
