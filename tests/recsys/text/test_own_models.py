"""Sentence-transformers models of all kinds read as their own library reads them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recsys.errors import WeightsError
from recsys.text import SentenceEncoder

TEXTS = ["red apples", "oil", "green apple juice for the engine"]
PROMPTS = {"prompts": {"item": "the bread "}, "default_prompt_name": "item"}


@pytest.fixture
def model(tiny_model_path: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_model_path, tmp_path / "model")


def change(file: Path, **settings: Any) -> None:
    known = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps(known | settings))


def as_they_say(model: Path, encoder: SentenceEncoder) -> bool:
    from sentence_transformers import SentenceTransformer

    theirs = SentenceTransformer(str(model), device="cpu", local_files_only=True)
    expected = theirs.encode(TEXTS, normalize_embeddings=True)
    vectors = encoder.encode(TEXTS)
    return vectors.shape == expected.shape and bool(np.allclose(vectors, expected, atol=1e-6))


def encoder_of(model: Path, prompt: str = "") -> SentenceEncoder:
    return SentenceEncoder(model, device="cpu", precision="float32", prompt=prompt)


def test_a_default_prompt(model: Path) -> None:
    plain = encoder_of(model)
    change(model / "config_sentence_transformers.json", **PROMPTS)
    encoder = encoder_of(model)
    assert encoder.prompt == "the bread "
    assert encoder.fingerprint == encoder_of(model, "the bread ").fingerprint != plain.fingerprint
    assert encoder_of(model, "milk ").prompt == "milk "
    assert as_they_say(model, encoder)
    assert not np.allclose(encoder.encode(TEXTS), plain.encode(TEXTS), atol=1e-3)


def test_a_prompt_that_is_not_pooled(model: Path) -> None:
    change(model / "config_sentence_transformers.json", **PROMPTS)
    pooled = encoder_of(model)
    pooled_vectors = pooled.encode(TEXTS)
    change(model / "1_Pooling" / "config.json", include_prompt=False)
    encoder = encoder_of(model)
    assert encoder.prompt_length == 3  # [CLS] the bread
    assert as_they_say(model, encoder)
    assert not np.allclose(encoder.encode(TEXTS), pooled_vectors, atol=1e-3)


def test_fewer_dimensions(model: Path) -> None:
    change(model / "config_sentence_transformers.json", truncate_dim=8)
    encoder = encoder_of(model)
    assert as_they_say(model, encoder)
    assert encoder.dim == 8


def test_a_model_without_a_transformer(model: Path) -> None:
    shutil.move(model / "model.safetensors", model / "whole")
    from safetensors.numpy import save_file

    kind = "sentence_transformers.models.StaticEmbedding"
    modules = [{"idx": 0, "name": "0", "path": "", "type": kind}]
    (model / "modules.json").write_text(json.dumps(modules))
    rows = np.ones((len(encoder_tokens(model)), 4), dtype=np.float32)
    save_file({"embedding.weight": rows}, model / "model.safetensors")
    with pytest.raises(WeightsError, match="begins with a StaticEmbedding; only those that begin"):
        encoder_of(model).encode(TEXTS)


def encoder_tokens(model: Path) -> dict[str, int]:
    tokens: dict[str, int] = json.loads((model / "tokenizer.json").read_text())["model"]["vocab"]
    return tokens


@pytest.mark.parametrize("left", [None, 100, 5000])
def test_weights_that_are_not_whole(model: Path, left: int | None) -> None:
    weights = model / "model.safetensors"
    content = weights.read_bytes()
    weights.unlink()
    if left is not None:
        weights.write_bytes(content[:left])
    with pytest.raises(WeightsError, match=r"(?s)model cannot be loaded: .*fetch or save it again"):
        encoder_of(model).encode(TEXTS)
