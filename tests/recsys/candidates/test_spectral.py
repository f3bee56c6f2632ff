from __future__ import annotations

import numpy as np
import pytest

from recsys.candidates import spectral
from recsys.candidates.spectral import Spectral, SpectralConfig, leading
from tests.contracts.candidate_generator import N_BOUGHT, N_USERS, checkerboard, queries
from training.recipe import Recipe


def fitted(**options: float) -> Spectral:
    config = SpectralConfig.model_validate({"basket_decay": 1, "half_life_days": None, **options})
    return Spectral(config).fit(checkerboard("none"), rng=np.random.default_rng(0))


def scores(model: Spectral) -> np.ndarray:
    return model._make(queries([[0, 2], [1, 3, 5]]))


def textbook(low_pass: float, sharpening: float, kept: int = N_BOUGHT) -> np.ndarray:
    """The differential equation by one classical Runge-Kutta step, in double precision."""
    x = checkerboard("none").matrix().toarray()[:, :N_BOUGHT].astype(np.float64)
    users, items = x.sum(axis=1), x.sum(axis=0)
    r = x / np.sqrt(users[:, None] * items)
    p = r.T @ r
    v = np.linalg.eigh(p)[1][:, -kept:]
    asked = np.zeros((2, N_BOUGHT))
    asked[0, [0, 2]], asked[1, [1, 3, 5]] = 1, 1
    y = asked @ p + low_pass * (asked / np.sqrt(items)) @ v @ v.T * np.sqrt(items)
    k1 = -y @ p
    k2 = -(y + sharpening / 2 * k1) @ p
    k3 = -(y + sharpening / 2 * k2) @ p
    k4 = -(y + sharpening * k3) @ p
    return y + sharpening / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


@pytest.mark.parametrize("low_pass", [0.0, 0.4])
@pytest.mark.parametrize("sharpening", [0.0, 2.5])
def test_is_the_formula(low_pass: float, sharpening: float) -> None:
    model = fitted(low_pass=low_pass, sharpening=sharpening)
    assert len(model._spectrum) == N_BOUGHT
    np.testing.assert_allclose(scores(model), textbook(low_pass, sharpening), atol=5e-3)


def test_the_low_pass_is_of_the_leading_eigenvectors() -> None:
    few = fitted(factors=2, low_pass=0.4, sharpening=0)
    np.testing.assert_allclose(scores(few), textbook(0.4, 0, kept=2), atol=5e-3)


def test_beyond_the_eigenvectors_sharpening_is_of_the_second_order() -> None:
    """The graph has two halves, so its largest eigenvalue, one, is there twice."""
    model = fitted(factors=1, low_pass=0, sharpening=0.5)
    p = (model._matrix.T @ model._matrix).toarray().astype(np.float64)
    v = model._vectors.astype(np.float64)
    y = textbook(0, 0)
    known, rest = y @ v @ v.T, y - y @ v @ v.T
    fourth = 1 - 1 / 2 + 1 / 8 - 1 / 48 + 1 / 384  # of the eigenvalue one
    expected = rest - rest @ p / 2 + rest @ p @ p / 8 + known * fourth
    np.testing.assert_allclose(scores(model), expected, atol=1e-3)


def test_finds_the_leading_eigenvectors() -> None:
    matrix = fitted()._matrix
    values, vectors = leading(matrix, 4, 6, np.random.default_rng(1))
    expected = np.linalg.eigvalsh((matrix.T @ matrix).toarray())[::-1][:4]
    np.testing.assert_allclose(values, expected, atol=1e-5)
    np.testing.assert_allclose(matrix.T @ (matrix @ vectors), vectors * values, atol=1e-4)


def test_a_large_catalogue_gets_fewer_eigenvectors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spectral, "MAX_VALUES", 3 * N_BOUGHT + 1)
    assert fitted()._vectors.shape == (N_BOUGHT, 3)


def test_too_many_shoppers_make_it_step_aside() -> None:
    dataset = checkerboard("none")
    assert Spectral().limits(dataset) is None
    reason = Spectral(SpectralConfig(max_users=2)).limits(dataset)
    assert reason is not None
    assert "max_users 2" in reason


def test_is_off_unless_a_recipe_switches_it_on() -> None:
    assert "spectral" not in Recipe().generators()
    switched = Recipe.from_toml("", ["candidates.spectral.enabled=true"])
    assert "spectral" in switched.generators()


def test_as_many_at_once_as_there_is_room_for_values_of_all_shoppers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(spectral, "SCORES_PER_CHUNK", 3 * N_USERS + 1)
    model = fitted()
    assert model._matrix.shape == (N_USERS, N_BOUGHT)
    assert model._chunk_size() == 3
