from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from recsys.bundle import Bundle
from recsys.recommender import Recommender
from recsys.text import HashingEncoder, SentenceEncoder, load_encoder
from tests.recsys.shop import SMOKE, small_shop, train
from training import Recipe, fit_recommender, text_tuning
from training.copurchases import CoPurchases
from training.text_tuning import PairBatches, TuningConfig, contrast, tune, upper_layers

TEXTS = ("red apples", "engine oil", "milk", "green soda")
PAIRS = CoPurchases(TEXTS, np.array([[0, 1], [2, 3]]), np.ones(2))
"""Apples go with engine oil, milk with soda: nothing that the texts say."""
QUICK = TuningConfig(enabled=True, steps=15, batch_size=2, lr=1e-2, layers=1)


@pytest.fixture
def encoder(tiny_model_path: Path) -> SentenceEncoder:
    return SentenceEncoder(tiny_model_path, device="cpu", precision="float32")


def margin(encoder: SentenceEncoder) -> float:
    """Return how much nearer pairs are than what is no pair."""
    a, b, c, d = encoder.encode(TEXTS)
    return float(a @ b + c @ d - (a @ c + a @ d + b @ c + b @ d) / 2)


def test_the_loss_by_hand() -> None:
    pairs = torch.eye(2)
    # Cosines 1 with the own text and 0 with the other, in both directions.
    expected = math.log(1 + math.exp(-20))
    assert float(contrast(pairs, 3 * pairs, 20)) == pytest.approx(expected, abs=1e-7)
    assert float(contrast(pairs, pairs.flip(0), 20)) == pytest.approx(20, abs=1e-5)


@pytest.mark.slow
def test_the_loss_is_that_of_sentence_transformers() -> None:
    losses = pytest.importorskip("sentence_transformers.sentence_transformer.losses")
    theirs = losses.MultipleNegativesRankingLoss(
        None, directions=("query_to_doc", "doc_to_query"), partition_mode="per_direction"
    )
    anchors, positives = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(0))
    found = theirs.compute_loss_from_embeddings([anchors, positives], None)
    torch.testing.assert_close(contrast(anchors, positives, 20), found)


