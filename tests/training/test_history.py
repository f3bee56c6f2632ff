from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recsys.candidates.history import HistoryGenerator
from recsys.candidates.history_model import HistoryModelConfig
from recsys.dataset import Dataset
from recsys.errors import DataError
from recsys.schema import DatasetInfo
from recsys.types import Candidates, FloatArray, Queries, Ragged
from tests.training.circle import N_ITEMS, cycles, dataset
from training.history import HistoryConfig, closed_pairs, fit_history, train_history
from training.history_batches import HistoryBatches, bought_before, freshness, target_weights
from training.history_validation import ndcg
from training.trainer import TrainerConfig

CURVES = Path(__file__).parents[1] / "golden" / "loss_curves.json"


def config(**changes: object) -> HistoryConfig:
    base = {
        "model": HistoryModelConfig(dim=32, max_length=12, dropout=0.1),
        "trainer": TrainerConfig(epochs=40, lr=1e-2, patience=0, evaluate_every=10),
        "batch_tokens": 256,
        "n_negatives": 16,
    }
    return HistoryConfig.model_validate(base | changes)


def next_items(model: HistoryGenerator, history: list[int], k: int = 1) -> list[int]:
    data = dataset([("u", item, t) for t, item in enumerate(history)])
    return model.candidates(data.queries(np.array([0])), k).items.tolist()


def vectors(model: HistoryGenerator) -> FloatArray:
    return model.scored_vectors(np.arange(model.n_items))


@pytest.fixture(scope="module")
def circle() -> HistoryGenerator:
    return fit_history(cycles(), None, config(), seed=1)


def test_learns_the_next_item(circle: HistoryGenerator) -> None:
    assert [next_items(circle, [i, i + 1, i + 2]) for i in range(8)] == [[i + 3] for i in range(8)]


def test_is_silent_about_items_that_nobody_bought(circle: HistoryGenerator) -> None:
    assert len(next_items(circle, [1], k=99)) == N_ITEMS - 5  # and the one in the history


def test_shuffled_labels_teach_nothing() -> None:
    rng, data = np.random.default_rng(3), cycles()
    rows = list(
        zip(
            [f"u{u:03d}" for u in data.histories.owner],
            rng.permutation(data.histories.items).tolist(),
            data.histories.times.tolist(),
            strict=True,
        )
    )
    real = train_history(cycles(), None, config(), seed=1)[1].best_value
    noise = train_history(dataset(rows), None, config(), seed=1)[1].best_value
    assert real > 0.9
    assert noise < 0.45  # ten of twenty items at random give 0.23


def test_a_text_alone_is_enough_for_an_item_added_later() -> None:
    texts = np.random.default_rng(0).normal(size=(N_ITEMS, 16)).astype(np.float32)
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    settings = config(model=HistoryModelConfig(dim=32, max_length=12, dropout=0.1, id_dropout=0.4))
    model = fit_history(cycles(), texts, settings, seed=1)
    model.add_items(texts[[5, 12]])  # these read like items 5 and 12, and take places beside them
    assert N_ITEMS in next_items(model, [2, 3, 4], k=3)
    assert N_ITEMS + 1 in next_items(model, [9, 10, 11], k=3)


def test_the_same_seed_gives_the_same_model_and_the_recorded_curve() -> None:
    settings = config(
        trainer=TrainerConfig(epochs=3, lr=1e-2, precision="float32"), batch_tokens=128
    )
    model, result = train_history(cycles(), None, settings, seed=5)
    again, _ = train_history(cycles(), None, settings, seed=5)
    assert np.array_equal(vectors(model), vectors(again))
    assert result.losses == pytest.approx(json.loads(CURVES.read_text())["history"], rel=1e-3)


def test_a_warm_start_goes_on_where_the_first_fit_stopped(circle: HistoryGenerator) -> None:
    settings = config(warm_epochs=1)
    cold = train_history(cycles(), None, config(trainer=TrainerConfig(epochs=1, lr=1e-2)), seed=2)[
        1
    ]
    model, warm = train_history(cycles(160), None, settings, seed=2, warm_start=circle)
    assert len(warm.losses) == 1
    assert warm.losses[0] < 0.6 * cold.losses[0]
    assert next_items(model, [1, 2, 3]) == [4]


