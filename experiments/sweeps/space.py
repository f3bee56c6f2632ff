"""What a sweep may try: dotted keys of the recipe, each with a range or choices.

Written as text, in the recipe's table `search` or on the command line:

    log:1e-4..1e-2      a range, even on a logarithmic scale
    0..0.5              a range
    64,128,256          choices; in TOML also a list

A range of a whole-numbered key holds whole numbers.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, get_args

from recsys.errors import RecipeError
from training.recipe import Recipe
from training.recipe_toml import annotation_of, literal, read_value

DEFAULTS: Mapping[str, str] = {
    "candidates.repeat_purchase.half_life_days": "log:10..200",
    "candidates.item_knn.neighbours": "log:20..400",
    "candidates.item_knn.shrink": "log:1..200",
    "candidates.ease.reg": "none,30,100,300,1000",
    "candidates.als.factors": "32,64,128",
    "candidates.als.reg": "log:1e-3..0.3",
    "candidates.bpr.learning_rate": "log:0.01..0.2",
    "candidates.text_knn.half_life_days": "log:10..200",
    "history.model.dim": "64,128,256",
    "history.model.dropout": "0.1..0.5",
    "history.trainer.lr": "log:3e-4..1e-2",
    "ranker.hidden": "32,64,96,128,256",
    "ranker.dropout": "0..0.4",
    "ranker.lr": "log:3e-4..1e-2",
}
"""What is searched where nothing is said, of the components that are switched on."""
FIXED = ("name", "seed", "device", "split", "evaluate", "blurbs", "search")
"""Tables and keys that decide what is measured, or nothing that is measured."""
_RANGE = re.compile(r"(?P<log>log:)?\s*(?P<low>\S+?)\s*\.\.\s*(?P<high>\S+)")


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included.

    Attributes:
        low: the smallest.
        high: the largest.
        log: even on a logarithmic scale.
        whole: whole numbers only.
    """

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def __str__(self) -> str:
        ends = "..".join(self.written(v) for v in (self.low, self.high))
        return f"log:{ends}" if self.log else ends

    def written(self, value: float) -> str:
        """Write a value as TOML."""
        return literal(int(value) if self.whole else float(value))


@dataclass(frozen=True)
class Choices:
    """One of several values, each as TOML writes it."""

    values: tuple[str, ...]

    def __str__(self) -> str:
        return ",".join(self.values)


Dimension = Range | Choices
Space = dict[str, Dimension]


def read_space(recipe: Recipe, given: Sequence[str] = ()) -> Space:
    """Return what to search: the recipe's table `search` with `KEY=SPEC` on top, or defaults.

    Every key and every end or choice is put into the recipe once, so that what cannot be
    trained is refused before anything is.

    Raises:
        RecipeError: a key is unknown, fixed, or of a component that is switched off, or a
            value is not one that the recipe takes; the message names key, value and remedy.
    """
    wanted: dict[str, Any] = dict(recipe.search)
    for text in given:
        key, sign, spec = text.partition("=")
        if not sign or not key.strip() or not spec.strip():
            raise RecipeError(
                f"--search {text!r}: write KEY=SPEC, history.trainer.lr=log:1e-4..1e-2"
            )
        wanted[key.strip()] = spec.strip()
    if not wanted:
        wanted = {key: spec for key, spec in DEFAULTS.items() if not _switch_off(recipe, key)}
    space = {key: _dimension(recipe, key, spec) for key, spec in sorted(wanted.items())}
    for key in space:
        switch = _switch_off(recipe, key)
        if switch and switch not in space:
            raise RecipeError(
                f"search of {key}: {switch} = false, so that no value would change anything; "
                f"set {switch}=true, or leave the key out"
            )
    if not space:
        raise RecipeError("every component is switched off: there is nothing to search")
    return space


def applied(recipe: Recipe, values: Mapping[str, str]) -> Recipe:
    """Return the recipe with values of a space, each as TOML writes it, and no search table."""
    bare = recipe.model_copy(update={"search": {}})
    return Recipe.from_toml(bare.to_toml(), [f"{key}={value}" for key, value in values.items()])


