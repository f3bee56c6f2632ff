"""The text encoder of a bundle, where the machine has another one than the fit had."""

from __future__ import annotations

import pytest

from recsys.errors import WeightsError
from recsys.storage import LazyEncoder
from recsys.text import HashingEncoder


def test_words_hashed_by_a_former_version() -> None:
    spec = {**HashingEncoder(8).config, "fingerprint": "hashing-v1-8"}
    with pytest.raises(WeightsError, match=r"hashing-v1-8.*train the bundle again"):
        LazyEncoder(spec).encode(["tea"])
