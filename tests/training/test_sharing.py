"""Several processes train one network: their steps are those of one with the whole batch."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

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


def test_two_processes_take_the_steps_of_one(tmp_path: Path) -> None:
    meeting = tmp_path / "meeting"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(rank), str(meeting), str(tmp_path)], cwd=ROOT
        )
        for rank in (0, 1)
    ]
    assert [p.wait(timeout=120) for p in processes] == [0, 0]
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
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


def test_a_short_last_round_is_filled() -> None:
    rounds = [list(Share(rank, 3).mine(iter(range(7)))) for rank in range(3)]
    assert rounds == [[0, 3, 6], [1, 4, 6], [2, 5, 6]]
    rounds = [list(Share(rank, 3).mine(iter(range(2)))) for rank in range(3)]
    assert rounds == [[0], [1], [0]]


def test_a_process_alone_has_all_of_it() -> None:
    share = Share.of_process()
    assert (share.rank, share.size, share.leads) == (0, 1, True)
    assert share.of(4096) == 4096
    assert Share(1, 3).of(4096) == 1365
    assert Share(1, 3).of(2) == 1
    assert len({Share(rank, 3).seed(7) for rank in range(3)}) == 3
