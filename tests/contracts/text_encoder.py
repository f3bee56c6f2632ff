"""What every text encoder keeps. Inherit, and give a fixture `encoder`."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recsys.protocols import TextEncoder

TEXTS = ["red apples", "green apple juice", "engine oil", "5W-30 oil for engines"]


class TextEncoderContract:
    tolerance = 1e-5
    """How far a vector may move with the company that its text has in a batch."""

    @pytest.fixture
    def encoder(self) -> TextEncoder:
        raise NotImplementedError

    def test_keeps_the_protocol(self, encoder: TextEncoder) -> None:
        assert isinstance(encoder, TextEncoder)

    def test_shape_type_and_length(self, encoder: TextEncoder) -> None:
        vectors = encoder.encode(TEXTS)
        assert vectors.shape == (len(TEXTS), encoder.dim)
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)

    def test_no_texts(self, encoder: TextEncoder) -> None:
        vectors = encoder.encode([])
        assert vectors.shape == (0, encoder.dim)
        assert vectors.dtype == np.float32

    @pytest.mark.parametrize("empty", ["", " ", "\n\t "])
    def test_an_empty_text_gets_zeros(self, encoder: TextEncoder, empty: str) -> None:
        vectors = encoder.encode([empty, "apples"])
        assert not vectors[0].any()
        assert np.linalg.norm(vectors[1]) == pytest.approx(1, abs=1e-5)

    def test_the_same_again(self, encoder: TextEncoder) -> None:
        np.testing.assert_array_equal(encoder.encode(TEXTS), encoder.encode(TEXTS))

    def test_equal_texts_get_equal_vectors(self, encoder: TextEncoder) -> None:
        vectors = encoder.encode(["red apples", "engine oil", "red apples"])
        np.testing.assert_allclose(vectors[0], vectors[2], atol=self.tolerance)

    def test_order_and_company_do_not_matter(self, encoder: TextEncoder) -> None:
        alone = np.concatenate([encoder.encode([text]) for text in TEXTS])
        turned = encoder.encode(TEXTS[::-1])[::-1]
        np.testing.assert_allclose(turned, alone, atol=self.tolerance)

    def test_similar_texts_are_nearer(self, encoder: TextEncoder) -> None:
        apples, juice, oil, engines = encoder.encode(TEXTS)
        assert apples @ juice > apples @ oil
        assert oil @ engines > juice @ oil

    def test_different_texts_differ(self, encoder: TextEncoder) -> None:
        vectors = encoder.encode(TEXTS)
        assert len(np.unique(vectors.round(4), axis=0)) == len(TEXTS)

    def test_the_fingerprint_can_name_a_directory(self, encoder: TextEncoder) -> None:
        assert encoder.fingerprint == encoder.fingerprint
        assert re.fullmatch(r"[\w.-]{4,100}", encoder.fingerprint)

    @settings(
        max_examples=15,
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.differing_executors,
        ],
    )
    @given(
        texts=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=60), max_size=8)
    )
    def test_any_text_is_finite_and_of_length_one_or_zero(
        self, encoder: TextEncoder, texts: list[str]
    ) -> None:
        vectors = encoder.encode(texts)
        assert vectors.shape == (len(texts), encoder.dim)
        lengths = np.linalg.norm(vectors, axis=1)
        assert np.all((np.abs(lengths - 1) < 1e-4) | (lengths == 0))

    def test_a_very_long_text(self, encoder: TextEncoder) -> None:
        vectors = encoder.encode(["red apples " * 5000, "red apples"])
        assert np.isfinite(vectors).all()
