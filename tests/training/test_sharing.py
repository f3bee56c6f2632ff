"""Several processes train one network: their steps are those of one with the whole batch."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from recsys.errors import DataError
from tests.recsys.shop import SMOKE, small_shop
from training import Recipe
from training.history import learn, lesson
from training.sharing import Share
from training.trainer import TrainerConfig, fit

ROOT = Path(__file__).parents[2]
X = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [2.0, 1.0]])
Y = torch.tensor([1.0, 2.0, 3.0, 4.0])
CONFIG = TrainerConfig(epochs=3, lr=0.1, clip=0.5, warmup=0.0, patience=0, precision="float32")


class Rows:
    """The rows of a process, `size` a batch; always in the same order."""

    def __init__(self, share: Share, size: int) -> None:
        self.batches = torch.arange(share.rank, 4, share.size).split(size)

    def __len__(self) -> int:
        return len(self.batches)

    def epoch(self, number: int) -> Iterator[Tensor]:
        yield from self.batches


def run(share: Share, rows: int, checkpoint: Path | None = None) -> dict[str, object]:
    model = nn.Linear(2, 1)
    with torch.no_grad():  # the one that leads decides where all begin
        model.weight.fill_(0.1 * (1 + share.rank))
        model.bias.zero_()
    asked = []

    def value() -> float:
        asked.append(1)
        return -float((model(X)[:, 0] - Y).square().mean())

    result = fit(
        model,
        Rows(share, rows),
        lambda batch: (model(X[batch])[:, 0] - Y[batch]).square().mean(),
        CONFIG,
        seed=0,
        evaluate=value,
        checkpoint=checkpoint,
        share=share,
    )
    return {
        "weights": [*model.weight[0].tolist(), model.bias.item()],
        "losses": result.losses,
        "steps": result.steps,
        "value": result.best_value,
        "asked": len(asked),
    }


PROCESS = """
import json, sys
from pathlib import Path
from torch import distributed
from tests.training.test_sharing import run
from training.sharing import Share
rank, port, folder = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
distributed.init_process_group("gloo", init_method=f"file://{port}", rank=rank, world_size=2)
found = run(Share.of_process(), 2, folder / f"{rank}.safetensors")
(folder / f"{rank}.json").write_text(json.dumps(found))
distributed.destroy_process_group()
"""


def run_two(program: str, folder: Path) -> list[dict[str, Any]]:
    """Run two processes that meet; return what each wrote."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(rank), str(folder / "meeting"), str(folder)],
            cwd=ROOT,
        )
        for rank in (0, 1)
    ]
    assert [p.wait(timeout=120) for p in processes] == [0, 0]
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in (0, 1)]


def test_two_processes_take_the_steps_of_one(tmp_path: Path) -> None:
    first, second = run_two(PROCESS, tmp_path)
    # Two rows each are the mean over four: one step an epoch, where one reads all of them.
    alone = run(Share(), 4)
    for found in (first, second):
        assert found["steps"] == alone["steps"] == 3
        assert found["weights"] == pytest.approx(alone["weights"], abs=1e-6)
        assert found["losses"] == pytest.approx(alone["losses"], abs=1e-6)
        assert found["value"] == pytest.approx(alone["value"], abs=1e-6)
    assert (first["asked"], second["asked"]) == (3, 0)  # the one that leads evaluates
    assert (tmp_path / "0.safetensors").is_file()  # and saves
    assert not (tmp_path / "1.safetensors").exists()


@dataclass(frozen=True)
class Beside(Share):
    """A process whose neighbour has `most` batches."""

    other: int = 0

    def most(self, value: int) -> int:
        return max(value, self.other)


def test_who_has_fewer_batches_reads_some_again() -> None:
    assert Beside(1, 2, 5).filled("abc") == ["a", "b", "c", "a", "b"]
    assert Beside(1, 2, 3).filled("abc") == "abc"
    assert Beside(1, 2, 2).filled("abc") == "abc"
    with pytest.raises(DataError, match="process 2 of 2 has nothing to learn from"):
        Beside(1, 2, 5).filled([])


def test_every_shopper_has_one_process() -> None:
    shop = small_shop()
    parts = [Share(rank, 3).shoppers(shop) for rank in range(3)]
    for rank, part in enumerate(parts):
        assert part.users.ids.to_list() == shop.users.ids.to_list()[rank::3]
        assert part.n_items == shop.n_items
        for row in (0, 7):
            whole = shop.users.rows([part.users.ids[row]])
            mine, theirs = part.queries(np.array([row])), shop.queries(whole)
            assert np.array_equal(mine.histories.items, theirs.histories.items)
            assert np.array_equal(mine.histories.times, theirs.histories.times)
            assert np.array_equal(mine.exclude.rows, theirs.exclude.rows)
    assert sum(len(part.interactions) for part in parts) == len(shop.interactions)
    targets = np.concatenate([part.interactions.target for part in parts])
    assert targets.sum() == shop.interactions.target.sum()


HISTORY = """
import json, sys
from pathlib import Path
from torch import distributed
from tests.training.test_sharing import learned
from training.sharing import Share
rank, meeting, folder = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=2)
(folder / f"{rank}.json").write_text(json.dumps(learned(Share.of_process())))
distributed.destroy_process_group()
"""


def learned(share: Share) -> dict[str, Any]:
    """Let a process learn from its own shoppers; of the second one's, few are of late."""
    shop = small_shop()
    settings = ("half_life_days=30", "max_ids=30", "batch_tokens=256", "trainer.patience=0")
    config = Recipe.from_toml(SMOKE, [f"history.{setting}" for setting in settings]).history
    data, watched = lesson(shop, config, seed=1, validation=None)
    steps: list[int] = []
    model, result = learn(
        share.shoppers(data) if share.size > 1 else data,
        None,
        config,
        seed=1,
        watched=watched if share.leads else None,
        share=share,
        saved=lambda result: steps.append(result.steps),
    )
    arrays = model.state().arrays
    return {
        "ids": arrays["id_of_item"].tolist(),
        "popularity": arrays["popularity"].tolist(),
        "weights": arrays["ids.weight"].sum(axis=1).tolist(),
        "steps": steps,
        "values": result.values,
    }


def test_two_processes_know_of_all_shoppers_items(tmp_path: Path) -> None:
    first, second = run_two(HISTORY, tmp_path)
    alone = learned(Share())
    assert sum(row >= 0 for row in alone["ids"]) == 30
    for found in (first, second):
        assert found["ids"] == alone["ids"]
        assert found["popularity"] == pytest.approx(alone["popularity"], abs=1e-5)
    assert first == second  # weights too: they took the same steps, and as many
    assert len(first["values"]) == 2


def test_a_process_alone_has_all_of_it() -> None:
    share = Share.of_process()
    assert (share.rank, share.size, share.leads) == (0, 1, True)
    assert share.of(4096) == 4096
    assert Share(1, 3).of(4096) == 1365
    assert Share(1, 3).of(2) == 1
    assert len({Share(rank, 3).seed(7) for rank in range(3)}) == 3
