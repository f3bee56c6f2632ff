from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from training.optimizers import learning_rate, make_optimizers
from training.trainer import TrainerConfig, TrainResult, fit, snapshot

CURVES = Path(__file__).parents[1] / "golden" / "loss_curves.json"


class Table(nn.Module):
    """Scores y = w_x + b, with a sparse table of weights."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Embedding(4, 1, sparse=True)
        self.b = nn.Linear(1, 1)
        nn.init.zeros_(self.w.weight)
        nn.init.zeros_(self.b.weight)
        nn.init.zeros_(self.b.bias)

    def forward(self, x: Tensor) -> Tensor:
        return (self.w(x) + self.b(torch.ones(len(x), 1)))[:, 0]


class Pairs:
    """Learn y = x for x in 0..3, five batches of two an epoch."""

    def __init__(self, n: int = 5) -> None:
        self.n = n

    def __len__(self) -> int:
        return self.n

    def epoch(self, number: int) -> Iterator[Tensor]:
        order = torch.Generator().manual_seed(number)
        for _ in range(self.n):
            yield torch.randint(4, (2,), generator=order)


def setup() -> tuple[Table, object]:
    model = Table()

    def loss(x: Tensor) -> Tensor:
        noise = 1 + 0.01 * torch.randn(())  # drawn as dropout is: from torch's generator
        return noise * ((model(x) - x) ** 2).mean()

    return model, loss


def run(config: TrainerConfig, **kwargs: object) -> tuple[Table, TrainResult]:
    model, loss = setup()
    return model, fit(model, Pairs(), loss, config, seed=3, **kwargs)  # type: ignore[arg-type]


def test_learns_and_leaves_evaluation_mode() -> None:
    model, result = run(TrainerConfig(epochs=60, lr=0.1, weight_decay=0))
    predicted = model(torch.arange(4)).detach()
    assert torch.allclose(predicted, torch.arange(4.0), atol=0.1)
    assert not model.training
    assert result.losses[-1] < 0.01 < result.losses[0]
    assert (result.steps, result.stopped, len(result.losses)) == (300, "epochs", 60)


def test_same_seed_same_curve_and_callers_randomness_untouched() -> None:
    first, second = run(TrainerConfig(epochs=3))[1], run(TrainerConfig(epochs=3))[1]
    assert first.losses == second.losses
    model, loss = setup()
    before = torch.get_rng_state()
    fit(model, Pairs(), loss, TrainerConfig(epochs=1), seed=3)  # type: ignore[arg-type]
    assert torch.equal(before, torch.get_rng_state())


def test_curve_is_the_recorded_one() -> None:
    recorded = json.loads(CURVES.read_text())["trainer"]
    losses = run(TrainerConfig(epochs=5, lr=0.1, precision="float32"))[1].losses
    assert losses == pytest.approx(recorded, rel=1e-4)


def test_stops_by_patience_and_keeps_the_best_weights() -> None:
    values = iter([1.0, 3.0, 2.0, 2.5, 9.0])
    seen: list[dict[str, Tensor]] = []
    model, loss = setup()

    def evaluate() -> float:
        assert not model.training
        seen.append(snapshot(model))
        return next(values)

    config = TrainerConfig(epochs=9, patience=2, lr=0.1)
    result = fit(model, Pairs(), loss, config, seed=0, evaluate=evaluate)  # type: ignore[arg-type]
    assert (result.stopped, result.best_epoch, result.best_value) == ("patience", 2, 3.0)
    assert result.values == [(1, 1.0), (2, 3.0), (3, 2.0), (4, 2.5)]
    assert all(torch.equal(v, seen[1][k]) for k, v in model.state_dict().items())
    assert not torch.equal(model.w.weight, seen[3]["w.weight"])


def test_evaluates_as_often_as_asked_and_at_the_end() -> None:
    config = TrainerConfig(epochs=5, evaluate_every=2)
    result = run(config, evaluate=lambda: 0.5)[1]
    assert [epoch for epoch, _ in result.values] == [2, 4, 5]


def test_stops_at_the_step_budget_inside_an_epoch_and_evaluates_there() -> None:
    result = run(TrainerConfig(epochs=9, max_steps=7), evaluate=lambda: 1.0)[1]
    assert (result.steps, result.stopped, len(result.losses)) == (7, "max_steps", 2)
    assert [epoch for epoch, _ in result.values] == [1, 2]


def test_stops_at_the_time_budget() -> None:
    result = run(TrainerConfig(epochs=9, max_seconds=1e-6))[1]
    assert (result.steps, result.stopped) == (1, "max_seconds")


def test_accumulated_batches_step_as_one_large_batch() -> None:
    def trained(batches: Pairs, accumulate: int) -> dict[str, Tensor]:
        model = Table()
        config = TrainerConfig(epochs=1, accumulate=accumulate, clip=0, precision="float32")

        def loss(x: Tensor) -> Tensor:
            return ((model(x) - x) ** 2).mean()

        fit(model, batches, loss, config, seed=0)
        return snapshot(model)

    class Joined(Pairs):
        def epoch(self, number: int) -> Iterator[Tensor]:
            parts = list(super().epoch(number))
            yield torch.cat(parts[:2])
            yield torch.cat(parts[2:])

        def __len__(self) -> int:
            return 2

    small, large = trained(Pairs(4), 2), trained(Joined(4), 1)
    assert all(torch.allclose(small[k], large[k], atol=1e-6) for k in small)


class Killed(Exception):
    """Stands for the process's end."""


