"""The command `recsys serve`: what stops it is one line, before anything starts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from recsys.cli import main
from serving.models.errors import ModelRefused
from serving.models.loaded import load
from serving.server import _hand_over
from serving.settings import read_settings


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "model is missing"),
        (["/nowhere/at/all"], "give a bundle directory"),
        (["models:/shop"], "models:/NAME@ALIAS"),
        (["b", "--no-auth", "--host", "0.0.0.0"], "leave auth on"),
        (["b", "--port", "70000"], "port"),
    ],
)
def test_what_can_not_be_served_is_told_in_a_line(
    arguments: list[str], told: str, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    store = ["--store", f"sqlite:///{tmp_path / 's.db'}"]
    with pytest.raises(SystemExit) as stopped:
        main(["serve", *arguments, *store])
    err = capfd.readouterr().err
    assert stopped.value.code == 1
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert told in err


def test_a_store_of_blurbs_that_is_missing_is_told_and_not_made(
    bundle: Path,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def served(*_: object, **__: object) -> None:
        raise AssertionError("it was served")

    monkeypatch.setattr("uvicorn.run", served)
    missing = tmp_path / "typo" / "blurbs.sqlite"
    monkeypatch.setenv("RECSYS_SERVE_BLURB_STORE", str(missing))
    with pytest.raises(SystemExit) as stopped:
        main(["serve", str(bundle), "--store", f"sqlite:///{tmp_path / 's.db'}"])
    assert stopped.value.code == 1
    assert f"error: blurb_store: {missing} is missing" in capfd.readouterr().err
    with pytest.raises(ModelRefused, match="blurb_store") as refused:
        load(bundle, source="b", blurb_store=missing)
    assert str(tmp_path) in str(refused.value)
    assert "blurb_store: blurbs.sqlite is missing" in refused.value.public
    assert "/" not in refused.value.public.replace("BUNDLE --users", "")
    assert not missing.parent.exists()


def test_a_model_that_no_registry_has_is_told_before_anything_starts(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
    for name in ("MODEL", "STORE"):
        monkeypatch.setenv(f"RECSYS_SERVE_{name}", "")  # put back after the test
        monkeypatch.delenv(f"RECSYS_SERVE_{name}")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    with pytest.raises(SystemExit) as stopped:
        main(["serve", "models:/nosuch@champion", "--store", f"sqlite:///{tmp_path / 's.db'}"])
    assert stopped.value.code == 1
    err = capfd.readouterr().err
    assert "error: models:/nosuch@champion: " in err
    assert "Traceback" not in err


def test_workers_read_what_the_server_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MODEL", "MODELS", "STORE", "WORKERS", "RATE", "CORS_ORIGINS", "AUTH"):
        monkeypatch.delenv(f"RECSYS_SERVE_{name}", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    told = read_settings(
        model="b", models={"a": "models:/a@x"}, store="sqlite:///s", workers=2, rate=0.5,
        cors_origins=("https://a.example",), auth=True,
    )  # fmt: skip
    for name in ("MODEL", "MODELS", "STORE", "WORKERS", "RATE", "CORS_ORIGINS", "AUTH"):
        monkeypatch.setenv(f"RECSYS_SERVE_{name}", "")  # put back after the test
        monkeypatch.delenv(f"RECSYS_SERVE_{name}")
    _hand_over(told)
    assert read_settings() == told


@pytest.mark.slow
def test_two_workers_serve_one_store(bundle: Path, tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 's.db'}"
    recsys = [sys.executable, "-m", "recsys.cli"]
    made = subprocess.run(
        [*recsys, "keys", "create", "--store", store, "--tenant", "t", "--scope", "write"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    key = made.stdout.splitlines()[-1]
    environment = {**os.environ, "RECSYS_SERVE_LOG_LEVEL": "INFO"}
    process = subprocess.Popen(
        [*recsys, "serve", str(bundle), "--port", "0", "--workers", "2", "--store", store],
        stderr=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip
    lines: list[str] = []
    assert process.stderr is not None
    reader = threading.Thread(target=lambda: lines.extend(process.stderr or ()), daemon=True)
    reader.start()
    try:
        url = _address(lines)
        for number in range(20):
            # A new connection each time: any of the workers may answer.
            with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}) as client:
                found = _post(client, {"k": 60})
                gone = found[number % 2]
                rows = {"items": [{"item_id": gone, "withdrawn": True}]}
                assert client.put("/v1/items", json=rows).status_code == 200
            for _ in range(3):
                with httpx.Client(
                    base_url=url, headers={"Authorization": f"Bearer {key}"}
                ) as client:
                    assert gone not in _post(client, {"k": 60})
    finally:
        process.terminate()
        process.wait(30)


def _post(client: httpx.Client, body: dict[str, object]) -> list[str]:
    answer = client.post("/v1/recommendations", json=body, timeout=30)
    assert answer.status_code == 200, answer.text
    return [item["item_id"] for item in answer.json()["items"]]


def _address(lines: list[str]) -> str:
    end = time.monotonic() + 90
    while time.monotonic() < end:
        for line in list(lines):
            found = re.search(r"running on (http://127\.0\.0\.1:\d+)", line)
            if found and sum("startup complete" in one for one in list(lines)) >= 2:
                return found[1]
        time.sleep(0.1)
    raise AssertionError("".join(lines)[-2_000:])