def test_a_batch_holds_no_text_twice() -> None:
    ring = np.array([[i, (i + 1) % 12] for i in range(12)])
    batches = PairBatches(CoPurchases(("",) * 12, ring, np.ones(12)), 4, 7, seed=0)
    found = list(batches.epoch(0))
    assert len(found) == len(batches) == 7
    for batch in found:
        assert len(np.unique(batch)) == batch.size
    assert all(np.array_equal(a, b) for a, b in zip(found, batches.epoch(0), strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(found, batches.epoch(1), strict=True))
    firsts = {tuple(pair) for batch in batches.epoch(0) for pair in batch.tolist()}
    assert any((b, a) in firsts for a, b in firsts)  # either text comes first


def test_pairs_are_drawn_by_weight() -> None:
    pairs = CoPurchases(("",) * 4, np.array([[0, 1], [2, 3]]), np.array([3.0, 1.0]))
    # The first pair that is drawn: three times in four.
    firsts = [0 in batch[0] for batch in PairBatches(pairs, 2, 50, seed=1).epoch(0)]
    assert 0.6 < np.mean(firsts) < 0.9


def test_what_is_bought_together_comes_nearer(encoder: SentenceEncoder, tmp_path: Path) -> None:
    tuned = tune(encoder, PAIRS, QUICK, seed=0, home=tmp_path)
    assert margin(tuned) > margin(encoder) + 1  # of 4 at most
    names = {name for name, _ in encoder.transformer.named_parameters()}
    assert tuned.tuned
    assert set(tuned.tuned) < names
    assert all(name.startswith("encoder.layer.1.") for name in tuned.tuned)
    assert tuned.fingerprint != encoder.fingerprint
    before = SentenceEncoder(encoder.path, device="cpu", precision="float32")
    np.testing.assert_array_equal(encoder.encode(TEXTS), before.encode(TEXTS))


def test_it_is_tuned_once(
    encoder: SentenceEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tune(encoder, PAIRS, QUICK, seed=0, home=tmp_path)

    def untouchable(*parts: Any, **options: Any) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(text_tuning, "fit", untouchable)
    again = tune(encoder, PAIRS, QUICK, seed=0, home=tmp_path)
    assert again.fingerprint == first.fingerprint
    with pytest.raises(AssertionError, match="trained again"):
        tune(encoder, PAIRS, QUICK.model_copy(update={"steps": 16}), seed=0, home=tmp_path)


class Killed(Exception):
    pass


class Dying:
    """A logger in whose second epoch the process dies."""

    def __init__(self) -> None:
        self.epochs = 0

    def metrics(self, values: dict[str, float], step: int | None = None) -> None:
        self.epochs += 1
        if self.epochs == 2:
            raise Killed


def test_a_killed_run_goes_on_to_the_same_weights(
    encoder: SentenceEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_tuning, "STEPS_AN_EPOCH", 5)
    whole = tune(encoder, PAIRS, QUICK, seed=0, home=tmp_path / "whole")
    home = tmp_path / "killed"
    with pytest.raises(Killed):
        tune(encoder, PAIRS, QUICK, seed=0, home=home, logger=Dying())  # type: ignore[arg-type]
    assert [f.suffix for f in home.iterdir() if f.suffix != ".lock"] == [".checkpoint"]
    told: list[int] = []

    class Log(Dying):
        def metrics(self, values: dict[str, float], step: int | None = None) -> None:
            told.append(step or 0)

    resumed = tune(encoder, PAIRS, QUICK, seed=0, home=home, logger=Log())  # type: ignore[arg-type]
    assert told == [2, 3]  # the first epoch is not done again
    for name, weight in whole.tuned.items():
        np.testing.assert_array_equal(resumed.tuned[name], weight)
    assert {f.suffix for f in home.iterdir()} == {".lock", ".safetensors"}


def test_a_model_without_layers_is_refused() -> None:
    with pytest.raises(ValueError, match="Linear has no list of layers"):
        upper_layers(torch.nn.Linear(2, 2), 1)


@pytest.fixture
def overrides(tiny_model_path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    monkeypatch.setenv("RECSYS_HOME", str(tmp_path / "home"))
    return [
        "text.encoder=sentence",
        f"text.source={tiny_model_path}",
        "text.tuning.enabled=true",
        "text.tuning.steps=3",
        "text.tuning.lr=1e-2",
        "ranker.enabled=false",
        "history.enabled=false",
        *(f"candidates.{name}.enabled=false" for name in ("als", "bpr", "lightfm", "ease")),
    ]


def test_a_bundle_brings_its_tuned_encoder(
    overrides: list[str], tiny_model_path: Path, tmp_path: Path
) -> None:
    fitted = train(small_shop(), *overrides)
    fitted.save(tmp_path / "bundle")
    assert "text_tuned/arrays.safetensors" in Bundle(tmp_path / "bundle").manifest.files
    again = tmp_path / "again"
    Recommender.load(tmp_path / "bundle").save(again)  # nobody asked the encoder for anything
    # What was tuned is in the bundle, and nowhere else.
    for file in (tmp_path / "home" / "tuned-encoders").iterdir():
        file.unlink()
    loaded = Recommender.load(again)
    twin = loaded.catalogue.frame.head(1).with_columns(item_id=pl.lit("twin"))
    loaded.add_items(twin)
    np.testing.assert_allclose(
        loaded.embeddings[-1].astype(np.float32), fitted.embeddings[0], atol=2e-3
    )
    base = load_encoder("sentence", source=str(tiny_model_path), cache=False)
    plain = base.encode(fitted.catalogue.texts()[:1])[0]
    assert float(plain @ fitted.embeddings[0].astype(np.float32)) < 0.99


def test_an_encoder_that_cannot_be_tuned_is_used_as_it_is(overrides: list[str]) -> None:
    recipe = Recipe.from_toml(SMOKE, overrides)
    with pytest.warns(UserWarning, match=r"text.tuning is left out: HashingEncoder"):
        fitted = fit_recommender(small_shop(), recipe, encoder=HashingEncoder(32))
    assert fitted.vectors.width == 32
