"""Everything but the extras: what an installation without them can do, and what it says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

EXTRAS = (
    "mlflow",
    "plotly",
    "pandas",
    "implicit",
    "lightfm",
    "transformers",
    "sentence_transformers",
    "gguf",
    "httpx",
    "fastapi",
)
BLOCKED = f"import sys; sys.modules.update(dict.fromkeys({EXTRAS!r})); import recsys.cli;"


def run(*arguments: object, home: Path) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process that cannot import the extras."""
    code = f"{BLOCKED} recsys.cli.main({[str(a) for a in arguments]!r})"
    environment = {"RECSYS_HOME": str(home), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=Path(__file__).parents[2],
    )


def test_training_works_and_says_what_is_left_out(shop: Path, tmp_path: Path) -> None:
    done = run(
        "train", "smoke", "--data", shop, "--out", tmp_path / "bundle", "--json",
        "--set", "history.enabled=false", home=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert {"bpr", "lightfm"} <= set(report["left_out"])
    assert all("pip install" in report["left_out"][name] for name in ("bpr", "lightfm"))
    assert 'not tracked. tracking runs needs the extra "mlflow"' in done.stderr
    assert report["metrics"]["ALL/recall@5"] > 0
    asked = run("recommend", tmp_path / "bundle", "u1", "-k", 3, "--json", home=tmp_path)
    assert len(json.loads(asked.stdout)["items"]) == 3


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (("ui",), "mlflow"),
        (("train", "run:0123", "--data", "nowhere"), "mlflow"),
    ],
)
def test_a_command_that_needs_an_extra_names_it(
    arguments: tuple[str, ...], extra: str, tmp_path: Path
) -> None:
    done = run(*arguments, home=tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f'pip install "recsys[{extra}]"' in done.stderr


def test_blurbs_name_their_extra(tmp_path: Path) -> None:
    code = (
        f"{BLOCKED} from experiments.blurbing import writer_for\n"
        "said = []\n"
        "assert writer_for('auto', say=said.append) is None\n"
        "print(said[0])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'pip install "recsys[llm]"' in done.stdout
