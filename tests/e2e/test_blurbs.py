"""Blurbs written ahead by a writer, kept, and shown without asking it again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from experiments.blurbing import (
    attach_for_reading,
    attach_store,
    write_blurbs,
    writer_for,
    writer_named,
)
from recsys import Recommender
from recsys.blurbs import Draft, FactSheet, UserContext
from recsys.errors import DataError, MissingExtraError
from tests.e2e.conftest import Made
from tests.experiments.shop import ABOUT
from training.recipe import BlurbsConfig, Recipe


class Copyist:
    """Writes the catalogue's sentence, and an invention that must be refused."""

    name = "copyist"
    version = "1"

    def __init__(self) -> None:
        self.asked = 0

    def write(self, batch: Sequence[tuple[FactSheet, UserContext]], n: int) -> list[list[Draft]]:
        self.asked += len(batch)
        drafts = []
        for sheet, _ in batch:
            true = next(text for kind, text in ABOUT.items() if kind in sheet.name)
            drafts.append(
                [Draft("It cures the common cold for $1.", "wrote"), Draft(true, "wrote")]
            )
        return drafts


@pytest.fixture
def recommender(trained: Made) -> Recommender:
    return Recommender.load(trained.bundle)


def test_what_was_written_is_verified_kept_and_shown(
    recommender: Recommender, tmp_path: Path
) -> None:
    writer = Copyist()
    service = attach_store(recommender, tmp_path / "blurbs.sqlite", writer)
    calls: list[tuple[int, int]] = []
    written = write_blurbs(
        recommender,
        ["u1", "u2", "nobody"],
        service,
        k=5,
        progress=lambda done, total: calls.append((done, total)),
    )
    assert written.writer == "copyist"
    assert written.tiers == {"llm": written.n_pairs}
    assert writer.asked == written.n_pairs
    assert calls[-1] == (written.n_pairs, written.n_pairs)

    write_blurbs(recommender, ["u1", "u2", "nobody"], service, k=5)
    assert writer.asked == written.n_pairs  # nothing is written twice

    reader = attach_store(recommender, tmp_path / "blurbs.sqlite")
    assert reader.writer is None
    shown = [item.blurb for item in recommender.recommend("u1", 5, blurbs=True)]
    texts = [blurb.text for blurb in shown if blurb is not None and blurb.tier == "llm"]
    assert texts
    assert not [text for text in texts if "cold" in text]


def with_blurbs(recommender: Recommender, **values: str) -> Recommender:
    """Say in the manifest that the bundle was trained with this table of blurbs."""
    overrides = [f"blurbs.{key}={value}" for key, value in values.items()]
    recipe = Recipe.from_toml(recommender.manifest.recipe, overrides).to_toml()
    recommender.manifest = recommender.manifest.model_copy(update={"recipe": recipe})
    return recommender


def test_the_locale_is_that_of_the_recipe_unless_named(
    recommender: Recommender, tmp_path: Path
) -> None:
    with_blurbs(recommender, locale="zh")
    assert attach_store(recommender, tmp_path / "blurbs.sqlite").locale == "zh"
    assert attach_store(recommender, tmp_path / "blurbs.sqlite", locale="en").locale == "en"
    assert attach_for_reading(recommender)
    assert recommender.blurb_service is not None
    assert recommender.blurb_service.locale == "zh"


def test_a_recipe_switches_blurbs_off(
    recommender: Recommender, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not attach_for_reading(with_blurbs(recommender, writer="none"))
    assert 'blurbs.writer = "none"' in capsys.readouterr().err


def test_the_writer_is_that_of_the_recipe_unless_named() -> None:
    off = BlurbsConfig(writer="none")
    assert writer_named(None, BlurbsConfig(writer="llm")) == "llm"
    assert writer_named("extractive", off) == "extractive"
    with pytest.raises(DataError, match="with --writer"):
        writer_named(None, off)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"name": "poet"}, "extractive"),
        ({"name": "local_llm", "runtime": "onnx"}, "torch, openvino"),
        ({"name": "endpoint"}, "--endpoint"),
        ({"name": "endpoint", "endpoint": "http://127.0.0.1:1/v1"}, "--model"),
        ({"name": "extractive", "endpoint": "http://127.0.0.1:1/v1"}, "--writer endpoint"),
        ({"name": "local_llm", "prices": "1/2"}, "--writer endpoint"),
    ],
)
def test_a_writer_that_cannot_be_is_explained(arguments: dict[str, str], named: str) -> None:
    with pytest.raises(DataError, match=named):
        writer_for(**arguments)


def test_a_runtime_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.blurbing.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r'pip install "recsys\[openvino\]"'):
        writer_for("local_llm", runtime="openvino")
    said: list[str] = []
    assert writer_for("auto", runtime="openvino", say=said.append) is None
    assert "recsys[openvino]" in said[0]


def test_the_extractive_tier_needs_no_writing() -> None:
    assert writer_for("extractive") is None


def test_an_endpoint_is_only_called_when_it_writes() -> None:
    pytest.importorskip("httpx", reason="the extra llm is not installed")
    writer = writer_for("endpoint", endpoint="http://127.0.0.1:1/v1", model="big")
    assert writer is not None
    assert writer.name
