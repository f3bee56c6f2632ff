from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.errors import WeightsError
from recsys.text import CachedEncoder, HashingEncoder, cache
from recsys.types import FloatArray
from tests.contracts.text_encoder import TextEncoderContract


class Counting(HashingEncoder):
    """Remembers which texts it was asked to encode."""

    def __init__(self, dim: int = 16) -> None:
        super().__init__(dim)
        self.encoded: list[str] = []

    def encode(self, texts: Sequence[str]) -> FloatArray:
        self.encoded.extend(texts)
        return super().encode(texts)


class TestCachedEncoder(TextEncoderContract):
    @pytest.fixture
    def encoder(self, tmp_path: Path) -> CachedEncoder:
        return CachedEncoder(HashingEncoder(128), tmp_path)


def test_distinct_texts_are_encoded_once(tmp_path: Path) -> None:
    inner = Counting()
    cached = CachedEncoder(inner, tmp_path)
    texts = ["milk", "bread", "milk", "", "milk"]
    np.testing.assert_array_equal(cached.encode(texts), HashingEncoder(16).encode(texts))
    assert sorted(inner.encoded) == ["", "bread", "milk"]
    assert cached.missing(["milk", "tea", "tea"]) == 1


def test_another_process_finds_them(tmp_path: Path) -> None:
    CachedEncoder(Counting(), tmp_path).encode(["milk", "bread"])
    inner = Counting()
    again = CachedEncoder(inner, tmp_path)
    np.testing.assert_array_equal(
        again.encode(["bread", "tea", "milk"]), HashingEncoder(16).encode(["bread", "tea", "milk"])
    )
    assert inner.encoded == ["tea"]


def test_what_a_neighbour_adds_is_seen(tmp_path: Path) -> None:
    mine, other = Counting(), CachedEncoder(Counting(), tmp_path)
    cached = CachedEncoder(mine, tmp_path)
    cached.encode(["milk"])
    other.encode(["bread"])  # merges the small shard that `cached` has open
    cached.encode(["milk", "bread"])
    assert mine.encoded == ["milk"]


def test_another_encoder_has_its_own_vectors(tmp_path: Path) -> None:
    CachedEncoder(Counting(16), tmp_path).encode(["milk"])
    inner = Counting(32)
    assert CachedEncoder(inner, tmp_path).encode(["milk"]).shape == (1, 32)
    assert inner.encoded == ["milk"]


def test_small_shards_are_merged_and_large_ones_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "SMALL", 4)
    cached = CachedEncoder(Counting(), tmp_path)
    for n in range(10):
        cached.encode([f"text {n}"])
    shards = [np.load(p / "keys.npy") for p in cached.directory.glob("shard-*")]
    assert sorted(map(len, shards)) == [2, 4, 4]
    texts = [f"text {n}" for n in range(10)]
    np.testing.assert_array_equal(cached.encode(texts), HashingEncoder(16).encode(texts))


def test_work_is_kept_when_it_is_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "CHUNK", 3)

    class Failing(Counting):
        def encode(self, texts: Sequence[str]) -> FloatArray:
            if self.encoded:
                raise KeyboardInterrupt
            return super().encode(texts)

    texts = [f"text {n}" for n in range(5)]
    with pytest.raises(KeyboardInterrupt):
        CachedEncoder(Failing(), tmp_path).encode(texts)
    assert CachedEncoder(Counting(), tmp_path).missing(texts) == 2


