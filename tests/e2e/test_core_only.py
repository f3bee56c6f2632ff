"""Everything but the extras: what an installation without them can do, and what it says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.e2e.conftest import Answer

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
END = "\x1e"
RUN = """
import sys
sys.modules.update(dict.fromkeys({extras}))
import recsys.cli
for arguments in {commands}:
    code = 0
    try:
        recsys.cli.main(arguments)
    except SystemExit as stopped:
        code = stopped.code or 0
    print({end!r}, code, {end!r}, sep="", end="", flush=True)
    print(end={end!r}, file=sys.stderr, flush=True)
"""


def run(*commands: tuple[object, ...], home: Path, code: str = "") -> list[Answer]:
    """Run command lines in one process that cannot import the extras, and some code after them.

    What the code printed is the last answer.
    """
    lines = [[str(part) for part in command] for command in commands]
    done = subprocess.run(
        [sys.executable, "-c", RUN.format(extras=EXTRAS, commands=lines, end=END) + code],
        capture_output=True,
        text=True,
        check=False,
        env={"RECSYS_HOME": str(home), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"},
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    *parts, rest = done.stdout.split(END)
    *errors, last = done.stderr.split(END)
    answers = [
        Answer(int(code), out, err)
        for out, code, err in zip(parts[::2], parts[1::2], errors, strict=True)
    ]
    assert len(answers) == len(commands)
    return [*answers, Answer(0, rest, last)]


def test_training_works_and_says_what_is_left_out(shop: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    trained, asked, _ = run(
        (
            "train", "smoke", "--data", shop, "--out", bundle, "--json",
            "--set", "history.enabled=false",
        ),
        ("recommend", bundle, "u1", "-k", 3, "--json"),
        home=tmp_path,
    )  # fmt: skip
    report = trained.value
    assert {"bpr", "lightfm"} <= set(report["left_out"])
    assert all("pip install" in report["left_out"][name] for name in ("bpr", "lightfm"))
    assert 'not tracked. tracking runs needs the extra "mlflow"' in trained.err
    assert report["metrics"]["ALL/recall@5"] > 0
    assert len(asked.value["items"]) == 3


def test_what_needs_an_extra_names_it(tmp_path: Path) -> None:
    code = (
        "from experiments.blurbing import writer_for\n"
        "said = []\n"
        "assert writer_for('auto', say=said.append) is None\n"
        "print(said[0])"
    )
    *commands, blurbs = run(
        ("ui",), ("train", "run:0123", "--data", "nowhere"), home=tmp_path, code=code
    )
    for command in commands:
        assert command.code == 1
        assert command.err.count("\n") == 1
        assert 'pip install "recsys[mlflow]"' in command.err
    assert 'pip install "recsys[llm]"' in blurbs.out
