from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest

from recsys.bundle import Bundle
from recsys.errors import BundleError
from recsys.forgetting import forget_user
from recsys.recommender import Recommender
from recsys.types import RecommendationRequest, Recommendations
from tests.recsys.shop import trained


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("forget") / "shop"
    trained().save(path)
    return path


@pytest.fixture
def bundle(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "shop"))


def answers(path: Path, users: list[str]) -> list[Recommendations]:
    loaded = Recommender.load(path)
    requests = [
        RecommendationRequest(user_id=user, k=12, repeats=repeats)  # type: ignore[arg-type]
        for user in users
        for repeats in ("exclude", "allow")
    ]
    return loaded.recommend_many(requests)


def latest_shopper(path: Path) -> str:
    """Who made the last purchase of all: the one whose leaving could move the clock."""
    dataset = Recommender.load(path).dataset
    last = int(dataset.histories.owner[dataset.histories.times.argmax()])
    return str(dataset.users.ids[last])


def test_the_shopper_is_gone_and_the_others_notice_nothing(bundle: Path) -> None:
    victim = latest_shopper(bundle)
    before = Recommender.load(bundle)
    others = [u for u in before.users.ids.to_list() if u != victim]
    expected = answers(bundle, [*others[:8], others[-1], "stranger"])

    gone = forget_user(bundle, victim)

    row = int(before.users.rows([victim])[0])
    assert gone.known
    assert gone.interactions == before.dataset.histories.counts[row] > 0
    after = Recommender.load(bundle)
    assert after.users.ids.to_list() == others
    assert after.dataset.end == before.dataset.end
    assert len(after.dataset.interactions) == len(before.dataset.interactions) - gone.interactions
    assert after.manifest.version == gone.version != before.manifest.version
    found = answers(bundle, [*others[:8], others[-1], "stranger"])
    assert [a.items for a in found] == [a.items for a in expected]
    assert after.recommend(victim).fallback == "unknown_user"


def test_neither_table_nor_array_names_the_shopper(bundle: Path) -> None:
    opened = Bundle(bundle)
    users = opened.frame("users")["user_id"].to_list()
    victim = users[5]
    forget_user(bundle, victim)
    opened = Bundle(bundle)
    for table in ("users", "user_attributes"):
        ids = opened.frame(table)["user_id"].cast(pl.String).to_list()
        assert ids
        assert victim not in ids
    assert len(opened.state("interactions").arrays["indptr"]) == len(users)


def test_an_added_item_does_not_turn_the_clock_back(bundle: Path) -> None:
    end = Recommender.load(bundle).dataset.end
    forget_user(bundle, latest_shopper(bundle))
    loaded = Recommender.load(bundle)
    title = loaded.catalogue.label(3)
    loaded.add_items(pl.DataFrame({"item_id": ["new"], "title": [title]}))
    assert loaded.dataset.end == end


def test_forgetting_twice_changes_nothing(bundle: Path) -> None:
    victim = latest_shopper(bundle)
    version = forget_user(bundle, victim).version
    again = forget_user(bundle, victim)
    assert (again.known, again.interactions, again.version) == (False, 0, version)


def test_a_crash_leaves_the_old_bundle(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    victim = latest_shopper(bundle)
    version = Bundle(bundle).manifest.version

    def full(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("recsys.bundle._write_state", full)
    with pytest.raises(OSError, match="No space left"):
        forget_user(bundle, victim)
    assert Bundle(bundle).manifest.version == version
    assert [p.name for p in bundle.parent.iterdir()] == [bundle.name]


def test_a_damaged_bundle_is_refused(bundle: Path) -> None:
    (bundle / "users.parquet").write_bytes(b"")
    with pytest.raises(BundleError, match=r"users\.parquet was changed or damaged"):
        forget_user(bundle, "1")
