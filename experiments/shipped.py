"""Recipes by name: shipped ones, files, and the recipe of an earlier run."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from recsys.errors import RecipeError
from training.recipe import Recipe

FROM_RUN = "run:"


def names() -> list[str]:
    """Return the names of the shipped recipes."""
    found = (file.name for file in _folder().iterdir())
    return sorted(name.removesuffix(".toml") for name in found if name.endswith(".toml"))


def find(recipe: str, overrides: Sequence[str] = (), *, uri: str | None = None) -> Recipe:
    """Return a recipe from a shipped name, a TOML file, or `run:ID` of a tracked run.

    Args:
        recipe: which.
        overrides: `table.key=value`, on top.
        uri: of the tracking store, for `run:ID`.

    Raises:
        RecipeError: there is no such recipe, or it has a fault; the message names it.
    """
    if recipe.startswith(FROM_RUN):
        from experiments.runs import recipe_of

        logged = recipe_of(recipe.removeprefix(FROM_RUN), uri=uri)
        return Recipe.from_toml(logged.to_toml(), overrides)
    if recipe.endswith(".toml") or Path(recipe).is_file():
        return Recipe.from_toml(Path(recipe), overrides)
    if recipe in names():
        return Recipe.from_toml(text(recipe), overrides)
    near = difflib.get_close_matches(recipe, names(), n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise RecipeError(
        f"no recipe is called {recipe!r}; {hint}shipped are {', '.join(names())}, "
        "or give a file that ends in .toml"
    )


def text(name: str) -> str:
    """Return the TOML of a shipped recipe, comments included."""
    return (_folder() / f"{name}.toml").read_text(encoding="utf-8")


def _folder() -> Traversable:
    return files("experiments") / "recipes"
