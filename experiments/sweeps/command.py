"""The body of `recsys sweep`: search, then say what was found and how to train it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from experiments import shipped
from experiments.sweeps.run import SweepOptions, Swept, sweep
from experiments.terminal import duration, say
from recsys.errors import DataError, MissingExtraError

SHOWN = 10
"""Trials in the table, the best ones."""
_TIME = re.compile(r"(?=.)(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


def sweep_command(
    recipe: str,
    data: Path,
    overrides: Sequence[str],
    *,
    time: str | None,
    out: Path | None,
    **options: Any,
) -> tuple[Any, ...]:
    """Search; return a plain value and what to show of it.

    `options` are those of `SweepOptions`.
    """
    seconds = None if time is None else read_time(time)
    if options["track"] and find_spec("mlflow") is None:
        say(f"note: not tracked. {MissingExtraError('mlflow', 'tracking runs')}")
        options["track"] = False
    if out is not None:
        if out.is_dir():
            raise DataError(f"--out {out} is a directory; name a file, as {out / 'best.toml'}")
        out.parent.mkdir(parents=True, exist_ok=True)
    chosen = shipped.find(recipe, overrides, uri=options.get("uri"))
    swept = sweep(chosen, data, SweepOptions(seconds=seconds, **options))
    best = swept.recipe
    if out is not None and best is not None:
        best = shutil.copyfile(best, out.with_name(f".{out.name}")).replace(out)
    elif out is not None:
        say(f"note: {out} is not written, for no trial is complete")
    return _value(swept, best), *_shown(swept, best, data)


def read_time(text: str) -> float:
    """Return the seconds of `45s`, `30m`, `2h` or `1h30m`.

    Raises:
        DataError: it is none of these.

    >>> read_time("1h30m"), read_time("45s")
    (5400.0, 45.0)
    """
    found = _TIME.fullmatch(text.strip())
    seconds = 0.0
    if found is not None:
        hours, minutes, rest = (int(part or 0) for part in found.groups())
        seconds = float(hours * 3600 + minutes * 60 + rest)
    if not seconds:
        raise DataError(f"--time {text!r}: write 45s, 30m, 2h or 1h30m")
    return seconds


def _value(swept: Swept, recipe: Path | None) -> dict[str, Any]:
    best = swept.best
    return {
        "metric": str(swept.objective),
        "direction": swept.objective.direction,
        "best": None if best is None else {**asdict(best), "recipe": str(recipe)},
        "importances": swept.importances,
        "space": {key: str(dimension) for key, dimension in swept.space.items()},
        "trials": [asdict(result) for result in swept.results],
        "out_of_time": swept.stopped,
        "run_id": swept.run_id,
        "kept_in": str(swept.folder),
    }


def _shown(swept: Swept, recipe: Path | None, data: Path) -> list[Any]:
    sign = -1 if swept.objective.direction == "maximize" else 1
    complete = [r for r in swept.results if r.value is not None]
    complete.sort(key=lambda r: (sign * (r.value or 0.0), r.number))
    keys = list(swept.importances) or list(swept.space)
    table = Table("trial", str(swept.objective), title="Best trials, on validation")
    table.title_justify = "left"
    for key in keys:
        table.add_column(key, overflow="fold")
    for result in complete[:SHOWN]:
        cells = [Text(_short(result.values[key])) for key in keys]
        table.add_row(str(result.number + 1), f"{result.value:.4f}", *cells)
    counts = {s: sum(r.state == s for r in swept.results) for s in ("complete", "pruned", "failed")}
    lines = [", ".join(f"{n} {state}" for state, n in counts.items())]
    lines += [f"trial {r.number + 1} failed: {r.reason}" for r in swept.results if r.reason]
    if swept.importances:
        shares = (f"{key} {share:.0%}" for key, share in swept.importances.items())
        lines.append("what made the difference: " + ", ".join(shares))
    if swept.stopped:
        lines.append("the time was over first; the same command goes on")
    if swept.run_id:
        lines.append(f"run: {swept.run_id} (recsys ui shows it)")
    if recipe is not None:
        lines.append(f"best recipe: {recipe}")
        lines.append(f"train it: recsys train {recipe} --data {data} --out bundles/NAME")
    total = sum(r.seconds for r in swept.results)
    lines.append(f"trials took {duration(total)} in all")
    return [table, *lines]


def _short(value: str) -> str:
    """Shorten a number for the table.

    >>> _short("0.0012345678"), _short('"cosine"'), _short("64")
    ('0.001235', 'cosine', '64')
    """
    try:
        return f"{float(value):.4g}" if "." in value or "e" in value else value.strip('"')
    except ValueError:
        return value.strip('"')
