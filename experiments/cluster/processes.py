"""One network trained by several processes under Ray Train.

After every epoch the leading process's checkpoint goes to storage; when a process is lost, Ray
Train starts all of them anew, and they go on from it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

from experiments.cluster.connection import Cluster, cpus_by_node, require_ray
from experiments.cluster.pool import fetched, ours, shared
from recsys import weights
from training.sharing import Share
from training.trainer import TrainResult

RESTARTS = 3
"""Of the processes, when one of them is lost."""
CHECKPOINT = "state.safetensors"


def processes(cluster: Cluster) -> int:
    """Return how many processes train."""
    return cluster.workers or len(cpus_by_node())


def together(
    cluster: Cluster,
    make: Callable[..., Any],
    what: Mapping[str, Any],
    device: str,
    checkpoint: Path | None,
    name: str,
) -> Any:
    """Call `make` on all processes; return what the leading one returned.

    Args:
        cluster: how many processes.
        make: takes `what`, and `device`, `checkpoint`, `share` and `saved` as
            `training.trainer.fit` does.
        what: its other arguments, the same for all.
        device: of a process; any but `cpu` gives each a GPU.
        checkpoint: names where checkpoints are kept; None: beside others of this machine.
        name: of the job.

    Raises:
        RecsysError: as a process raised it.
        ClusterError: processes were lost more often than `RESTARTS`.
    """
    ray, train = require_ray(), import_module("ray.train")
    torch = import_module("ray.train.torch")

    place = checkpoint or weights.home() / "ray-runs" / f"{name}-{uuid4().hex}"
    on_gpu = device != "cpu"
    there = cpus_by_node()
    workers = processes(cluster)
    a_node = -(-workers // len(there))
    trainer = torch.TorchTrainer(
        _loop,
        train_loop_config={
            "make": make,
            "what": shared(dict(what)),
            "on_gpu": on_gpu,
        },
        torch_config=torch.TorchConfig(backend="nccl" if on_gpu else "gloo"),
        scaling_config=train.ScalingConfig(
            num_workers=workers,
            use_gpu=on_gpu,
            resources_per_worker={"CPU": max(1, min(there) // a_node)},
        ),
        run_config=train.RunConfig(
            name=place.stem,
            storage_path=str(place.parent.absolute()),
            failure_config=train.FailureConfig(max_failures=RESTARTS),
            checkpoint_config=train.CheckpointConfig(num_to_keep=1),
        ),
    )
    try:
        return trainer.fit().return_value
    except (ray.exceptions.RayError, train.TrainingFailedError) as error:
        raise ours(error) from error


def _loop(config: dict[str, Any]) -> Any:
    """Run on each process: go on from the latest checkpoint, report one every epoch."""
    from ray import train
    from ray.train.torch import get_device

    device = str(get_device()) if config["on_gpu"] else "cpu"
    share = Share.of_process()
    given = fetched(config["what"])
    with tempfile.TemporaryDirectory(prefix="recsys-training-") as folder:
        file = Path(folder) / CHECKPOINT
        latest = train.get_checkpoint()
        if latest is not None:
            with latest.as_directory() as saved:
                shutil.copyfile(Path(saved) / CHECKPOINT, file)

        def told(result: TrainResult) -> None:
            metrics = {"epoch": len(result.losses), "loss": result.losses[-1]}
            own = train.Checkpoint.from_directory(folder) if share.leads else None
            train.report(metrics, checkpoint=own)

        made = config["make"](**given, device=device, checkpoint=file, share=share, saved=told)
    return made if share.leads else None
