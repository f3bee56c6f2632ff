from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from recsys.topk import blocks, factors, sparse, topk_blocks, topk_dense, topk_factors, topk_sparse
from recsys.topk.side_by_side import side_by_side
from recsys.types import BoolArray, Candidates, FloatArray, Ragged


def brute_force(
    scores: FloatArray, k: int, exclude: Ragged, eligible: BoolArray | None
) -> list[list[int]]:
    """Sort everything by score, then by row."""
    lists = []
    for i, line in enumerate(scores):
        left = set(range(len(line))) - set(exclude[i].tolist())
        rows = [j for j in left if np.isfinite(line[j]) and (eligible is None or eligible[j])]
        lists.append(sorted(rows, key=lambda j: (-line[j], j))[:k])
    return lists


def lists(found: Candidates) -> list[list[int]]:
    return [found.ragged()[i].tolist() for i in range(len(found))]


@st.composite
def problems(
    draw: st.DrawFn,
) -> tuple[FloatArray, int, Ragged, BoolArray | None]:
    """Draw scores with many ties, holes and masks."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_users, n_items = draw(st.integers(1, 6)), draw(st.integers(1, 900))
    scores = rng.integers(-3, draw(st.sampled_from([-1, 0, 2, 1000])), (n_users, n_items))
    scores = scores.astype(np.float32)
    scores[rng.random(scores.shape) < draw(st.sampled_from([0, 0.1, 0.95, 1]))] = np.nan
    share = draw(st.sampled_from([0, 0.05, 1]))
    exclude = [np.flatnonzero(rng.random(n_items) < share) for _ in range(n_users)]
    eligible = rng.random(n_items) < 0.5 if draw(st.booleans()) else None
    k = draw(st.sampled_from([1, 2, 7, 40, 2000]))
    return scores, k, Ragged.from_lists(exclude), eligible


@given(problem=problems())
def test_dense_is_brute_force(
    problem: tuple[FloatArray, int, Ragged, BoolArray | None],
) -> None:
    scores, k, exclude, eligible = problem
    found = topk_dense(scores, k, exclude=exclude, eligible=eligible)
    assert lists(found) == brute_force(scores, k, exclude, eligible)
    np.testing.assert_array_equal(found.scores, scores[found.owner, found.items])


@given(problem=problems(), size=st.sampled_from([1, 3, 64, 301]))
def test_blocks_are_merged_exactly(
    problem: tuple[FloatArray, int, Ragged, BoolArray | None], size: int
) -> None:
    scores, k, exclude, eligible = problem
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "ITEMS_PER_BLOCK", size)
        patch.setattr(blocks, "USERS_PER_CHUNK", 2)
        found = topk_dense(scores, k, exclude=exclude, eligible=eligible)
    assert lists(found) == brute_force(scores, k, exclude, eligible)


@given(problem=problems())
def test_sparse_is_brute_force_over_what_is_positive(
    problem: tuple[FloatArray, int, Ragged, BoolArray | None],
) -> None:
    scores, k, exclude, eligible = problem
    stored = np.nan_to_num(scores)
    found = topk_sparse(sp.csr_matrix(stored), k, exclude=exclude, eligible=eligible)
    positive = np.where(stored > 0, stored, np.float32(np.nan))
    assert lists(found) == brute_force(positive, k, exclude, eligible)
    np.testing.assert_array_equal(found.scores, stored[found.owner, found.items])


def test_sparse_rows_are_unpacked_in_bounded_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sparse, "VALUES_PER_CHUNK", 5)
    matrix = sp.csr_matrix(np.arange(40, dtype=np.float32).reshape(4, 10) % 7)
    assert lists(topk_sparse(matrix, 2)) == [[6, 5], [3, 2], [0, 7], [4, 3]]


@pytest.mark.parametrize("n_items", [50, 70_000])
def test_factors_are_the_inner_products(n_items: int) -> None:
    rng = np.random.default_rng(0)
    # Small integers: sums are exact in any order, and ties are many.
    users = rng.integers(-2, 3, (5, 8)).astype(np.float32)
    items = rng.integers(-2, 3, (n_items, 8)).astype(np.float32)
    bias = rng.integers(0, 3, n_items).astype(np.float32)
    exclude = Ragged.from_lists([rng.choice(n_items, 20, replace=False) for _ in users])
    eligible = rng.random(n_items) < 0.9
    found = topk_factors(users, items, 30, exclude=exclude, eligible=eligible, bias=bias)
    assert lists(found) == brute_force(users @ items.T + bias, 30, exclude, eligible)


@pytest.mark.parametrize("n_open", [2, 4])
def test_exclusions_beyond_the_items_are_passed_over(n_open: int) -> None:
    items = np.array([[0.0], [1.0], [2.0], [3.0], [4.0]])
    eligible = np.arange(5) < n_open
    exclude = Ragged.from_lists([np.array([1, 5, 9])] * 20)
    found = topk_factors(np.ones((20, 1)), items, 9, exclude=exclude, eligible=eligible)
    expected = [i for i in reversed(range(n_open)) if i != 1]
    assert lists(found) == [expected] * 20


def test_all_scores_equal_gives_the_lowest_rows() -> None:
    found = topk_factors(
        np.ones((2, 3), dtype=np.float32), np.ones((100_000, 3), dtype=np.float32), 4
    )
    assert lists(found) == [[0, 1, 2, 3]] * 2


def test_no_users_and_no_items() -> None:
    none = np.empty((0, 4), dtype=np.float32)
    assert len(topk_factors(none, np.ones((3, 4), dtype=np.float32), 2)) == 0
    found = topk_factors(np.ones((2, 4), dtype=np.float32), none, 2)
    assert lists(found) == [[], []]
    assert lists(topk_sparse(sp.csr_matrix((2, 3), dtype=np.float32), 2)) == [[], []]
    assert len(topk_sparse(sp.csr_matrix((0, 3), dtype=np.float32), 2)) == 0


@pytest.mark.parametrize("k", [0, -1])
def test_fewer_than_one_is_refused(k: int) -> None:
    scores = np.ones((1, 3), dtype=np.float32)
    with pytest.raises(ValueError, match="at least one"):
        topk_dense(scores, k)
    with pytest.raises(ValueError, match="at least one"):
        topk_sparse(sp.csr_matrix(scores), k)


@given(
    seed=st.integers(0, 2**32 - 1),
    k=st.sampled_from([1, 3, 20]),
    holes=st.sampled_from([0, 0.01, 0.9]),
    levels=st.sampled_from([3, 100_000]),
    order=st.sampled_from(["any", "ascending", "descending"]),
)
def test_many_blocks_above_a_rising_floor(
    seed: int, k: int, holes: float, levels: int, order: str
) -> None:
    """Blocks wide enough to be searched by groups, in the best order and in the worst."""
    rng = np.random.default_rng(seed)
    scores = rng.integers(-levels, levels, (3, 3_000)).astype(np.float32)
    if order != "any":
        scores.sort(axis=1)
    if order == "descending":
        scores = scores[:, ::-1].copy()
    scores[rng.random(scores.shape) < holes] = rng.choice([np.nan, -np.inf])
    scores[scores == 0] = -0.0
    exclude = Ragged.from_lists([rng.choice(3_000, 900, replace=False) for _ in scores])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "ITEMS_PER_BLOCK", 515)
        patch.setattr(blocks, "USERS_PER_CHUNK", 3)
        found = topk_dense(scores, k, exclude=exclude)
    assert lists(found) == brute_force(scores, k, exclude, None)
    np.testing.assert_array_equal(found.scores, scores[found.owner, found.items])


@pytest.fixture
def two_threads() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_pieces_side_by_side_keep_their_order_and_torch_its_threads() -> None:
    import torch

    found = list(side_by_side(lambda n: (n, torch.get_num_threads()), range(9)))
    assert found == [(n, 1) for n in range(9)]
    assert torch.get_num_threads() == 2
    assert list(side_by_side(lambda n: torch.get_num_threads(), [1])) == [2]
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(torch.get_num_threads).result() == 2


@pytest.mark.usefixtures("two_threads")
def test_what_a_piece_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        list(side_by_side(lambda n: 1 // n, [1, 0, 2]))


@pytest.mark.usefixtures("two_threads")
def test_chunks_of_users_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "USERS_PER_CHUNK", 3)
    rng = np.random.default_rng(0)
    users = rng.integers(-5, 6, (20, 8)).astype(np.float32)
    items = rng.integers(-5, 6, (4_000, 8)).astype(np.float32)
    none = Ragged.empty(len(users))
    for held in (items, items.astype(np.float16)):
        assert lists(topk_factors(users, held, 9)) == brute_force(users @ items.T, 9, none, None)


def test_no_block_is_larger_than_promised() -> None:
    import torch

    seen: list[tuple[int, int]] = []

    def block(users: slice, items: slice) -> torch.Tensor:
        shape = (users.stop - users.start, items.stop - items.start)
        seen.append(shape)
        return torch.zeros(shape)

    topk_blocks(block, 600, 80_000, 3)
    assert max(u for u, _ in seen) == blocks.USERS_PER_CHUNK
    assert max(u * i for u, i in seen) == blocks.USERS_PER_CHUNK * blocks.ITEMS_PER_BLOCK
    assert sum(u * i for u, i in seen) == 600 * 80_000


@pytest.mark.parametrize("n_users", [1, 40])
def test_half_precision_factors_are_read_as_they_are(
    n_users: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small whole numbers are exact in half precision, so the answers are the same."""
    monkeypatch.setattr(factors, "VALUES_PER_COPY", 24)
    rng = np.random.default_rng(3)
    users = rng.integers(-9, 9, (n_users, 4)).astype(np.float32)
    items = rng.integers(-9, 9, (101, 4)).astype(np.float32)
    eligible = rng.random(101) < 0.7
    single = topk_factors(users, items, 7, eligible=eligible)
    half = topk_factors(users, items.astype(np.float16), 7, eligible=eligible)
    assert lists(half) == lists(single)
    np.testing.assert_array_equal(half.scores, single.scores)


@given(problem=problems())
def test_few_eligible_items_are_searched_alone(
    problem: tuple[FloatArray, int, Ragged, BoolArray | None],
) -> None:
    scores, k, exclude, eligible = problem
    users = np.eye(len(scores), dtype=np.float32)
    held = np.nan_to_num(scores)
    few = np.zeros(scores.shape[1], dtype=np.bool_)
    few[::5] = True
    for open_ in (few, eligible):
        found = topk_factors(users, held.T.copy(), k, exclude=exclude, eligible=open_)
        assert lists(found) == brute_force(held, k, exclude, open_)
