from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from recsys.cli import main


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    code = 0
    try:
        main([str(a) for a in arguments])
    except SystemExit as stopped:
        code = stopped.code if isinstance(stopped.code, int) else 1
    caught = capsys.readouterr()
    return code, caught.out, caught.err


COMMANDS = (
    "demo",
    "weights",
    "data",
    "train",
    "evaluate",
    "metrics",
    "recommend",
    "batch",
    "similar",
    "blurbs",
    "keys",
    "events",
    "forget",
    "ui",
    "doctor",
)


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--help")
    assert code == 0
    assert not [command for command in COMMANDS if command not in out]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(capsys: pytest.CaptureFixture[str], command: str) -> None:
    code, out, _ = run(capsys, command, "--help")
    assert code == 0
    assert "Usage" in out


def test_help_needs_nothing_but_the_core() -> None:
    """Heavy and optional packages must not be imported before a command needs them."""
    heavy = "torch transformers mlflow implicit lightfm plotly sentence_transformers fastapi"
    code = (
        "import sys, recsys.cli\n"
        "try: recsys.cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        f"print('loaded:', *(m for m in {heavy.split()} if m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "loaded:"


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    from recsys import __version__

    assert run(capsys, "--version")[:2] == (0, f"{__version__}\n")


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    recs = pl.DataFrame({"user_id": ["a", "a", "b"], "item_id": ["x", "y", "z"], "rank": [1, 2, 1]})
    truth = pl.DataFrame({"user_id": ["a", "b"], "item_id": ["y", "q"]})
    recs.write_parquet(tmp_path / "recs.parquet")
    truth.write_parquet(tmp_path / "truth.parquet")
    return tmp_path / "recs.parquet", tmp_path / "truth.parquet"


def test_metrics_as_json(capsys: pytest.CaptureFixture[str], files: tuple[Path, Path]) -> None:
    recs, truth = files
    code, out, _ = run(
        capsys, "metrics", "--recs", recs, "--truth", truth, "-k", "1", "-k", "2", "--json"
    )
    value = json.loads(out)
    assert code == 0
    assert value["metrics"]["recall@1"] == 0
    assert value["metrics"]["recall@2"] == 0.5
    assert value["metrics"]["mrr@2"] == 0.25
    assert value["n_users"] == 2


def test_metrics_for_people(capsys: pytest.CaptureFixture[str], files: tuple[Path, Path]) -> None:
    recs, truth = files
    code, out, _ = run(
        capsys, "metrics", "--recs", recs, "--truth", truth, "-k", "2", "--metric", "recall"
    )
    assert code == 0
    assert "recall@2: 0.500000" in out
    assert "2 users" in out


def test_an_error_is_one_clean_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RECSYS_DEBUG", raising=False)
    code, out, err = run(capsys, "recommend", tmp_path, "1")
    assert code == 1
    assert not out
    assert err.startswith("error: ")
    assert "manifest.json" in err
    assert err.count("\n") == 1


def test_a_port_that_there_is_not_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "ui", "--port", "99999")
    assert code == 2
    assert "65535" in err


def test_help_of_serve_names_its_variables(capsys: pytest.CaptureFixture[str]) -> None:
    assert "RECSYS_SERVE_NAME" in run(capsys, "serve", "--help")[1]


def test_debug_shows_where(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from recsys.errors import BundleError

    monkeypatch.setenv("RECSYS_DEBUG", "1")
    with pytest.raises(BundleError):
        main(["recommend", str(tmp_path), "1"])


@pytest.mark.parametrize(
    "arguments",
    [
        ("recommend", "bundle", "1", "-k", "0"),
        ("similar", "bundle", "1", "-k", "-3"),
        ("recommend", "bundle", "1", "--repeats", "sometimes"),
        ("train", "default"),
        ("no-such-command",),
    ],
)
def test_wrong_usage_is_explained(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    code, out, err = run(capsys, *arguments)
    assert code == 2
    assert not out
    assert "Usage" in err


def test_an_unknown_recipe_lists_the_shipped_ones(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RECSYS_DEBUG", raising=False)
    code, _, err = run(capsys, "train", "defualt", "--data", tmp_path)
    assert code == 1
    assert "did you mean default?" in err
    assert "smoke" in err


def test_own_files_become_a_dataset(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_text(
        "client,sku,bought\nann,1,2024-01-01\nann,2,2024-01-08\nbob,1,2024-01-09\n"
    )
    (tmp_path / "goods.csv").write_text("sku,title\n1,Tea\n2,Soap\n")
    out = tmp_path / "data"
    code, text, err = run(
        capsys,
        "data",
        "import",
        "files",
        "--interactions",
        tmp_path / "sales.csv",
        "--items",
        tmp_path / "goods.csv",
        "--map",
        "user_id=client,timestamp=bought",
        "--out",
        out,
        "--json",
    )
    assert code == 0, err
    assert json.loads(text)["time"] == "global"
    assert "interactions.user_id <- client" in err
    assert run(capsys, "data", "validate", out)[0] == 0


def test_faults_of_a_dataset_give_exit_code_1(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, out, _ = run(capsys, "data", "validate", tmp_path, "--json")
    value = json.loads(out)
    assert code == 1
    assert not value["valid"]
    assert value["faults"][0]["remedy"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("movielens",), "--source"),
        (("nonsense",), "complete-journey"),
        (("files",), "--interactions"),
        (("movielens", "--source", ".", "--map", "a=b"), "--map"),
        (("movielens", "--source", ".", "--core", "5"), "--core"),
        (("files", "--interactions", "x.csv", "--map", "user_id"), "--map"),
    ],
)
def test_import_options_are_checked(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    named: str,
) -> None:
    monkeypatch.delenv("RECSYS_DEBUG", raising=False)
    code, _, err = run(capsys, "data", "import", *arguments, "--out", tmp_path / "out")
    assert code == 1
    assert named in err


def test_import_options_do_what_the_notes_say(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    log, items, out = tmp_path / "log.csv", tmp_path / "items.csv", tmp_path / "out"
    log.write_text("user_id,item_id,event,shop\nu,a,view,x\nu,b,cart,x\nu,c,cart,x\n")
    items.write_text("item_id,title\na,Tea\n")
    code, said, err = run(
        capsys, "data", "import", "files", "--interactions", log, "--items", items, "--out", out,
        "--target-events", "view", "--keep", "shop", "--unknown-items", "drop",
        "--returns", "negative", "--json",
    )  # fmt: skip
    assert code == 0, err
    info = json.loads(said)
    assert (info["target_events"], info["seen_events"]) == (["view"], ["view"])
    assert info["returns"] == "negative"
    assert pl.read_parquet(out / "interactions.parquet").rows() == [("u", "a", "view", "x")]


def test_weights_status_as_json(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECSYS_HOME", str(tmp_path))
    code, out, _ = run(capsys, "weights", "status", "--json")
    assert code == 0
    assert json.loads(out)["text-encoder"]["state"] == "missing"


def test_doctor_names_remedies(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECSYS_HOME", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    code, out, _ = run(capsys, "doctor", "--json")
    checks = {check["name"]: check for check in json.loads(out)["checks"]}
    assert code == 0
    assert checks["core"]["state"] == "ok"
    assert checks["text-encoder"]["remedy"] == "recsys weights fetch"
    assert str(tmp_path) in checks["home"]["detail"]


def test_doctor_fails_where_nothing_can_be_written(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RECSYS_HOME", str(tmp_path / "file" / "home"))
    code, out, _ = run(capsys, "doctor")
    assert code == 1
    assert "BROKEN" in out
    assert "RECSYS_HOME" in out


def test_ui_without_mlflow_names_the_extra(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RECSYS_DEBUG", raising=False)
    monkeypatch.setattr("experiments.jobs.find_spec", lambda name: None)
    code, _, err = run(capsys, "ui")
    assert code == 1
    assert 'pip install "recsys[mlflow]"' in err
