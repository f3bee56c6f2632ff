from __future__ import annotations

import pytest

from recsys.errors import MissingExtraError, RecipeError, WeightsError
from recsys.text import load_encoder
from training import encoders
from training.encoders import encoder_for
from training.recipe import Recipe, TextConfig


def test_hashing_needs_nothing() -> None:
    encoder, spec = encoder_for(TextConfig(encoder="hashing", dim=32), ["tea"])
    assert encoder.dim == 32
    assert load_encoder(**spec).fingerprint == encoder.fingerprint


def test_auto_falls_back_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(kind: str = "sentence", **options: object) -> object:
        if kind != "hashing":
            raise WeightsError("no network")
        return load_encoder("hashing")

    monkeypatch.setattr(encoders, "load_encoder", gone)
    monkeypatch.setattr(encoders, "find_spec", lambda name: object())
    said: list[str] = []
    encoder, spec = encoder_for(TextConfig(), ["tea"], say=said.append)
    assert spec["kind"] == "hashing"
    assert encoder.dim == load_encoder("hashing").dim
    assert "no network" in said[0]
    with pytest.raises(WeightsError):
        encoder_for(TextConfig(encoder="sentence"), ["tea"])


def test_auto_does_not_fall_back_from_a_source_that_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(encoders, "find_spec", lambda name: object())
    with pytest.raises(WeightsError, match=r"'/no/model'.* neither a path that exists"):
        encoder_for(TextConfig(source="/no/model"), ["tea"])
    monkeypatch.setenv("RECSYS_TEXT_ENCODER", "/no/such/model")
    with pytest.raises(WeightsError, match=r"'/no/such/model'.* neither a path that exists"):
        encoder_for(TextConfig(), ["tea"])


def test_auto_without_the_packages_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoders, "find_spec", lambda name: None)
    said: list[str] = []
    _, spec = encoder_for(TextConfig(), ["tea"], say=said.append)
    assert spec["kind"] == "hashing"
    assert str(MissingExtraError("text", "")).split("pip")[1] in said[0]


def test_many_texts_take_the_static_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def remember(kind: str, **options: object) -> object:
        asked.append(kind)
        return object()

    monkeypatch.setattr(encoders, "load_encoder", remember)
    monkeypatch.setattr(encoders, "find_spec", lambda name: object())
    config = TextConfig(static_above=2)
    encoder_for(config, ["a", "b", "a"], say=lambda text: None)
    encoder_for(config, ["a", "b", "c"], say=lambda text: None)
    assert asked == ["sentence", "static"]


@pytest.mark.parametrize("kind", ["static", "hashing"])
def test_a_prompt_that_nothing_reads_is_refused(kind: str) -> None:
    with pytest.raises(RecipeError, match=r'text\.prompt is set and text\.encoder is "\w+", which'):
        Recipe.from_toml(f'[text]\nencoder = "{kind}"\nprompt = "passage: "\n')


def test_auto_says_that_a_prompt_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoders, "load_encoder", lambda **options: object())
    monkeypatch.setattr(encoders, "find_spec", lambda name: object())
    said: list[str] = []
    config = TextConfig(prompt="passage: ", static_above=1)
    encoder_for(config, ["a"], say=said.append)
    assert said == []
    encoder_for(config, ["a", "b"], say=said.append)
    assert said[-1] == "text.prompt is left out: the static encoder reads none"