def test_a_warm_start_keeps_what_is_known_when_more_items_were_bought(
    circle: HistoryGenerator,
) -> None:
    """Items that are bought for the first time join the id tables; the others keep theirs."""
    before = vectors(circle)
    first = min(set(range(N_ITEMS)) - set(np.flatnonzero(before.any(axis=1)).tolist()))
    log = [(f"u{u}", i, i) for u in range(3) for i in range(N_ITEMS)]
    popularity = np.zeros(N_ITEMS, dtype=np.float32)
    grown = HistoryGenerator.start(
        dataset(log), None, circle.network.config, popularity, warm_start=circle
    )
    after = vectors(grown)
    known = before.any(axis=1)
    np.testing.assert_allclose(after[known, :-1], before[known, :-1], rtol=1e-6)
    assert after[first].any()


def test_data_without_order_is_refused() -> None:
    data = dataset([("u", 1, 0), ("u", 2, 1)], time="none")
    assert HistoryGenerator.limits(data) == "the order of the interactions is unknown"
    with pytest.raises(DataError, match="order of the interactions is unknown"):
        fit_history(data, None, config(), seed=0)


def test_validation_labels_are_not_learned_from() -> None:
    # Everybody's last item is 23, which is nowhere else: only a leak can teach it.
    rows = [(f"u{u}", (u + t) % 10, t) for u in range(80) for t in range(5)]
    rows += [(f"u{u}", 23, 5) for u in range(80)]
    model = fit_history(dataset(rows), None, config(), seed=0)
    assert not model.readable[23]


def test_ids_are_kept_for_items_seen_often_enough() -> None:
    rows = [("a", 1, 0), ("a", 2, 1), ("a", 1, 2), ("b", 1, 0), ("b", 3, 1)]
    texts = np.ones((N_ITEMS, 4), dtype=np.float32)
    texts[3] = 0
    data, popularity = dataset(rows), np.zeros(N_ITEMS, dtype=np.float32)
    model = HistoryGenerator.start(data, texts, HistoryModelConfig(), popularity, min_id_count=2)
    assert np.flatnonzero(model._id_of_item >= 0).tolist() == [1, 3]  # 3 has nothing else
    assert model.readable.all()
    few = HistoryGenerator.start(data, texts, HistoryModelConfig(), popularity, max_ids=2)
    assert np.flatnonzero(few._id_of_item >= 0).tolist() == [1, 2]


def baskets(**changes: object) -> HistoryBatches:
    """Make batches of two shoppers: baskets {0,1}, {2,3}, {0,4}; and {5}, {6}."""
    rows = [("a", 0, 0), ("a", 1, 0), ("a", 2, 1), ("a", 3, 1), ("a", 0, 2), ("a", 4, 2)]
    rows += [("b", 5, 0), ("b", 6, 9)]
    settings: dict[str, object] = {
        "max_length": 8,
        "tokens": 99,
        "horizon": 1,
        "n_targets": 40,
        "repeat_weight": 0.0,
        "half_life": None,
        "seed": 0,
    }
    return HistoryBatches(
        dataset(rows),
        np.ones(N_ITEMS, dtype=bool),
        **(settings | changes),  # type: ignore[arg-type]
    )


def read_and_predicted(batches: HistoryBatches, epochs: int) -> dict[frozenset[int], set[int]]:
    found: dict[frozenset[int], set[int]] = {}
    for epoch in range(epochs):
        for batch in batches.epoch(epoch):
            items = batch.packed.items.ravel()
            for query, targets in enumerate(batch.targets[: batch.n_queries]):
                basket = items[batch.query_slots[batch.query_of_slot == query]]
                found.setdefault(frozenset(basket.tolist()), set()).update(targets.tolist())
    return found


def test_targets_come_from_the_next_basket() -> None:
    assert read_and_predicted(baskets(repeat_weight=1.0), 1) == {
        frozenset({0, 1}): {2, 3},
        frozenset({2, 3}): {0, 4},
        frozenset({5}): {6},
    }