def test_progress_counts_only_what_is_encoded(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    cached = CachedEncoder(Counting(), tmp_path, progress=lambda *counts: seen.append(counts))
    cached.encode(["milk", "bread", "milk"])
    cached.encode(["milk", "tea"])
    cached.encode(["milk", "tea"])
    assert seen == [(2, 2), (1, 1)]


def test_the_dimension_is_known_without_the_encoder(tmp_path: Path) -> None:
    CachedEncoder(Counting(), tmp_path).encode(["milk"])

    class Unloaded(Counting):
        @property
        def dim(self) -> int:
            raise AssertionError("loaded")

    assert CachedEncoder(Unloaded(), tmp_path).dim == 16


def test_a_half_written_shard_is_not_seen(tmp_path: Path) -> None:
    cached = CachedEncoder(Counting(), tmp_path)
    cached.encode(["milk"])
    (cached.directory / ".0123").mkdir()
    assert CachedEncoder(Counting(), tmp_path).missing(["milk"]) == 0


def test_a_place_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "CHUNK", 2)
    monkeypatch.setattr(cache, "SMALL", 3)
    (tmp_path / "file").touch()
    inner = Counting()
    cached = CachedEncoder(inner, tmp_path / "file")
    texts = [f"text {n}" for n in range(9)]
    with pytest.warns(UserWarning, match="kept in memory only") as warned:
        np.testing.assert_array_equal(cached.encode(texts), HashingEncoder(16).encode(texts))
    assert len(warned) == 1
    assert cached.missing(texts) == 0
    np.testing.assert_array_equal(cached.encode(texts), HashingEncoder(16).encode(texts))
    assert sorted(inner.encoded) == texts


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached = CachedEncoder(Counting(), tmp_path)
    cached.encode(["milk"])
    before = sorted(cached.directory.iterdir())

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache.np, "save", full)
    with pytest.warns(UserWarning, match="No space left"):
        cached.encode(["bread"])
    assert sorted(cached.directory.iterdir()) == before


@pytest.mark.parametrize("left", [0, 40, 200, None])
@pytest.mark.parametrize("name", ["keys.npy", "vectors.npy"])
def test_a_damaged_shard_is_made_anew(tmp_path: Path, name: str, left: int | None) -> None:
    cached = CachedEncoder(Counting(), tmp_path)
    texts = [f"text {n}" for n in range(20)]
    cached.encode(texts)
    [file] = cached.directory.glob(f"shard-*/{name}")
    content = file.read_bytes()
    file.unlink()
    if left is not None:
        file.write_bytes(content[:left])
    inner = Counting()
    again = CachedEncoder(inner, tmp_path)
    np.testing.assert_array_equal(again.encode(texts), HashingEncoder(16).encode(texts))
    assert sorted(inner.encoded) == sorted(texts)
    assert CachedEncoder(Counting(), tmp_path).missing(texts) == 0


def test_a_damaged_description_is_not_read(tmp_path: Path) -> None:
    cached = CachedEncoder(Counting(), tmp_path)
    cached.encode(["milk"])
    (cached.directory / "about.json").write_text('{"dim"')
    assert CachedEncoder(Counting(), tmp_path).encode(["milk"]).shape == (1, 16)


def test_vectors_that_are_not_finite_are_not_kept(tmp_path: Path) -> None:
    class Broken(HashingEncoder):
        def encode(self, texts: Sequence[str]) -> FloatArray:
            vectors = super().encode(texts)
            vectors[[text == "bread" for text in texts], 3] = np.nan
            return vectors

    cached = CachedEncoder(Broken(16), tmp_path)
    with pytest.raises(WeightsError, match=r"not finite of 1 of 2 texts, such as 'bread'"):
        cached.encode(["milk", "bread"])
    assert cached.missing(["milk", "bread"]) == 2


def test_texts_whose_keys_share_their_first_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = cache.digests

    def colliding(texts: Sequence[str]) -> cache.Keys:
        keys = real(texts)
        keys[:, 0] = 7
        return keys

    monkeypatch.setattr(cache, "digests", colliding)
    cached = CachedEncoder(Counting(), tmp_path)
    texts = ["milk", "bread", "tea"]
    for _ in range(2):
        np.testing.assert_array_equal(cached.encode(texts), HashingEncoder(16).encode(texts))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30))
def test_distinct_is_unique(pairs: list[tuple[int, int]]) -> None:
    keys = np.array(pairs, dtype=np.uint64)
    first, inverse = cache.distinct(keys)
    expected, index = np.unique(keys, axis=0, return_index=True)
    np.testing.assert_array_equal(keys[first], expected)
    np.testing.assert_array_equal(keys[first][inverse], keys)
    np.testing.assert_array_equal(first, index)
