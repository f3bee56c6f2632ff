from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from recsys.errors import RecipeError, WeightsError
from recsys.text import SentenceEncoder
from recsys.text.sentence import _positions
from tests.contracts.text_encoder import TextEncoderContract


class TestSentenceEncoder(TextEncoderContract):
    @pytest.fixture(scope="class")
    @classmethod
    def encoder(cls, text_encoder_path: Path) -> SentenceEncoder:
        return SentenceEncoder(text_encoder_path, device="cpu", precision="float32", batch_size=3)


class TestBfloat16(TextEncoderContract):
    tolerance = 0.01

    @pytest.fixture(scope="class")
    @classmethod
    def encoder(cls, text_encoder_path: Path) -> SentenceEncoder:
        return SentenceEncoder(text_encoder_path, device="cpu", precision="bfloat16")

    def test_is_float32_but_for_rounding(
        self, encoder: SentenceEncoder, text_encoder_path: Path
    ) -> None:
        texts = ["soft drinks, 12 oz", "a", "yogurt " * 80, "全脂牛奶", "bread: italian/french"]
        exact = SentenceEncoder(text_encoder_path, device="cpu", precision="float32").encode(texts)
        assert (encoder.encode(texts) * exact).sum(axis=1).min() > 0.999
        assert exact.dtype == np.float32


def test_is_what_sentence_transformers_says(tiny_model_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    texts = ["red apples", "oil", "green apple juice for the engine"]
    theirs = SentenceTransformer(str(tiny_model_path), device="cpu", local_files_only=True)
    expected = theirs.encode(texts, normalize_embeddings=True)
    ours = SentenceEncoder(tiny_model_path, device="cpu", precision="float32").encode(texts)
    np.testing.assert_allclose(ours, expected, atol=1e-6)


def test_meaning_beats_spelling(text_encoder_path: Path) -> None:
    encoder = SentenceEncoder(text_encoder_path, device="cpu")
    soda, drink, powder = encoder.encode(["soda", "soft drink", "baking soda powder"])
    assert soda @ drink > 0.6
    assert soda @ drink > powder @ drink


def test_progress_counts_the_texts_that_are_encoded(tiny_model_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    encoder = SentenceEncoder(
        tiny_model_path,
        device="cpu",
        batch_size=2,
        progress=lambda done, total: seen.append((done, total)),
    )
    encoder.encode(["oil", "", "milk", "red bread"])
    assert seen == [(2, 3), (3, 3)]


def test_a_shorter_limit_reads_less(tiny_model_path: Path) -> None:
    short = SentenceEncoder(tiny_model_path, device="cpu", max_length=4, precision="float32")
    a, b = short.encode(["red apple milk", "red apple bread"])  # [CLS] red apple [SEP]
    np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("length", [1, 2, 65])
def test_a_limit_that_the_model_cannot_keep(tiny_model_path: Path, length: int) -> None:
    encoder = SentenceEncoder(tiny_model_path, device="cpu", max_length=length)
    with pytest.raises(
        RecipeError, match=rf"text\.max_length is {length}, .* reads 3 to 64 tokens"
    ):
        encoder.encode(["milk"])


@pytest.mark.parametrize("length", [3, 64])
def test_a_limit_that_the_model_just_keeps(tiny_model_path: Path, length: int) -> None:
    encoder = SentenceEncoder(tiny_model_path, device="cpu", max_length=length)
    milk, oil = encoder.encode(["milk " * 80, "oil " * 80])
    assert milk @ oil < 0.999


def test_positions_are_counted_from_behind_the_padding() -> None:
    config = SimpleNamespace(max_position_embeddings=514)
    table = SimpleNamespace(position_embeddings=SimpleNamespace(padding_idx=1))
    assert _positions(SimpleNamespace(config=config, embeddings=table)) == 512
    assert _positions(SimpleNamespace(config=config)) == 514
    assert _positions(SimpleNamespace(config=SimpleNamespace())) is None


def test_a_prompt_stands_before_every_text(tiny_model_path: Path) -> None:
    plain = SentenceEncoder(tiny_model_path, device="cpu", precision="float32")
    prompted = SentenceEncoder(tiny_model_path, device="cpu", precision="float32", prompt="the ")
    np.testing.assert_allclose(prompted.encode(["milk"]), plain.encode(["the milk"]), atol=1e-6)
    assert not prompted.encode([""]).any()
    assert prompted.fingerprint != plain.fingerprint


def test_the_fingerprint_follows_the_files(tiny_model_path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tiny_model_path, copy)
    before = SentenceEncoder(copy).fingerprint
    assert before == SentenceEncoder(tiny_model_path).fingerprint
    assert before != SentenceEncoder(copy, max_length=5).fingerprint
    weights = copy / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(bytes(content))
    assert before != SentenceEncoder(copy).fingerprint


def test_a_directory_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"no modules\.json.*recsys weights fetch"):
        SentenceEncoder(tmp_path)


@pytest.mark.gpu
def test_cuda_agrees_with_the_cpu(text_encoder_path: Path) -> None:
    texts = ["red apples", "engine oil", "yogurt " * 80]
    on_cpu = SentenceEncoder(text_encoder_path, device="cpu", precision="float32").encode(texts)
    on_gpu = SentenceEncoder(text_encoder_path, device="cuda").encode(texts)
    assert (on_cpu * on_gpu).sum(axis=1).min() > 0.999