def test_repeats_are_no_targets_with_weight_zero() -> None:
    assert read_and_predicted(baskets(), 1)[frozenset({2, 3})] == {4}


def test_a_longer_horizon_reaches_later_baskets_of_the_same_shopper() -> None:
    found = read_and_predicted(baskets(horizon=9, repeat_weight=1.0), 3)
    assert found[frozenset({0, 1})] == {2, 3, 0, 4}
    assert found[frozenset({5})] == {6}


def test_a_cut_history_still_predicts_later_baskets_only() -> None:
    later = {0: {2, 3, 4}, 1: {2, 3, 0, 4}, 2: {0, 4}, 3: {0, 4}, 5: {6}}
    for basket, targets in read_and_predicted(
        baskets(max_length=3, horizon=9, repeat_weight=1.0), 20
    ).items():
        assert targets <= set().union(*(later[i] | {0} for i in basket))
        assert not (basket == {2, 3} and targets - {0, 4})


def test_an_epoch_reads_everything_once_in_an_order_of_its_own() -> None:
    batches = baskets(tokens=3)
    orders = []
    for epoch in (0, 1, 0):
        read = [b.packed.items.ravel()[b.packed.slots].tolist() for b in batches.epoch(epoch)]
        assert sorted(item for part in read for item in part) == [0, 0, 1, 2, 3, 4, 5, 6]
        orders.append(read)
    assert orders[0] == orders[2]
    assert any(
        orders[0] != [b.packed.items.ravel()[b.packed.slots].tolist() for b in batches.epoch(e)]
        for e in range(1, 6)
    )


def closed(batches: HistoryBatches, negatives: list[int], spare: bool) -> set[tuple[int, int]]:
    """Return (last item of the query's basket, negative) of the pairs that are left out."""
    found = set()
    for batch in batches.epoch(0):
        items = batch.packed.items.ravel()
        newest = {q: items[s] for s, q in zip(batch.query_slots, batch.query_of_slot, strict=True)}
        queries, places = closed_pairs(batch, np.array(negatives), spare)
        assert (np.diff(queries) >= 0).all()
        found |= {
            (int(max(newest[q], 1)), negatives[p]) for q, p in zip(queries, places, strict=True)
        }
    return found


def test_targets_and_what_the_shopper_has_are_no_negatives() -> None:
    batches = baskets(repeat_weight=1.0)  # queries {0,1} -> {2,3}, {2,3} -> {0,4}, {5} -> {6}
    mine, late = {(1, 2), (1, 3), (5, 6)}, {(2, 0), (2, 4), (3, 0), (3, 4)}
    targets = closed(batches, [0, 1, 2, 3, 4, 5, 6], spare=False)
    assert mine <= targets <= mine | late
    spared = closed(batches, [0, 1, 2, 3, 4, 5, 6], spare=True) - targets
    assert {(1, 0), (1, 1), (5, 5)} <= spared
    assert {item for query, item in spared if query in (2, 3)} == {1, 2, 3}


def test_older_interactions_are_read_less_often() -> None:
    day = 24 * 3600 * 1_000_000
    rows = [(f"u{u}", u % 9, 0) for u in range(400)] + [(f"v{u}", u % 9, 2 * day) for u in range(9)]
    data = dataset(rows, time="global")
    np.testing.assert_allclose(freshness(data, 2 * day)[[0, -1]], [0.5, 1.0])
    settings = {"max_length": 8, "tokens": 64, "horizon": 1, "n_targets": 1, "repeat_weight": 0.0}
    batches = HistoryBatches(
        data,
        np.ones(N_ITEMS, dtype=bool),
        half_life=2 * day,
        seed=0,
        **settings,  # type: ignore[arg-type]
    )
    read = [sum(batch.tokens for batch in batches.epoch(e)) for e in range(3)]
    assert all(160 < n < 260 for n in read)
    assert freshness(cycles(), 2.0).min() == 1


def test_bought_before() -> None:
    data = dataset([("a", 1, 0), ("a", 2, 1), ("a", 1, 2), ("b", 1, 0)])
    every = np.ones(4, dtype=np.bool_)
    assert bought_before(data.histories, every).tolist() == [False, False, True, False]
    assert not bought_before(data.histories, ~every).any()


