"""The body of `recsys scoreboard`: seeds that were played already are read, not played again."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from experiments import shipped
from experiments.evaluation import HYBRID
from experiments.provenance import code_digest
from experiments.scoreboards import page
from experiments.scoreboards.boards import BOARDS, Board
from experiments.scoreboards.page import Standing
from experiments.scoreboards.play import Played, play
from experiments.scoreboards.reading import Files, read
from experiments.scoreboards.rounds import TRACKS, Stage, Track
from experiments.scoreboards.tracked import log_standing
from experiments.terminal import Bars, duration, say, warnings_as_notes
from recsys.candidates.registry import GENERATORS
from recsys.errors import DataError
from recsys.weights import home
from training.pipeline import Stages
from training.recipe import Recipe

MODELS = tuple(GENERATORS)


@dataclass(frozen=True)
class Asked:
    """What was asked for.

    Attributes:
        name: of the scoreboard.
        data: its folder.
        seeds: how many.
        track: None is the scoreboard's first.
        models: only these; empty is all, and the hybrid of them.
        validate: measure on the validation set: to choose a recipe.
        recipe: None is the scoreboard's own.
        overrides: `table.key=value`.
        page: Markdown file that gets the table; None: none.
        track_runs: log to MLflow.
        uri: of the tracking store; None is the default one.
    """

    name: str
    data: Path
    seeds: int = 5
    track: str | None = None
    models: tuple[str, ...] = ()
    validate: bool = False
    recipe: str | None = None
    overrides: tuple[str, ...] = ()
    page: Path | None = None
    track_runs: bool = True
    uri: str | None = None


def scoreboard_command(asked: Asked) -> tuple[Any, ...]:
    """Play what is missing; return a plain value and what to show of it."""
    board = _board(asked.name)
    track = _track(board, asked.track)
    stage: Stage = "validation" if asked.validate else "test"
    files = read(asked.data, board.name, board.layout)
    recipe = only(shipped.find(asked.recipe or board.name, asked.overrides), asked.models)
    played = []
    with warnings_as_notes():
        for seed in range(asked.seeds):
            one = recipe.model_copy(update={"seed": seed})
            found = _played(board, files, one, track, stage, asked.models)
            for variant in () if asked.models else board.variants:
                say(f"{variant.name}:")
                other = only(Recipe.from_toml(one.to_toml(), variant.overrides), [variant.model])
                alone = _played(board, files, other, track, stage, [variant.model])
                found = found.beside(alone, variant.model, variant.name)
            played.append(found)
    command = _command(asked, track)
    standing = Standing(board, track, played, recipe.digest, command, hardware())
    if asked.page is not None:
        if asked.validate:
            raise DataError("validation figures are not published: leave --page out")
        page.write(asked.page, [standing])
    run_id = ""
    if asked.track_runs:
        run_id = log_standing(standing, stage, recipe, files.dataset.info, uri=asked.uri)
    return _value(standing, stage) | {"run_id": run_id}, _table(standing, stage)


def _played(
    board: Board,
    files: Files,
    recipe: Recipe,
    track: Track,
    stage: Stage,
    models: Sequence[str],
) -> Played:
    key = f"{recipe.digest[:16]}-{files.dataset.info.fingerprint[:8]}"
    folder = home() / "scoreboards" / board.name / f"{track}-{stage}" / key
    known = Played.load(folder)
    if known is not None:
        say(f"seed {recipe.seed}: measured before, {folder}")
        if known.code != code_digest():
            say("  by other code than this is; to play it anew, delete that folder")
        return known
    say(f"seed {recipe.seed}")
    stages = Stages(began=lambda name: say(f"  {name}"))
    with Bars("users") as bars:
        result = play(board, files, recipe, track, stage, stages=stages, progress=bars.update)
    if models and HYBRID not in models:
        result = result.without(HYBRID)
    result.save(folder)
    say(f"  {duration(sum(result.seconds.values()))}")
    return result


def only(recipe: Recipe, models: Sequence[str]) -> Recipe:
    """Switch on what is named and off what is not; without the hybrid, its ranker too."""
    strange = set(models) - {*MODELS, HYBRID}
    if strange:
        raise DataError(
            f"--models: no model is called {min(strange)!r}; there are {', '.join(MODELS)}, "
            f"and {HYBRID}, all of them"
        )
    if not models or HYBRID in models:
        return recipe
    switches = [
        f"{'history' if name == 'history' else f'candidates.{name}'}"
        f".enabled={str(name in models).lower()}"
        for name in MODELS
    ]
    return Recipe.from_toml(recipe.to_toml(), [*switches, "ranker.enabled=false"])


def _board(name: str) -> Board:
    if name not in BOARDS:
        raise DataError(f"no scoreboard is called {name!r}; there are {', '.join(BOARDS)}")
    return BOARDS[name]


def _track(board: Board, asked: str | None) -> Track:
    if asked is None:
        return board.tracks[0]
    for track in TRACKS:
        if track == asked and track in board.tracks:
            return track
    raise DataError(f"{board.name} has no track {asked!r}; it has {', '.join(board.tracks)}")


def _command(asked: Asked, track: Track) -> str:
    parts = ["recsys scoreboard", asked.name, "--data DIR", f"--track {track}"]
    parts.append(f"--seeds {asked.seeds}")
    if asked.models:
        parts.append(f"--models {','.join(asked.models)}")
    if asked.recipe:
        parts.append(f"--recipe {Path(asked.recipe).name}")
    return " ".join([*parts, *(f"--set {o}" for o in asked.overrides)])


def hardware() -> str:
    """Say what this machine computes with."""
    import torch

    cores = f"{os.cpu_count()} cores, {platform.machine()}"
    return f"{torch.cuda.get_device_name(0)}, {cores}" if torch.cuda.is_available() else cores


def _value(standing: Standing, stage: Stage) -> dict[str, Any]:
    rows = standing.means.to_dicts()
    return {
        "scoreboard": standing.board.name,
        "track": standing.track,
        "stage": stage,
        "recipe_digest": standing.recipe,
        "seeds": [p.seed for p in standing.played],
        "seconds": [sum(p.seconds.values()) for p in standing.played],
        "results": rows,
    }


def _table(standing: Standing, stage: Stage) -> Table:
    board = standing.board
    table = Table("", *board.columns, title=f"{board.title}, {standing.track}, {stage}")
    for other in board.published:
        cells = [other.values.get(c) for c in board.columns]
        table.add_row(other.name, *("" if v is None else f"{v:.4f}" for v in cells), style="dim")
    for system in standing.systems:
        found = [standing.value(system, c, "all") for c in board.columns]
        table.add_row(system, *("" if v is None else f"{v[0]:.4f} ± {v[1]:.4f}" for v in found))
    return table