def test_a_killed_run_resumes_to_the_same_numbers(tmp_path: Path) -> None:
    path, config = tmp_path / "run.safetensors", TrainerConfig(epochs=6, lr=0.1, patience=0)
    whole_model, whole = run(config, evaluate=lambda: 0.0)

    class Dying(Pairs):
        def epoch(self, number: int) -> Iterator[Tensor]:
            for i, batch in enumerate(super().epoch(number)):
                if (number, i) == (4, 2):
                    raise Killed
                yield batch

    model, loss = setup()
    with pytest.raises(Killed):
        fit(
            model,
            Dying(),
            loss,
            config,
            seed=3,
            evaluate=lambda: 0.0,
            checkpoint=path,  # type: ignore[arg-type]
        )
    resumed_model, resumed = run(config, evaluate=lambda: 0.0, checkpoint=path)
    assert resumed.losses == whole.losses
    assert (resumed.steps, resumed.values) == (whole.steps, whole.values)
    ours, theirs = resumed_model.state_dict(), whole_model.state_dict()
    assert all(torch.equal(ours[k], theirs[k]) for k in theirs)
    assert [p.name for p in tmp_path.iterdir()] == ["run.safetensors"]


def test_a_finished_run_is_not_repeated(tmp_path: Path) -> None:
    path, config = tmp_path / "run.safetensors", TrainerConfig(epochs=2)
    first_model, first = run(config, checkpoint=path)

    class Untouchable(Pairs):
        def epoch(self, number: int) -> Iterator[Tensor]:
            raise AssertionError("trained again")

    model, loss = setup()
    again = fit(model, Untouchable(), loss, config, seed=3, checkpoint=path)  # type: ignore[arg-type]
    assert again.losses == first.losses
    assert torch.equal(model.w.weight, first_model.w.weight)


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    run(TrainerConfig(epochs=1), checkpoint=path)
    other = nn.Linear(2, 2)
    with pytest.raises(ValueError, match="another model"):
        fit(
            other,
            Pairs(),
            lambda batch: other(torch.ones(1, 2)).sum(),
            TrainerConfig(epochs=1),
            seed=0,
            checkpoint=path,
        )


def test_rate_rises_then_falls_to_the_floor() -> None:
    config = TrainerConfig(lr=1.0, warmup=0.1, floor=0.2)
    rates = [learning_rate(step, 100, config) for step in range(101)]
    assert rates[0] == pytest.approx(1 / 11)
    assert rates[10] == pytest.approx(1.0)
    assert rates[55] == pytest.approx(0.6)  # half way down
    assert rates[100] == pytest.approx(0.2)
    assert max(rates) == rates[10]


