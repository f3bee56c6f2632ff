"""Models are loaded beside, proven, swapped by one reference, kept, and rolled back."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from recsys import Recommender
from recsys.bundle import Manifest
from serving.models.errors import ModelRefused, SourceError
from serving.models.experiment import arm_of, subject_of
from serving.models.line import Line
from serving.models.loaded import Loaded, load
from serving.models.sources import source_of
from tests.serving.running import Running, running


@pytest.fixture(scope="module")
def other(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same shop, another model: without a ranker."""
    made = Recommender.load(bundle)
    made.engine.ranker = None
    made.manifest = Manifest(**{**made.manifest.model_dump(), "name": "other"})
    path = tmp_path_factory.mktemp("other") / "bundle"
    made.save(path)
    return path


@pytest.fixture
def place(bundle: Path, tmp_path: Path) -> Path:
    """A bundle directory that a test may change."""
    return Path(shutil.copytree(bundle, tmp_path / "place"))


@pytest.fixture
def changing(place: Path, other: Path, tmp_path: Path) -> Iterator[Running]:
    with running(
        model=str(place), store=f"sqlite:///{tmp_path / 's.db'}", poll_seconds=0.1, rate=0,
        items_poll_seconds=0.1,
    ) as found:  # fmt: skip
        yield found


def put(bundle: Path, place: Path) -> None:
    """Replace the bundle at `place`, as `Recommender.save` does: by renaming."""
    beside = place.with_name("beside")
    shutil.copytree(bundle, beside)
    place.rename(place.with_name("gone"))
    beside.rename(place)
    shutil.rmtree(place.with_name("gone"))


def models(client: httpx.Client) -> dict[str, Any]:
    answer = client.get("/v1/models")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def names(client: httpx.Client) -> dict[str, str]:
    return {m["arm"]: m["name"] for m in models(client)["models"]}


def ask(client: httpx.Client) -> dict[str, Any]:
    answer = client.post("/v1/recommendations", json={"user_id": "u001", "k": 5})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def until(condition: Any, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.05)


def test_a_new_bundle_is_taken_and_rolled_back(changing: Running, place: Path, other: Path) -> None:
    with changing.client("a") as client, changing.client("b") as neighbour:
        first = ask(client)
        put(other, place)
        until(lambda: names(client)["champion"] == "other")
        second = ask(client)
        assert second["model"]["name"] == "other"
        assert second["model_version"] != first["model_version"]
        assert names(client)["previous"] == first["model"]["name"]
        rolled = client.post("/v1/models:rollback").json()
        assert rolled["pinned"] == first["model_version"]
        assert ask(client)["items"] == first["items"]
        assert ask(neighbour)["model"]["name"] == "other"  # one tenant's rollback is its own
        assert client.post("/v1/models:reload").json()["pinned"] is None
        assert ask(client)["model"]["name"] == "other"


def test_a_damaged_bundle_is_refused_and_the_old_model_stays(
    changing: Running, place: Path, other: Path, tmp_path: Path
) -> None:
    with changing.client() as client:
        before = ask(client)
        damaged = Path(shutil.copytree(other, tmp_path / "damaged"))
        with (damaged / "items.parquet").open("r+b") as file:
            file.seek(8)
            file.write(b"\x00\xff\x00")
        put(damaged, place)
        until(lambda: models(client)["last_error"] is not None)
        assert "items.parquet" in models(client)["last_error"]
        assert ask(client)["model_version"] == before["model_version"]
        assert client.post("/v1/models:reload").status_code == 409
        shutil.rmtree(place)
        until(lambda: "can't be read" in str(models(client)["last_error"]))
        assert ask(client)["model_version"] == before["model_version"]


def test_a_reload_that_fails_ends_no_rollback_and_names_no_folder(
    changing: Running, place: Path, other: Path
) -> None:
    with changing.client() as client:
        first = ask(client)
        put(other, place)
        until(lambda: names(client)["champion"] == "other")
        client.post("/v1/models:rollback")
        shutil.rmtree(place)
        failed = client.post("/v1/models:reload")
        assert failed.status_code == 409
        assert "place/manifest.json" in failed.json()["detail"]
        told = models(client)
        assert told["pinned"] == first["model_version"]
        for text in (failed.text, str(told["last_error"])):
            assert str(place.parent) not in text
        assert ask(client)["model_version"] == first["model_version"]


