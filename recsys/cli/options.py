"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from recsys.types import Repeats

if TYPE_CHECKING:
    from experiments.cluster.connection import Cluster

Bundle = Annotated[Path, typer.Argument(help="Directory of a bundle.", show_default=False)]
Data = Annotated[Path, typer.Option("--data", help="A dataset directory.", show_default=False)]
K = Annotated[int, typer.Option("-k", min=1, help="How many items.")]
Ks = Annotated[list[int], typer.Option("-k", min=1, help="A cut-off; may be repeated.")]
Uri = Annotated[
    str | None,
    typer.Option("--tracking-uri", help="MLflow store; default MLFLOW_TRACKING_URI, else SQLite."),
]
Repeat = Annotated[
    Repeats, typer.Option(help="exclude: leave out what was bought already; allow: keep it.")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
Engine = Annotated[
    Literal["local", "ray"],
    typer.Option(help="local: this process; ray: the workers of a Ray cluster (extra `ray`)."),
]
Address = Annotated[
    str | None,
    typer.Option(
        help="With --engine ray: auto (RAY_ADDRESS, or the cluster of this machine, or a new one "
        "here), local (a new one here), or HOST[:PORT]. Default auto.",
        show_default=False,
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="With --engine ray: workers at most; default one a CPU, for the networks of "
        "`train` one a node.",
    ),
]
BundlePlace = Annotated[
    str,
    typer.Argument(
        help="Directory of a bundle; with --engine ray also a URL, s3://...", show_default=False
    ),
]


def cluster_for(engine: str, address: str | None, workers: int | None) -> Cluster | None:
    """Return the cluster that a command is asked to run on; None: this process does the work.

    Raises:
        typer.BadParameter: an option of the cluster is given without `--engine ray`.
    """
    if engine == "local":
        for name, value in (("--address", address), ("--workers", workers)):
            if value is not None:
                raise typer.BadParameter(f"{name} {value}: it goes with --engine ray")
        return None
    from experiments.cluster.connection import AUTO, Cluster

    return Cluster(address or AUTO, workers)