def test_optimizers_split_sparse_decayed_and_bare_parameters() -> None:
    model = Table()
    dense, sparse = make_optimizers(model, TrainerConfig(weight_decay=0.5))
    decayed, bare = dense.param_groups
    assert [p.shape for p in decayed["params"]] == [model.b.weight.shape]
    assert decayed["weight_decay"] == 0.5
    assert [p.shape for p in bare["params"]] == [model.b.bias.shape]
    assert bare["weight_decay"] == 0.0
    assert sparse.param_groups[0]["params"][0] is model.w.weight


def test_nothing_to_learn_from_is_an_error() -> None:
    model, loss = setup()
    with pytest.raises(ValueError, match="no batch"):
        fit(model, Pairs(0), loss, TrainerConfig(), seed=0)  # type: ignore[arg-type]


def test_logger_gets_every_epoch() -> None:
    class Log:
        rows: list[tuple[int | None, dict[str, float]]] = []  # noqa: RUF012

        def metrics(self, values: dict[str, float], step: int | None = None) -> None:
            self.rows.append((step, values))

    log = Log()
    result = run(TrainerConfig(epochs=2), logger=log, unit="pairs", size=len)[1]
    assert [step for step, _ in log.rows] == [1, 2]
    assert [row["loss"] for _, row in log.rows] == result.losses
    assert log.rows[1][1]["pairs_per_second"] == result.units_per_second > 0
    assert math.isnan(result.best_value)


def test_padding_and_operations_are_told() -> None:
    class Log:
        rows: list[dict[str, float]] = []  # noqa: RUF012

        def metrics(self, values: dict[str, float], step: int | None = None) -> None:
            self.rows.append(values)

    log = Log()
    result = run(
        TrainerConfig(epochs=2), logger=log, size=len, extra=lambda x: {"slots": 8, "flop": 6e9}
    )[1]
    assert [row["padding"] for row in log.rows] == [0.75, 0.75]  # two of eight are real
    assert log.rows[1]["gflops"] == pytest.approx(3 * result.units_per_second)


def test_the_average_is_what_is_judged_and_kept() -> None:
    """With one weight w and averages a: a_t = a + (1 - d_t) (w_t - a), d_t = min(d, t/(t+9))."""
    weights: list[float] = []

    class Seen(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(torch.zeros(()))

    model, judged = Seen(), list[float]()

    class Steps:
        def __len__(self) -> int:
            return 2

        def epoch(self, number: int) -> Iterator[int]:
            for i in range(2):
                yield i
                weights.append(float(model.w.detach()))

    def loss(batch: int) -> Tensor:
        return -model.w * 1.0

    def evaluate() -> float:
        judged.append(float(model.w.detach()))
        return float(len(judged))

    config = TrainerConfig(epochs=2, lr=0.1, average=0.15, patience=0, precision="float32")
    fit(model, Steps(), loss, config, seed=0, evaluate=evaluate)
    expected, averages = 0.0, []
    for step, w in enumerate(weights, start=1):
        expected += (1 - min(0.15, step / (step + 9))) * (w - expected)
        averages.append(expected)
    assert judged == pytest.approx(averages[1::2])
    assert float(model.w.detach()) == pytest.approx(averages[-1])
    assert weights[-1] > averages[-1] > 0


def test_a_killed_run_resumes_to_the_same_average(tmp_path: Path) -> None:
    config = TrainerConfig(epochs=4, lr=0.1, average=0.9)
    whole, _ = run(config)
    path = tmp_path / "run.safetensors"

    class Dying(Pairs):
        def epoch(self, number: int) -> Iterator[Tensor]:
            if number == 2:
                raise Killed
            yield from super().epoch(number)

    model, loss = setup()
    with pytest.raises(Killed):
        fit(model, Dying(), loss, config, seed=3, checkpoint=path)  # type: ignore[arg-type]
    resumed, _ = run(config, checkpoint=path)
    assert all(torch.equal(resumed.state_dict()[k], v) for k, v in whole.state_dict().items())
