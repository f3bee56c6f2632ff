from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from copy import copy
from threading import Event
from time import sleep

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from recsys.candidates import history
from recsys.candidates.history import HistoryGenerator
from recsys.candidates.history_model import Grid, HistoryModelConfig, HistoryNetwork, dropout
from recsys.candidates.history_packing import (
    N_GAPS,
    basket_numbers,
    chunk,
    gap_buckets,
    last_baskets,
    pack,
)
from recsys.protocols import CandidateGenerator
from recsys.topk import FlatIndex
from recsys.types import FloatArray, Histories, Queries, Ragged, pointers
from tests.contracts import candidate_generator as contract
from tests.contracts.candidate_generator import CandidateGeneratorContract

N_ITEMS, TEXT_DIM = 9, 5
HOUR = 3600 * 1_000_000


def histories(*lists: list[tuple[int, int]]) -> Histories:
    """Make histories from lists of (item, time)."""
    flat = [pair for pairs in lists for pair in pairs]
    return Histories(
        pointers(np.array([len(pairs) for pairs in lists])),
        np.array([item for item, _ in flat], dtype=np.int64),
        np.array([time for _, time in flat], dtype=np.int64),
        np.ones(len(flat), dtype=np.float32),
    )


def queries(h: Histories) -> Queries:
    n = len(h)
    return Queries(np.full(n, -1), h, np.full(n, 10**18), Ragged.empty(n))


def generator(*, text: bool = True, max_length: int = 8, gaps: bool = False) -> HistoryGenerator:
    """Make one with random weights; item 7 has no id, item 8 neither id nor text."""
    torch.manual_seed(0)
    config = HistoryModelConfig(dim=8, heads=2, max_length=max_length, use_gaps=gaps)
    network = HistoryNetwork(config, 7, TEXT_DIM if text else 0)
    for weights in network.parameters():
        torch.nn.init.normal_(weights, std=0.4)
    texts = np.random.default_rng(0).normal(size=(N_ITEMS, TEXT_DIM)).astype(np.float32)
    texts[8] = 0
    ids = np.array([0, 1, 2, 3, 4, 5, 6, -1, -1])
    popularity = np.log1p(np.arange(N_ITEMS, dtype=np.float32))
    return HistoryGenerator(network.eval(), ids, popularity, texts if text else None)


def test_is_a_candidate_generator() -> None:
    assert isinstance(generator(), CandidateGenerator)


def test_packing_loses_and_mixes_nothing() -> None:
    rng = np.random.default_rng(1)
    counts = rng.integers(0, 9, size=60)
    h = Histories(
        pointers(counts),
        rng.integers(50, size=counts.sum()),
        np.sort(rng.integers(4, size=counts.sum())),
        np.ones(counts.sum(), dtype=np.float32),
    )
    packed = pack(h, 8)
    assert len(np.unique(packed.slots)) == counts.sum()
    assert np.array_equal(packed.items.ravel()[packed.slots], h.items)
    rows, segments = packed.slots // 8, packed.segments.ravel()[packed.slots]
    names = rows * 100 + segments
    for i in range(60):
        own = names[h.indptr[i] : h.indptr[i + 1]]
        assert len(set(own)) == (counts[i] > 0)
        assert (names == own[0]).sum() == counts[i] if counts[i] else True
    assert (packed.segments.ravel() == -1).sum() == packed.items.size - counts.sum()
    assert packed.padding < 0.05


def test_packing_refuses_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="more than the row's 1"):
        pack(histories([(1, 0), (2, 1)]), 1)


def test_baskets_gaps_and_pieces() -> None:
    h = histories([(1, 0), (2, 0), (3, 3 * HOUR), (4, 3 * HOUR + 1)], [], [(5, 0), (6, 2**62)])
    assert basket_numbers(h).tolist() == [0, 0, 1, 2, 3, 4]
    # The first basket has no gap; [2, 4) hours is bucket 3, below an hour bucket 1.
    assert gap_buckets(h).tolist() == [0, 0, 3, 1, 0, N_GAPS - 1]
    entries, owner = last_baskets(h)
    assert (entries.tolist(), owner.tolist()) == ([3, 5], [0, 2])
    assert chunk(h, 3, np.array([1, 2, 2])).counts.tolist() == [2, 2, 2]
    assert chunk(h, 9, np.array([1, 2, 2])).counts.tolist() == [4, 2]


def test_vectors_do_not_depend_on_the_batch() -> None:
    model = generator(gaps=True)
    h = histories(*[[(i % 7, t * HOUR) for t, i in enumerate(range(n))] for n in (3, 8, 1, 5, 2)])
    together = model.encode(queries(h))
    alone = [model.encode(queries(h.take(np.array([i]))))[0] for i in range(len(h))]
    np.testing.assert_allclose(together, np.stack(alone), atol=1e-5)


