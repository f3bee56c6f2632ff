from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from recsys.cli import main
from tests.experiments.shop import tiny_shop


@dataclass(frozen=True)
class Answer:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def value(self) -> Any:
        """The one JSON object on standard output."""
        assert self.code == 0, self.err
        return json.loads(self.out)


Run = Callable[..., Answer]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command line in this process; output is caught below Python."""
    monkeypatch.delenv("RECSYS_DEBUG", raising=False)

    def call(*arguments: object) -> Answer:
        capfd.readouterr()
        code = 0
        try:
            main([str(a) for a in arguments])
        except SystemExit as stopped:
            code = stopped.code if isinstance(stopped.code, int) else int(stopped.code is not None)
        caught = capfd.readouterr()
        return Answer(code, caught.out, caught.err)

    return call


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("e2e")


@pytest.fixture(scope="session")
def shop(home: Path) -> Path:
    return tiny_shop(home / "shop")


@dataclass(frozen=True)
class Made:
    """A training run of the command line.

    Attributes:
        bundle: its directory.
        report: what it printed with --json.
        uri: of the MLflow store; empty where it was not tracked.
    """

    bundle: Path
    report: dict[str, Any]
    uri: str


@pytest.fixture(scope="session")
def trained(home: Path, shop: Path) -> Made:
    """Train the recipe `smoke` on the tiny shop, tracked where MLflow is installed."""
    import contextlib
    import io
    from importlib.util import find_spec

    uri = f"sqlite:///{home / 'mlflow' / 'mlflow.db'}" if find_spec("mlflow") else ""
    arguments = ["train", "smoke", "--data", str(shop), "--out", str(home / "bundle"), "--json"]
    arguments += ["--tracking-uri", uri] if uri else ["--no-mlflow"]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert not stopped.value.code
    return Made(home / "bundle", json.loads(printed.getvalue()), uri)


def is_pickle(path: Path) -> bool:
    """Tell whether a file is a stream of pickle's opcodes, whatever its name."""
    import pickletools
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for _ in pickletools.genops(path.read_bytes()):
                pass
        except Exception:
            return False
    return True
