"""Checkpoints of a training run in one safetensors file: weights, optimisers, progress.

The file is written under another name and then renamed, so there is always a whole one.
Nothing in it can run code. A job of several runs has a folder of them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

if TYPE_CHECKING:
    from training.averaging import Average
    from training.trainer import TrainResult


JOB = "job-"
"""Begins the name of a job's folder."""


class Shelf:
    """The checkpoints of a job of several runs, a file each, told apart by their order.

    The same job makes the same runs in the same order, so each finds its own file again,
    those that were finished included. What another job left in the folder is removed.
    """

    def __init__(self, folder: Path, job: Sequence[str]) -> None:
        """Open the folder of a job.

        Args:
            folder: where the checkpoints lie; made when the first one is saved.
            job: all that decides what is trained.
        """
        digest = hashlib.sha256(json.dumps(list(job)).encode()).hexdigest()[:16]
        self._folder, self._taken = folder / f"{JOB}{digest}", 0
        for other in folder.glob(f"{JOB}{'[0-9a-f]' * 16}"):
            if other != self._folder:
                shutil.rmtree(other, ignore_errors=True)

    def next(self, name: str) -> Path:
        """Return the file of the run that comes next; `name` makes it easier to find."""
        self._taken += 1
        return self._folder / f"{self._taken:02d}-{name}.safetensors"


def save(
    path: Path,
    model: nn.Module,
    optimizers: Sequence[torch.optim.Optimizer],
    result: TrainResult,
    best: dict[str, Tensor],
    average: Average | None = None,
) -> None:
    """Replace the checkpoint at `path`."""
    tensors = {f"model/{k}": v for k, v in model.state_dict().items()}
    tensors |= {f"best/{k}": v for k, v in best.items()}
    if average is not None:
        tensors |= {f"average/{k}": v for k, v in average.weights.items()}
    for i, optimizer in enumerate(optimizers):
        for number, entry in optimizer.state_dict()["state"].items():
            for key, value in entry.items():
                tensors[f"optimizer/{i}/{number}/{key}"] = torch.as_tensor(value)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    metadata = {"result": json.dumps(dataclasses.asdict(result))}
    save_file(_apart(tensors), temporary, metadata=metadata)
    os.replace(temporary, path)


def _apart(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors on the CPU; only those that share their memory are copied.

    Beside a large catalogue's weights and moments there is no room for all of them twice.
    """
    apart, seen = dict[str, Tensor](), set[int]()
    for name, tensor in tensors.items():
        whole = tensor.detach().cpu().contiguous()
        place = whole.untyped_storage().data_ptr()
        apart[name] = whole.clone() if place in seen else whole
        seen.add(place)
    return apart


def load(
    path: Path,
    model: nn.Module,
    optimizers: Sequence[torch.optim.Optimizer],
    average: Average | None = None,
) -> tuple[TrainResult, dict[str, Tensor]]:
    """Put a checkpoint into what is given; return progress and best weights.

    Raises:
        ValueError: it was made by another model.
    """
    from training.trainer import TrainResult

    with safe_open(path, framework="pt") as file:
        stored = json.loads(file.metadata()["result"])
        tensors = {key: file.get_tensor(key) for key in file.keys()}

    def part(prefix: str) -> dict[str, Tensor]:
        return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}

    device = next(model.parameters()).device
    best = {k: v.to(device) for k, v in part("best/").items()}
    try:
        model.load_state_dict(part("model/"))
        if average is not None:
            average.load(part("average/"))
        for i, optimizer in enumerate(optimizers):
            state: dict[int, dict[str, Tensor | int]] = {}
            for name, value in part(f"optimizer/{i}/").items():
                number, key = name.split("/", 1)
                # SparseAdam counts in a Python int, AdamW in a tensor.
                count = isinstance(optimizer, torch.optim.SparseAdam) and key == "step"
                state.setdefault(int(number), {})[key] = int(value) if count else value
            groups = optimizer.state_dict()["param_groups"]
            optimizer.load_state_dict({"state": state, "param_groups": groups})
    except (KeyError, RuntimeError, ValueError) as error:
        raise ValueError(
            f"{path} is a checkpoint of another model ({error}); remove it to start anew"
        ) from error
    stored["values"] = [(int(epoch), float(value)) for epoch, value in stored["values"]]
    return TrainResult(**stored), best