def own_values(recipe: Recipe, space: Space) -> dict[str, Any] | None:
    """Return the recipe's own place in the space, None where it lies outside.

    Values are those that a study suggests: numbers of a range, texts of choices.
    """
    found: dict[str, Any] = {}
    for key, dimension in space.items():
        value = _value_of(recipe, key)
        if isinstance(dimension, Choices):
            if literal(value) not in dimension.values:
                return None
            found[key] = literal(value)
        else:
            if value is None or not dimension.low <= value <= dimension.high:
                return None
            found[key] = value
    return found


def _dimension(recipe: Recipe, key: str, spec: str | list[Any]) -> Dimension:
    table = key.partition(".")[0]
    if table in FIXED:
        raise RecipeError(
            f"search of {key}: {table} stays as it is during a sweep, or trials could not be "
            f"compared; set it with --set"
        )
    shown = spec if isinstance(spec, str) else literal(spec)
    if isinstance(spec, str) and (".." in spec or spec.startswith("log:")):
        return _range(recipe, key, spec)
    raws = _listed(spec) if isinstance(spec, str) else [literal(v) for v in spec]
    values = tuple(dict.fromkeys(_accepted(recipe, key, raw, shown) for raw in raws))
    if len(values) < 2:
        raise RecipeError(
            f"search of {key} = {shown}: one value is no search; name several, or a range "
            f"LOW..HIGH, or set it with --set {key}={shown}"
        )
    return Choices(values)


def _range(recipe: Recipe, key: str, spec: str) -> Range:
    found = _RANGE.fullmatch(spec)
    try:
        if found is None:
            raise ValueError
        low, high = float(found["low"]), float(found["high"])
        if not (isfinite(low) and isfinite(high)):
            raise ValueError
    except ValueError:
        raise RecipeError(
            f"search of {key} = {spec!r}: write a range as LOW..HIGH or log:LOW..HIGH, numbers"
        ) from None
    for raw in (found["low"], found["high"]):
        _accepted(recipe, key, raw, spec)
    kinds = _kinds(key)
    if not kinds & {int, float}:
        raise RecipeError(f"search of {key} = {spec!r}: a range is of numbers; write true,false")
    whole = float not in kinds
    if not low < high:
        raise RecipeError(f"search of {key} = {spec!r}: {low:g} is not below {high:g}; swap them")
    if found["log"] and low <= 0:
        raise RecipeError(
            f"search of {key} = {spec!r}: a logarithmic range begins above 0; "
            "write LOW..HIGH, or a small number"
        )
    return Range(low, high, bool(found["log"]), whole)


def _accepted(recipe: Recipe, key: str, raw: str, spec: str) -> str:
    """Put a value into the recipe; return it as TOML writes what became of it."""
    try:
        return literal(_value_of(applied(recipe, {key: raw}), key))
    except RecipeError as error:
        raise RecipeError(f"search of {key} = {spec}: {error}") from error


def _listed(spec: str) -> list[str]:
    """Split choices at commas; values that hold commas themselves are TOML throughout."""
    try:
        return [literal(v) for v in tomllib.loads(f"v = [{spec}]")["v"]]
    except tomllib.TOMLDecodeError:
        return [literal(read_value(part.strip())) for part in spec.split(",") if part.strip()]


def _kinds(key: str) -> set[Any]:
    """Return the types that the values of a key may have."""

    def atoms(annotation: Any) -> set[Any]:
        inner = get_args(annotation)
        return {annotation}.union(*(atoms(a) for a in inner)) if inner else {annotation}

    return atoms(annotation_of(Recipe, key))


def _value_of(recipe: Recipe, key: str) -> Any:
    value: Any = recipe
    for part in key.split("."):
        value = getattr(value, part)
    return value


def _switch_off(recipe: Recipe, key: str) -> str:
    """Return the switch that leaves out the component of a key; empty where it is on."""
    parts = key.split(".")
    owner = parts[:2] if parts[0] == "candidates" else parts[:1]
    switch = ".".join([*owner, "enabled"])
    if key == switch or annotation_of(Recipe, switch) is None:
        return ""
    return "" if _value_of(recipe, switch) else switch
