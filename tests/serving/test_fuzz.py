"""Requests made from the OpenAPI document, good and bad, alone and in sequences.

All of schemathesis' checks: no server error, no answer that breaks its schema, no bad
request taken, no good one refused, no key ignored, nothing there after its deletion.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("schemathesis", reason="schemathesis is not installed")

from tests.serving.running import Running, running

ROOT = Path(__file__).parents[2]


def fuzz(
    service: Running,
    folder: Path,
    *,
    examples: int,
    seconds: int,
    phases: str = "examples,coverage,fuzzing,stateful",
) -> int:
    """Run schemathesis' command; return how many cases it made."""
    report = folder / "report.json"
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", f"{service.url}/openapi.json",
        "--checks", "all", "--phases", phases, "--max-examples", str(examples),
        "--max-time", str(seconds), "--seed", "1",
        "--no-color", "--no-shrink", "--continue-on-failure",
        "--header", f"Authorization: Bearer {service.key('fuzzed')}",
        "--report-json-path", str(report),
    ]  # fmt: skip
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "SCHEMATHESIS_HOOKS": "tests.serving.fuzz_hooks",
    }
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, cwd=folder, timeout=900
    )
    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-2_000:]
    found = json.loads(report.read_text())
    assert found["operations"]["tested"] == found["operations"]["total"]
    assert all(found["phases"][phase]["status"] == "success" for phase in phases.split(","))
    generated: int = found["test_cases"]["generated"]
    return generated


def test_a_few_cases_of_each_route(service: Running, tmp_path: Path) -> None:
    quick = "examples,fuzzing"
    assert fuzz(service, tmp_path, examples=1, seconds=15, phases=quick) > 20


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_thousands_of_cases_with_state(
    kind: str, bundle: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    store = (
        f"sqlite:///{tmp_path / 'store.db'}"
        if kind == "sqlite"
        else request.getfixturevalue("postgresql_store")
    )
    with running(model=str(bundle), store=store, rate=0) as found:
        assert fuzz(found, tmp_path, examples=25, seconds=200) > 1_000
