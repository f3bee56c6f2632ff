from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import recsys

ROOT = Path(__file__).parents[1]
PACKAGES = ("recsys", "training", "serving", "experiments")
HEAVY = (
    "torch",
    "transformers",
    "sentence_transformers",
    "implicit",
    "lightfm",
    "mlflow",
    "fastapi",
    "plotly",
    "ray",
)

PROBE = """
import json, sys, time
start = time.process_time()
{statement}
print(json.dumps([time.process_time() - start, sorted(sys.modules)]))
"""


def _probe(statement: str) -> tuple[float, list[str]]:
    """Run a statement in a new process; return its CPU seconds and what it imported."""
    code = PROBE.format(statement=statement)
    out = subprocess.check_output([sys.executable, "-c", code], text=True, cwd=ROOT)
    took, modules = json.loads(out.splitlines()[-1])
    return float(took), list(modules)


def _project() -> dict[str, object]:
    return dict(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"])


def test_importing_is_quick_and_light() -> None:
    took, modules = _probe("import recsys")
    assert took < 1
    assert not set(HEAVY) & set(modules)


def test_importing_the_names_is_quick_and_light() -> None:
    took, modules = _probe("from recsys import Dataset, Recommender, RecommendationRequest")
    assert took < 1.5
    assert not set(HEAVY) & set(modules)


def test_help_is_light() -> None:
    _, modules = _probe("import recsys.cli")
    assert not set(HEAVY) & set(modules)


@pytest.mark.parametrize("name", sorted(set(recsys.__all__) - {"__version__"}))
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(recsys, name).__name__ == name


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = recsys.nothing
    assert set(recsys.__all__) == set(dir(recsys))


def _requirements() -> list[Requirement]:
    project = _project()
    groups = project["optional-dependencies"]
    assert isinstance(groups, dict)
    lines = [*project["dependencies"]]  # type: ignore[misc]
    for extra, group in groups.items():
        lines += group if extra != "ray" else []  # ray is not part of the tested environment
    return [r for r in map(Requirement, lines) if r.name != "recsys"]


def test_every_requirement_has_a_pinned_version_that_fits() -> None:
    pins = dict(
        line.split("==")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if line and not line.startswith("#")
    )
    versions = {canonicalize_name(name): version for name, version in pins.items()}
    for requirement in _requirements():
        version = versions.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name} is missing in constraints.txt"
        assert requirement.specifier.contains(version), f"{requirement} against {version}"


def test_the_extra_all_holds_every_other() -> None:
    extras = _project()["optional-dependencies"]
    assert isinstance(extras, dict)
    assert set(Requirement(extras["cf"][0]).extras) == {"implicit", "lightfm"}
    everything = set(Requirement(extras["all"][0]).extras) | {"implicit", "lightfm"}
    assert everything == set(extras) - {"all", "benchmark", "browser", "dev"}


def test_every_installation_of_the_makefile_is_pinned() -> None:
    lines = (ROOT / "Makefile").read_text().splitlines()
    installing = [line for line in lines if re.search(r"(\$\(PIP\)|/pip) install", line)]
    assert len(installing) >= 2
    assert all("-c constraints.txt" in line for line in installing)


def test_no_module_passes_400_lines() -> None:
    lengths = {
        path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines())
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
    }
    assert {path: n for path, n in lengths.items() if n > 400} == {}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this repository."""
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_the_packages_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert tops == {*PACKAGES, f"recsys-{recsys.__version__}.dist-info"}
    assert "recsys/py.typed" in names
    recipes = {p.name for p in (ROOT / "experiments" / "recipes").glob("*.toml")}
    assert recipes
    assert recipes <= {name.rsplit("/")[-1] for name in names if "experiments/recipes/" in name}
    assert any(name.endswith("licenses/LICENSE") for name in names)


@pytest.mark.slow
def test_the_wheel_works_with_the_core_only(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    install = [python, "-m", "pip", "install", "-q", "-c", ROOT / "constraints.txt", wheel]
    subprocess.run(install, check=True)
    clean = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(tmp_path / "env" / "bin" / "recsys"), *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=clean, capture_output=True, text=True, check=False
        )

    shown = run("--help")
    assert shown.returncode == 0, shown.stderr
    for command in ("demo", "weights", "data", "train", "evaluate", "recommend"):
        assert command in shown.stdout
    refused = run("ui")
    assert refused.returncode != 0
    assert "recsys[mlflow]" in refused.stderr
    assert "Traceback" not in refused.stderr
