"""docs/serving.md says what the code says."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
from fastapi.routing import APIRoute

from experiments.load.__main__ import BEGIN, END
from serving.app import ROUTERS, create_app
from serving.settings import Settings

TEXT = (Path(__file__).parents[3] / "docs" / "serving.md").read_text()


def settings_table() -> str:
    """Make the table of settings from their definitions."""
    about = inspect.getdoc(Settings) or ""
    found = re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", about.split("Attributes:")[1], re.M)
    meaning = {name: " ".join(text.split()) for name, text in found}
    lines = ["| setting | default | meaning |", "|---|---|---|"]
    for name, one in Settings.model_fields.items():
        default = "" if one.default in ("", None, {}, ()) else f"`{one.default}`".lower()
        default = default if not isinstance(one.default, str) or not default else f"`{one.default}`"
        lines.append(f"| `{name}` | {default} | {meaning[name]} |")
    return "\n".join(lines)


def test_the_table_of_settings_is_that_of_the_code() -> None:
    table = settings_table()
    assert table in TEXT, f"put this into docs/serving.md:\n{table}"


def scopes() -> dict[tuple[str, str], str]:
    """Return the scope that each route asks for."""
    found = {}
    for router in ROUTERS:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            for name in (getattr(d.call, "__name__", "") for d in route.dependant.dependencies):
                if name.startswith("admit_"):
                    path = route.path_format
                    found.update({(m, path): name.removeprefix("admit_") for m in route.methods})
    return found


def test_every_route_is_on_the_map_with_its_scope() -> None:
    app = create_app(Settings(model="nowhere", store="sqlite://"))
    rows = re.findall(r"^\| (`.*?) \| (\w+) \|", TEXT, re.M)
    told: dict[tuple[str, str], str] = {}
    for routes, scope in rows:
        for method, path in re.findall(r"`(GET|POST|PUT|DELETE) ([^`]+)`", routes):
            told[method, path] = scope
    document = app.openapi()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if operation.get("security"):
                assert (method.upper(), path) in told, f"{method.upper()} {path} is not on the map"
            else:
                assert f"`{path}`" in TEXT
    known = {(m.upper(), p) for p, methods in document["paths"].items() for m in methods}
    assert told == scopes()
    assert set(told) <= known, f"no such routes: {set(told) - known}"


@pytest.mark.parametrize("mark", [BEGIN, END])
def test_the_measured_table_has_its_place(mark: str) -> None:
    assert TEXT.count(mark) == 1