def views_and_purchases() -> Dataset:
    """One shopper views 1, buys 1, buys 2, buys 1 again; views 3 and buys 4."""
    log = [(1, "view"), (1, "buy"), (2, "buy"), (1, "buy"), (3, "view"), (4, "buy")]
    frame = pl.DataFrame(log, schema=["n", "event"], orient="row").select(
        pl.lit("u").alias("user_id"),
        pl.format("i0{}", "n").alias("item_id"),
        pl.int_range(pl.len()).alias("timestamp"),
        "event",
    )
    info = DatasetInfo(
        name="t", time="per_user_order", target_events=("buy",), seen_events=("buy",)
    )
    return Dataset.from_frames(frame, cycles().catalogue.frame, info=info)


def test_who_only_viewed_an_item_buys_it_for_the_first_time() -> None:
    assert target_weights(views_and_purchases(), 0.1).tolist() == [0, 1, 1, 0.1, 0, 1]


def test_what_was_only_viewed_is_no_item_that_the_shopper_has() -> None:
    readable = np.ones(N_ITEMS, dtype=bool)
    batches = HistoryBatches(
        views_and_purchases(),
        readable,
        max_length=8,
        tokens=99,
        horizon=1,
        n_targets=1,
        repeat_weight=0.1,
        half_life=None,
        seed=0,
    )
    (batch,) = batches.epoch(0)
    # Queries: the view of 1 and the purchases of 1 and of 2, the view of 3; each is followed
    # by a purchase. The purchase of 1 made it seen from the second query on, that of 2 from
    # the third.
    assert batch.n_queries == 4
    assert batch.seen_items.tolist() == [1, 2]
    assert batch.seen_from.tolist() == [1, 2]
    assert batch.seen_until.tolist() == [4, 4]


def test_ndcg_by_hand() -> None:
    found = Candidates(
        np.array([0, 3, 3, 5]), np.array([7, 1, 2, 4, 5]), np.zeros(5, dtype=np.float32)
    )
    labels = Ragged.from_lists([[1, 2, 9], [3], [4]])
    gain = 1 / np.log2(3) + 1 / np.log2(4)
    ideal = 1 + 1 / np.log2(3) + 1 / np.log2(4)
    assert ndcg(found, labels, 10) == pytest.approx((gain / ideal + 0 + 1) / 3)


def test_a_killed_fit_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = config(trainer=TrainerConfig(epochs=4, lr=1e-2, patience=0))
    whole = fit_history(cycles(), None, settings, seed=1)
    path = tmp_path / "history.safetensors"
    real = HistoryBatches.epoch

    def dying(self: HistoryBatches, number: int):  # type: ignore[no-untyped-def]
        if number == 2:
            raise KeyboardInterrupt
        return real(self, number)

    with monkeypatch.context() as patch:
        patch.setattr(HistoryBatches, "epoch", dying)
        with pytest.raises(KeyboardInterrupt):
            fit_history(cycles(), None, settings, seed=1, checkpoint=path)
    resumed = fit_history(cycles(), None, settings, seed=1, checkpoint=path)
    np.testing.assert_allclose(vectors(resumed), vectors(whole), atol=1e-6)


def test_global_time_holds_out_the_last_days(tmp_path: Path) -> None:
    day = 24 * 3600 * 1_000_000
    rows = [(f"u{u}", (u + t // 2) % 20, (3 * t + u) * day) for u in range(60) for t in range(20)]
    model, result = train_history(dataset(rows, time="global"), None, config(), seed=0)
    assert model.network.gaps is not None
    assert result.values
    texts: FloatArray = np.zeros((1, 1), dtype=np.float32)
    model.add_items(texts)
    data = dataset(rows, time="global")
    asked: Queries = data.queries(np.arange(3))
    assert model.candidates(asked, 5).counts.tolist() == [5, 5, 5]


def test_learns_by_gbce() -> None:
    result = train_history(cycles(), None, config(loss="gbce"), seed=1)[1]
    assert result.best_value > 0.9
