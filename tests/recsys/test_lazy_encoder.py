"""The text encoder of a bundle, on a machine whose weights lie elsewhere or are other ones."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from recsys.errors import WeightsError
from recsys.storage import LazyEncoder
from recsys.text import CachedEncoder, HashingEncoder, load_encoder
from training.encoders import encoder_for
from training.recipe import TextConfig

VARIABLE = "RECSYS_TEXT_ENCODER"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RECSYS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv(VARIABLE, raising=False)
    return tmp_path / "home"


@pytest.fixture
def model(tiny_model_path: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_model_path, tmp_path / "model")


def spec(source: Path | None = None) -> dict[str, Any]:
    """As a manifest holds it."""
    config = TextConfig(encoder="sentence", source=None if source is None else str(source))
    encoder, settings = encoder_for(config, ["tea"], device="cpu")
    return {**settings, "dim": 32, "fingerprint": encoder.fingerprint}


def test_words_hashed_by_a_former_version() -> None:
    stored = {**HashingEncoder(8).config, "fingerprint": "hashing-v1-8"}
    with pytest.raises(WeightsError, match=r"hashing-v1-8.*train the bundle again"):
        LazyEncoder(stored).encode(["tea"])


def test_a_bundle_keeps_the_source_that_the_variable_named(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(model))
    stored = spec()
    encoder = load_encoder("sentence")
    assert isinstance(encoder, CachedEncoder)
    assert stored["source"] == encoder.config["source"] == str(model)
    monkeypatch.delenv(VARIABLE)
    assert LazyEncoder(stored).encode(["milk"]).shape == (1, 32)


def test_the_variable_says_where_a_model_has_gone(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = spec(model)
    moved = model.rename(model.with_name("moved"))
    monkeypatch.setenv(VARIABLE, str(moved))
    assert LazyEncoder(stored).encode(["milk"]).shape == (1, 32)
    former = {**stored, "source": None}  # a bundle that did not keep what the variable named
    assert LazyEncoder(former).encode(["milk"]).shape == (1, 32)


def test_the_default_is_found_whatever_the_variable_says(
    model: Path, text_encoder_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.mkdir()
    (home / "weights").symlink_to(text_encoder_path.parent)
    stored = spec()
    assert stored["source"] is None
    monkeypatch.setenv(VARIABLE, str(model))
    assert LazyEncoder(stored)._load().fingerprint == stored["fingerprint"]


def test_a_model_that_is_nowhere_is_named(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = spec(model)
    moved = model.rename(model.with_name("moved"))
    (moved / "more.json").write_text("{}")
    monkeypatch.setenv(VARIABLE, str(moved))
    with pytest.raises(WeightsError, match=r"Found: .*/model \(.*; .*/moved \(sentence-") as caught:
        LazyEncoder(stored).encode(["milk"])
    assert f"the same weights at {model} again, or set {VARIABLE}" in str(caught.value)
    assert "the default" not in str(caught.value)