def test_the_order_inside_a_basket_does_not_matter_and_that_of_baskets_does() -> None:
    model = generator()
    a, b, c = model.encode(
        queries(
            histories(
                [(1, 0), (2, 1), (3, 1), (4, 1)],
                [(1, 0), (4, 1), (2, 1), (3, 1)],
                [(1, 0), (4, 1), (2, 2), (3, 2)],
            )
        )
    )
    np.testing.assert_allclose(a, b, atol=1e-5)
    assert np.abs(a - c).max() > 1e-3


def test_an_entry_sees_its_basket_and_the_past_only() -> None:
    model = generator()

    def hidden(h: Histories) -> torch.Tensor:
        packed = pack(h, 8)
        items = model.represent(packed.items.ravel()).view(*packed.items.shape, -1)
        out = model.network(Grid.of(packed, "cpu"), items).flatten(0, 1)
        return out[torch.from_numpy(packed.slots)]

    with torch.inference_mode():
        one = hidden(histories([(1, 0), (2, 1), (3, 1), (4, 2)], [(5, 0)]))
        two = hidden(histories([(1, 0), (2, 1), (3, 1), (6, 2)], [(0, 0)]))
        three = hidden(histories([(1, 0), (2, 1), (6, 1), (4, 2)], [(5, 0)]))
    assert torch.allclose(one[:3], two[:3], atol=1e-5)  # the future, and a neighbour, changed
    assert not torch.allclose(one[3], two[3], atol=1e-3)
    assert torch.allclose(one[0], three[0], atol=1e-5)  # the basket after it changed
    assert not torch.allclose(one[1], three[1], atol=1e-3)  # its own basket changed


def test_reads_the_newest_of_a_long_history() -> None:
    model = generator(max_length=3)
    long, short = model.encode(
        queries(histories([(5, 0), (6, 1), (1, 2), (2, 3), (3, 4)], [(1, 2), (2, 3), (3, 4)]))
    )
    np.testing.assert_allclose(long, short, atol=1e-5)


def test_a_cut_history_keeps_the_gap_before_its_first_basket(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, read = generator(max_length=3, gaps=True), []
    encode = model._encode
    monkeypatch.setattr(model, "_encode", lambda h, g: read.append(g.tolist()) or encode(h, g))
    days = [(i, 24 * HOUR * i) for i in range(5)]
    long, short = model.encode(queries(histories(days, days[2:])))
    # A day is in [16, 32) hours, bucket 6. Read without what came before, the first has none.
    assert read == [[6, 6, 6, 0, 6, 6]]
    assert np.abs(long - short).max() > 1e-3


def test_what_is_read_alike_is_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model, encoded = generator(max_length=2), []
    encode = model._encode
    monkeypatch.setattr(model, "_encode", lambda h, g: encoded.append(len(h)) or encode(h, g))
    newest = [(2, 3), (3, 4)]
    asked = histories([(1, 2), *newest], newest, [(2, 3), (3, 3)], [], [(4, 1), *newest])
    vectors = model.encode(queries(asked))
    assert encoded == [2]
    assert vectors[0].tolist() == vectors[1].tolist() == vectors[4].tolist()
    assert np.isnan(vectors[3]).all()
    assert vectors[2].tolist() != vectors[0].tolist()


def test_score_is_the_inner_product_and_agrees_with_the_candidates() -> None:
    model = generator()
    q = queries(histories([(1, 0), (2, 1)], [(7, 0)]))
    found = model.candidates(q, 20)
    assert found.counts.tolist() == [8, 8]  # all but the item it cannot read
    np.testing.assert_allclose(model.score(q, found.ragged()), found.scores, atol=1e-5)
    dense = model.encode(q) @ model.scored_vectors(np.arange(model.n_items)).T
    np.testing.assert_allclose(dense[found.owner, found.items], found.scores, atol=1e-5)


def test_silent_without_a_readable_history_and_about_unreadable_items() -> None:
    model = generator()
    q = queries(histories([], [(8, 0)], [(1, 0)]))
    assert model.candidates(q, 3).counts.tolist() == [0, 0, 3]
    scores = model.score(q, Ragged.from_lists([[1], [1], [1, 8]]))
    assert np.isnan(scores).tolist() == [True, True, False, True]


def test_exclusions_and_eligibility_hold() -> None:
    model = generator()
    base = queries(histories([(1, 0)]))
    eligible = np.ones(N_ITEMS, dtype=bool)
    eligible[3] = False
    q = Queries(base.user_rows, base.histories, base.at, Ragged.from_lists([[0, 1]]), eligible)
    assert sorted(model.candidates(q, 99).items.tolist()) == [2, 4, 5, 6, 7]


def test_an_added_item_is_ranked_and_read_by_its_text() -> None:
    model = generator()
    before = model.scored_vectors(np.arange(model.n_items))
    model.add_items(model._texts.take(np.array([7])))  # type: ignore[union-attr]
    assert model.n_items == N_ITEMS + 1
    np.testing.assert_allclose(
        model.scored_vectors(np.arange(model.n_items))[9, :-1], before[7, :-1], atol=1e-6
    )
    usual = np.log1p(np.arange(1, 9)).mean()  # of what was bought
    assert model.scored_vectors(np.arange(model.n_items))[9, -1] == pytest.approx(
        usual * model.network.trend.item()
    )
    assert 9 in model.candidates(queries(histories([(9, 0)])), 20).items


def test_attaching_embeddings_brings_items_and_leaves_a_model_without_texts_alone() -> None:
    texts = np.random.default_rng(1).normal(size=(N_ITEMS + 2, TEXT_DIM)).astype(np.float32)
    model = generator().attach(texts)
    assert model.n_items == len(model.scored_vectors(np.arange(model.n_items))) == N_ITEMS + 2
    assert model.readable.all()
    silent = generator(text=False).attach(texts)
    assert np.flatnonzero(silent.readable).tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert not silent.scored_vectors(np.arange(silent.n_items))[7:, :-1].any()


def test_an_item_added_without_text_is_never_proposed() -> None:
    model = generator(text=False)
    model.add_items(np.zeros((2, TEXT_DIM), dtype=np.float32))
    assert sorted(model.candidates(queries(histories([(1, 0)])), 99).items.tolist()) == [*range(7)]


@pytest.mark.parametrize("text", [True, False])
def test_state_round_trip(text: bool) -> None:
    model = generator(text=text, gaps=True)
    state = model.state()
    assert all(not array.dtype.hasobject for array in state.arrays.values())
    again = HistoryGenerator.from_state(state)
    if text:
        again.attach(model._texts.whole())  # type: ignore[union-attr]
    q = queries(histories([(1, 0), (2, HOUR)], [(3, 0)]))
    assert np.array_equal(model.encode(q), again.encode(q))
    assert np.array_equal(model.candidates(q, 5).items, again.candidates(q, 5).items)


def test_ids_are_dropped_only_where_there_is_a_text_and_only_in_training() -> None:
    model = generator()
    network = model.network
    object.__setattr__(network, "config", network.config.model_copy(update={"id_dropout": 0.999}))
    ids, texts = torch.tensor([0, 1]), torch.zeros(2, TEXT_DIM)
    texts[0] = 1
    whole = network.eval().represent(ids, texts)
    dropped = network.train().represent(ids, texts)
    assert network.project is not None
    assert torch.allclose(dropped[0], network.project(texts)[0])
    assert torch.allclose(dropped[1], whole[1])


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_dropout_keeps_the_mean_and_drops_its_share(rate: float) -> None:
    torch.manual_seed(0)
    x = torch.ones(400, 500, requires_grad=True)
    y = dropout(x, rate, True)
    assert y.mean().item() == pytest.approx(1, abs=0.02)
    assert (y == 0).float().mean().item() == pytest.approx(rate, abs=0.01)
    y.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad == 0, y == 0)
    assert dropout(x, rate, False) is x


