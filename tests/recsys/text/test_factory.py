from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from recsys.errors import WeightsError
from recsys.text import BlankEncoder, CachedEncoder, HashingEncoder, StaticEncoder, load_encoder


def test_hashing_needs_no_weights(tmp_path: Path) -> None:
    encoder = load_encoder("hashing", dim=32, home=tmp_path)
    assert isinstance(encoder, HashingEncoder)
    assert encoder.dim == 32
    assert list(tmp_path.iterdir()) == []


def test_none_reads_nothing(tmp_path: Path) -> None:
    encoder = load_encoder("none", home=tmp_path)
    assert isinstance(encoder, BlankEncoder)
    assert encoder.encode(["milk", "bread"]).shape == (2, encoder.dim) == (2, 0)
    assert load_encoder(**encoder.config).fingerprint == encoder.fingerprint
    assert list(tmp_path.iterdir()) == []


def test_sentence_is_cached_below_home(tiny_model_path: Path, tmp_path: Path) -> None:
    encoder = load_encoder("sentence", source=str(tiny_model_path), home=tmp_path, device="cpu")
    assert isinstance(encoder, CachedEncoder)
    encoder.encode(["milk"])
    assert (tmp_path / "embeddings" / encoder.fingerprint / "about.json").exists()


@pytest.mark.parametrize("kind", ["sentence", "static"])
def test_the_config_rebuilds_the_encoder(kind: str, tiny_model_path: Path, tmp_path: Path) -> None:
    source = str(tiny_model_path)
    encoder = load_encoder(kind, source=source, home=tmp_path, dim=8, max_length=9)  # type: ignore[arg-type]
    assert isinstance(encoder, CachedEncoder | StaticEncoder)
    again = load_encoder(**encoder.config, home=tmp_path)
    assert again.fingerprint == encoder.fingerprint
    np.testing.assert_array_equal(again.encode(["red apples"]), encoder.encode(["red apples"]))


def test_the_default_model_is_named_by_no_path(text_encoder_path: Path) -> None:
    encoder = load_encoder("sentence", cache=False)
    assert encoder.config["source"] is None  # type: ignore[attr-defined]


def test_an_unknown_kind_names_the_known(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='"sentence", "static", "hashing" or "none"'):
        load_encoder("magic", home=tmp_path)  # type: ignore[arg-type]


def test_a_source_that_is_nowhere(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="neither a path that exists nor a hub name"):
        load_encoder("sentence", source=str(tmp_path / "none"), home=tmp_path)
