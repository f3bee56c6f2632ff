from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from recsys.errors import RecipeError, WeightsError
from recsys.text import SentenceEncoder, StaticEncoder
from recsys.text.static import _project, _sif
from tests.contracts.text_encoder import TextEncoderContract


class TestStaticEncoder(TextEncoderContract):
    @pytest.fixture(scope="class")
    @classmethod
    def encoder(
        cls, tiny_model_path: Path, tmp_path_factory: pytest.TempPathFactory
    ) -> StaticEncoder:
        sentence = SentenceEncoder(tiny_model_path, device="cpu")
        return StaticEncoder(sentence, tmp_path_factory.mktemp("static"), dim=16)


def test_a_second_encoder_reads_the_distillation(
    tiny_model_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = StaticEncoder(SentenceEncoder(tiny_model_path, device="cpu"), tmp_path, dim=8)
    expected = first.encode(["red apples", "oil"])

    def refuse(*_: object) -> None:
        raise AssertionError("the Transformer ran again")

    monkeypatch.setattr(SentenceEncoder, "forward", refuse)
    second = StaticEncoder(SentenceEncoder(tiny_model_path, device="cpu"), tmp_path, dim=8)
    np.testing.assert_array_equal(second.encode(["red apples", "oil"]), expected)


def test_a_text_is_the_weighted_mean_of_its_tokens(tiny_model_path: Path, tmp_path: Path) -> None:
    encoder = StaticEncoder(SentenceEncoder(tiny_model_path, device="cpu"), tmp_path, dim=8)
    vectors = encoder._tables.vectors
    red, milk = (encoder.sentence.tokenizer.convert_tokens_to_ids(w) for w in ("red", "milk"))
    expected = vectors[red] + 2 * vectors[milk]
    np.testing.assert_allclose(
        encoder.encode(["milk red milk"])[0], expected / np.linalg.norm(expected), atol=1e-6
    )


def test_a_shorter_limit_reads_less(tiny_model_path: Path, tmp_path: Path) -> None:
    whole = StaticEncoder(SentenceEncoder(tiny_model_path, device="cpu"), tmp_path, dim=8)
    short = StaticEncoder(
        SentenceEncoder(tiny_model_path, device="cpu", max_length=4), tmp_path, dim=8
    )  # [CLS] red apple [SEP]
    np.testing.assert_array_equal(
        short.encode(["red apple milk", "red apple"]), whole.encode(["red apple"] * 2)
    )
    assert short.fingerprint != whole.fingerprint
    assert [path.name for path in tmp_path.iterdir()] == [whole.fingerprint]


def test_a_limit_beyond_the_positions_of_the_transformer(
    tiny_model_path: Path, tmp_path: Path
) -> None:
    sentence = SentenceEncoder(tiny_model_path, device="cpu", max_length=100)
    once, within, beyond = StaticEncoder(sentence, tmp_path, dim=8).encode(
        ["milk", "milk " * 97 + "oil", "milk " * 98 + "oil"]
    )
    np.testing.assert_allclose(beyond, once, atol=1e-6)
    assert not np.allclose(within, once, atol=1e-4)


def test_a_limit_without_room(tiny_model_path: Path, tmp_path: Path) -> None:
    sentence = SentenceEncoder(tiny_model_path, device="cpu", max_length=2)
    with pytest.raises(RecipeError, match=r"max_length is 2, but this .* reads 3 or more tokens"):
        StaticEncoder(sentence, tmp_path, dim=8).encode(["milk"])


def test_a_prompt_changes_nothing(tiny_model_path: Path, tmp_path: Path) -> None:
    prompted = SentenceEncoder(tiny_model_path, device="cpu", prompt="the ")
    plain = SentenceEncoder(tiny_model_path, device="cpu")
    assert (
        StaticEncoder(prompted, tmp_path).fingerprint == StaticEncoder(plain, tmp_path).fingerprint
    )


def test_special_tokens_count_nothing(tiny_model_path: Path, tmp_path: Path) -> None:
    encoder = StaticEncoder(SentenceEncoder(tiny_model_path, device="cpu"), tmp_path, dim=8)
    assert not encoder.encode(["☃ ☃"]).any()  # unknown tokens only


def test_projection_centres_and_orders_components() -> None:
    points = np.array([[0, 0], [4, 0], [0, 1], [4, 1]], dtype=np.float32)
    # Standard deviations 2 and 0.5; divided by their roots, sqrt(2) and sqrt(0.5) remain.
    projected = _project(points, 2)
    np.testing.assert_allclose(projected.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(projected.std(axis=0), [2**0.5, 0.5**0.5], rtol=1e-5)


def test_more_dimensions_than_there_are_is_refused(tiny_model_path: Path, tmp_path: Path) -> None:
    encoder = StaticEncoder(SentenceEncoder(tiny_model_path, device="cpu"), tmp_path, dim=33)
    with pytest.raises(ValueError, match="only 32 dimensions"):
        encoder.encode(["milk"])
    assert list(tmp_path.iterdir()) == []


def test_rare_tokens_weigh_more() -> None:
    weights = _sif(1000)
    assert (np.diff(weights) > 0).all()
    assert 0 < weights[0] < weights[-1] < 1


def test_a_damaged_distillation_names_its_directory(tiny_model_path: Path, tmp_path: Path) -> None:
    encoder = StaticEncoder(SentenceEncoder(tiny_model_path, device="cpu"), tmp_path, dim=8)
    encoder.encode(["milk"])
    (tmp_path / encoder.fingerprint / "vectors.safetensors").write_bytes(b"short")
    again = StaticEncoder(SentenceEncoder(tiny_model_path, device="cpu"), tmp_path, dim=8)
    with pytest.raises(WeightsError, match="delete that directory"):
        again.encode(["milk"])


def test_everybody_may_read_a_distillation(tiny_model_path: Path, tmp_path: Path) -> None:
    encoder = StaticEncoder(SentenceEncoder(tiny_model_path, device="cpu"), tmp_path, dim=8)
    encoder.encode(["milk"])
    assert (tmp_path / encoder.fingerprint).stat().st_mode & 0o777 == 0o755


def test_a_place_that_cannot_be_written(tiny_model_path: Path, tmp_path: Path) -> None:
    sentence = SentenceEncoder(tiny_model_path, device="cpu")
    expected = StaticEncoder(sentence, tmp_path, dim=8).encode(["red apples"])
    (tmp_path / "file").touch()
    encoder = StaticEncoder(sentence, tmp_path / "file", dim=8)
    with pytest.warns(UserWarning, match=r"kept in memory only.*file/static-\w+ cannot be written"):
        np.testing.assert_array_equal(encoder.encode(["red apples"]), expected)
    np.testing.assert_array_equal(encoder.encode(["red apples"]), expected)


@pytest.mark.slow
def test_stays_near_the_transformer(text_encoder_path: Path, tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers")
    sentence = SentenceEncoder(text_encoder_path, device="cpu")
    texts = ["orange juice", "apple juice", "motor oil", "car engine oil", "milk", "whole milk"]
    static = StaticEncoder(sentence, tmp_path, dim=128).encode(texts)
    exact = sentence.encode(texts)
    upper = np.triu_indices(len(texts), 1)
    agreement = np.corrcoef((static @ static.T)[upper], (exact @ exact.T)[upper])[0, 1]
    assert agreement > 0.8
