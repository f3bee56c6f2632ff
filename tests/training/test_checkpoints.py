from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from torch import nn

from recsys.candidates.history import HistoryGenerator
from tests.training.circle import N_ITEMS, cycles
from training import checkpoints
from training.checkpoints import Shelf
from training.generators import fit_generators
from training.history_batches import HistoryBatches
from training.recipe import Recipe
from training.trainer import TrainResult


def test_the_same_job_finds_its_files_by_their_order(tmp_path: Path) -> None:
    first, again = Shelf(tmp_path, ["a", "b"]), Shelf(tmp_path, ["a", "b"])
    files = [first.next("history"), first.next("history"), first.next("ranker-all")]
    assert files == [again.next("history"), again.next("history"), again.next("ranker-all")]
    assert len(set(files)) == 3


def test_what_another_job_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    old = Shelf(tmp_path, ["a"]).next("history")
    others = tmp_path / "mine" / "file", tmp_path / "job-of-mine" / "file"
    for path in (old, *others):
        path.parent.mkdir()
        path.touch()
    assert Shelf(tmp_path, ["a"]).next("history").exists()
    Shelf(tmp_path, ["b"])
    assert not old.parent.exists()
    assert all(path.exists() for path in others)


def test_tensors_that_share_memory_are_saved_whole(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False))
    model[1].weight = model[0].weight
    path = tmp_path / "tied.safetensors"
    checkpoints.save(path, model, [], TrainResult(losses=[1.0]), {})
    with safe_open(path, framework="pt") as file:
        found = [file.get_tensor(f"model/{i}.weight") for i in range(2)]
    assert all(torch.equal(tensor, model[0].weight) for tensor in found)


def test_every_fit_of_the_history_transformer_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has ended is not trained again, and gives the same model."""
    overrides = ("history.trainer.epochs=2", "history.warm_epochs=1", "history.model.dim=16")
    recipe = Recipe.from_toml("", overrides)
    nothing = np.zeros((N_ITEMS, 8), dtype=np.float16)

    def fitted() -> HistoryGenerator:
        shelf = Shelf(tmp_path, ["job"])
        found: Any = fit_generators(
            cycles(40), recipe, nothing, device="cpu", only=("history",), shelf=shelf
        ).generators["history"]
        return found

    first = fitted()
    names = sorted(path.name for path in tmp_path.rglob("*.*"))
    assert names == ["01-history.safetensors", "02-history.safetensors"]

    def refuse(self: HistoryBatches, number: int) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(HistoryBatches, "epoch", refuse)
    rows = np.arange(N_ITEMS)
    np.testing.assert_array_equal(fitted().scored_vectors(rows), first.scored_vectors(rows))
