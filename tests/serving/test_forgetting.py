"""Deletion and export reach every model that may answer, not the champion alone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from recsys import Recommender
from recsys.forgetting import forget_user
from tests.serving.running import Running, running


@pytest.fixture(scope="module")
def stranger(recommender: Recommender) -> str:
    """A shopper whom the challenger knows and the champion does not."""
    return str(recommender.users.ids[7])


@pytest.fixture(scope="module")
def divided(
    bundle: Path, stranger: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """A service in an experiment."""
    place = tmp_path_factory.mktemp("divided")
    champion = Path(shutil.copytree(bundle, place / "champion"))
    assert forget_user(champion, stranger).known
    with running(
        model=str(champion), challenger=str(bundle), challenger_share=1.0, rate=0,
        store=f"sqlite:///{place / 's.db'}", items_poll_seconds=0.1,
    ) as found:  # fmt: skip
        yield found


def fallback(client: httpx.Client, user: str) -> str | None:
    answer = client.post("/v1/recommendations", json={"user_id": user, "arm": "challenger"})
    found: str | None = answer.json()["fallback"]
    return found


def test_one_whom_the_challenger_alone_knows_is_exported_and_deleted(
    divided: Running, stranger: str, recommender: Recommender
) -> None:
    with divided.client() as client:
        assert fallback(client, stranger) is None
        export = client.post("/v1/users:export", json={"user_id": stranger}).json()
        known = recommender.history_frame(stranger, 1_000)["item_id"].to_list()
        assert {e["item_id"] for e in export["model_history"]} >= set(known) > set()
        version = recommender.manifest.version
        assert {e["model_version"] for e in export["model_history"]} == {version}
        assert client.delete(f"/v1/users/{stranger}").status_code == 200
        assert fallback(client, stranger) == "unknown_user"


def test_one_whom_the_next_model_may_know_is_forgotten_beforehand(divided: Running) -> None:
    with divided.client() as client:
        assert client.delete("/v1/users/tomorrow").status_code == 404
        event = {"event_id": "1", "event": "view", "item_id": "x", "user_id": "tomorrow"}
        [result] = client.post("/v1/events", json={"events": [event]}).json()["results"]
        assert result["status"] == "refused"
