from __future__ import annotations

from pathlib import Path

import pytest

from experiments import shipped
from recsys.errors import RecipeError


def test_the_shipped_recipes_are_there_and_explained() -> None:
    assert {"default", "demo", "smoke"} <= set(shipped.names())
    assert all(shipped.text(name).startswith("# ") for name in shipped.names())


def test_a_file_and_overrides(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\n')
    recipe = shipped.find(str(path), ["seed=5"])
    assert (recipe.name, recipe.seed) == ("mine", 5)


def test_a_fault_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("sed = 1\n")
    with pytest.raises(RecipeError, match=r"mine\.toml: unknown key sed .*seed"):
        shipped.find(str(path))


def test_an_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(RecipeError, match="did you mean demo"):
        shipped.find("demi")