def test_a_reload_outlasts_the_request_that_asked_for_it(
    place: Path, other: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads = 0

    def slow(*args: Any, **kwargs: Any) -> Loaded:
        nonlocal loads
        loads += 1
        time.sleep(0.6)
        return load(*args, **kwargs)

    with running(
        model=str(place), store=f"sqlite:///{tmp_path / 's.db'}", poll_seconds=3600, rate=0,
        request_timeout_ms=300,
    ) as shop, shop.client() as client:  # fmt: skip
        monkeypatch.setattr("serving.models.manager.load", slow)
        put(other, place)
        assert client.post("/v1/models:reload").status_code == 504
        until(lambda: names(client)["champion"] == "other")
        assert client.post("/v1/models:reload").status_code == 200
        assert loads == 1


def test_the_challenger_answers_its_share_and_sticks(
    bundle: Path, other: Path, tmp_path: Path
) -> None:
    with (
        running(
            model=str(bundle), challenger=str(other), challenger_share=0.5, experiment="autumn",
            store=f"sqlite:///{tmp_path / 's.db'}", models={"alone": str(bundle)}, rate=0,
        ) as found,
        found.client() as client,
    ):  # fmt: skip
        arms = {}
        for user in (f"somebody-{i}" for i in range(12)):
            seen = [client.post("/v1/recommendations", json={"user_id": user}).json() for _ in "ab"]
            arms[user] = seen[0]["experiment"]["arm"]
            assert seen[0]["experiment"] == seen[1]["experiment"]
            assert arms[user] == arm_of("autumn", f"user:{user}", 0.5)
            champion = arms[user] == "champion"
            assert (seen[0]["model"]["name"] == "other") != champion
        assert set(arms.values()) == {"champion", "challenger"}
        for arm in ("champion", "challenger"):
            asked = client.post("/v1/recommendations", json={"user_id": "x", "arm": arm}).json()
            assert asked["experiment"] == {"id": "autumn", "arm": arm}
        for path in ("popular", "similar", "also-bought"):  # for nobody in particular
            body = {} if path == "popular" else {"item_id": seen[0]["items"][0]["item_id"]}
            answer = client.post(f"/v1/{path}", json=body).json()
            assert answer["experiment"] is None
            assert answer["model"]["name"] != "other"
        with found.client("alone") as own:  # a model of its own: no experiment
            assert ask(own)["experiment"] is None
        # A list that neither arm's model made would be counted for one of them.
        for tenant, fallback in (("alone", "precomputed"), ("shop", None)):
            found.put_list("u001", [item["item_id"] for item in seen[0]["items"]], tenant)
            with found.client(tenant) as asking:
                listed = {"user_id": "u001", "precomputed": True, "k": 5}
                answer = asking.post("/v1/recommendations", json=listed).json()
            assert answer["fallback"] == fallback
            assert (answer["model_version"] == "v1") == (fallback is not None)


def test_without_its_challenger_the_champion_answers_and_it_is_said_why(
    bundle: Path, tmp_path: Path
) -> None:
    with (
        running(
            model=str(bundle), challenger=str(tmp_path / "gone"), challenger_share=0.5, rate=0,
            store=f"sqlite:///{tmp_path / 's.db'}", models={"alone": str(bundle)},
        ) as found,
        found.client() as client,
    ):  # fmt: skip
        answer = ask(client)
        assert answer["experiment"] is None
        told = models(client)
        assert [m["version"] for m in told["models"]] == [answer["model_version"]]
        assert told["last_error"].startswith("challenger: ")
        assert "gone" in told["last_error"]
        with found.client("alone") as own:  # no business of theirs
            assert models(own)["last_error"] is None


def test_arms_are_shared_out_as_told() -> None:
    arms = [arm_of("x", f"user:{i}", 0.25) for i in range(4_000)]
    assert 0.22 < arms.count("challenger") / len(arms) < 0.28
    # Another experiment cuts elsewhere.
    assert arms != [arm_of("y", f"user:{i}", 0.25) for i in range(4_000)]


def test_an_arm_sticks_to_the_user_before_the_session() -> None:
    assert subject_of("u", "s", 1) == "user:u"
    assert subject_of(None, "s", 1) == "session:s"
    assert subject_of(None, None, 1) == "seed:1"
    assert subject_of(None, None, None) != subject_of(None, None, None)


def test_a_model_must_prove_itself(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(bundle, source="here").version == Recommender.load(bundle).manifest.version
    monkeypatch.setattr(
        "recsys.engine.Engine.rank", lambda *_, **__: (_ for _ in ()).throw(RuntimeError("broken"))
    )
    with pytest.raises(ModelRefused, match="here: broken") as refused:
        load(bundle, source="here")
    assert refused.value.public == "here: RuntimeError; the model before it stays"


@pytest.mark.parametrize("uri", ["models:/", "models:/a@b@c", "models:/shop", "models:/shop/x"])
def test_a_uri_that_names_no_model_is_told(uri: str) -> None:
    with pytest.raises(ValueError, match="NAME@ALIAS"):
        source_of(uri)


@pytest.mark.slow
class TestRegistry:
    """A real MLflow registry in a SQLite file."""

    @pytest.fixture
    def client(self, tmp_path: Path) -> Any:
        pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
        from mlflow import MlflowClient

        return MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")

    def test_an_alias_is_followed(
        self, client: Any, bundle: Path, other: Path, tmp_path: Path
    ) -> None:
        address = f"sqlite:///{tmp_path / 'mlflow.db'}"
        source = source_of("models:/shop@champion", address)
        with pytest.raises(SourceError, match="alias") as missing:
            source.newest()
        assert missing.value.public == (
            "models:/shop@champion: the registry does not say what it is; the log says why"
        )
        client.create_registered_model("shop")
        for path in (bundle, other):
            client.create_model_version("shop", str(path))
        client.set_registered_model_alias("shop", "champion", "1")
        first = source.newest()
        client.set_registered_model_alias("shop", "champion", "2")
        second = source.newest()
        assert (first.registry_version, second.registry_version) == ("1", "2")
        with source.fetched(second) as path:
            assert load(path, source=source.uri).recommender.manifest.name == "other"
        with pytest.raises(SourceError, match="version 9"), source.fetched(type(second)("9", "9")):
            pass


def test_a_pin_ends_when_another_model_comes_than_it_left() -> None:
    """Rolled back from 4 to 3; then the source itself names 3, and at last 5."""
    line = Line(cast(Any, None), cast(Any, None), cast(Any, None))
    assert line.pin() is None
    three, four, five = (cast(Loaded, SimpleNamespace(version=v)) for v in ("3", "4", "5"))
    line.previous, line.current = three, four
    pin = line.pin()
    assert (line.held(pin), line.chosen(pin)) == ("3", three)
    assert (line.held(None), line.chosen(None)) == (None, four)
    line.previous, line.current = None, four  # a worker that began later
    assert (line.held(pin), line.chosen(pin)) == ("3", four)
    line.previous, line.current = four, three
    assert (line.held(pin), line.chosen(pin)) == (None, three)
    line.previous, line.current = three, five
    assert (line.held(pin), line.chosen(pin)) == (None, five)