@pytest.mark.parametrize(("dim", "heads"), [(8, 3), (12, 4)])
def test_heads_must_divide_the_dimensions_into_even_parts(dim: int, heads: int) -> None:
    with pytest.raises(ValidationError, match=rf"make dim a multiple of {2 * heads}"):
        HistoryModelConfig(dim=dim, heads=heads)


class TestContract(CandidateGeneratorContract):
    learns_from_others = False  # nor has it learned anything: its weights are random

    @pytest.fixture(scope="class")
    @classmethod
    def generator(cls) -> CandidateGenerator:
        torch.manual_seed(0)
        network = HistoryNetwork(HistoryModelConfig(dim=8), contract.N_BOUGHT, contract.DIM)
        for weights in network.parameters():
            torch.nn.init.normal_(weights, std=0.4)
        torch.nn.init.zeros_(network.ids.weight)  # texts alone: two clear directions
        for block in network.blocks:  # what is read comes out as it went in
            torch.nn.init.zeros_(block.out.weight)
            torch.nn.init.zeros_(block.down.weight)
        torch.nn.init.ones_(network.norm.weight)
        torch.nn.init.zeros_(network.norm.bias)
        ids = np.arange(contract.N_ITEMS)
        ids[contract.N_BOUGHT :] = -1
        popularity = np.zeros(contract.N_ITEMS, dtype=np.float32)
        return HistoryGenerator(network.eval(), ids, popularity, contract.embeddings())


def test_threads_that_come_first_together_make_the_vectors_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, started, made = generator(), Event(), []
    q = queries(histories([(1, 0), (2, 1)]))

    def slow(block: FloatArray) -> FlatIndex:
        made.append(len(block))
        started.set()
        sleep(0.1)  # the others ask while this one has vectors and no index
        return FlatIndex(block)

    monkeypatch.setattr(history, "FlatIndex", slow)
    with ThreadPoolExecutor(3) as threads:
        one = threads.submit(model.candidates, q, 3)
        assert started.wait(10)
        two = threads.submit(copy(model).candidates, q, 3)
        three = threads.submit(model.candidates, q, 3)
        found = [each.result().items.tolist() for each in (one, two, three)]
    assert found[0] == found[1] == found[2]
    assert made == [N_ITEMS, N_ITEMS]  # the model's, and those of its copy
