"""The demo on a tiny shop in the place of the Complete Journey."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from experiments import demo
from tests.e2e.conftest import Made, Run
from tests.experiments.shop import QUICK

SMALL = (
    *QUICK,
    "split.cut=none",
    "split.days=7",
    "text.encoder=hashing",
    "ranker.epochs=2",
    "ranker.window_days=7",
    "ranker.n_windows=1",
    "evaluate.resamples=50",
    "blurbs.writer=extractive",
    "device=cpu",
)


@pytest.fixture
def arguments(
    shop: Path, trained: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    monkeypatch.setenv("RECSYS_HOME", "set back by the test, since the command sets it")
    # Sources that are edited while the tests run would make the second demo train again.
    monkeypatch.setattr(demo, "code_version", lambda: "as it was")
    shutil.copytree(shop, tmp_path / "datasets" / demo.DATASET)
    given = ["demo", "--home", str(tmp_path)]
    given += ["--tracking-uri", trained.uri] if trained.uri else []
    return [*given, *(part for override in SMALL for part in ("--set", override))]


def test_a_demo_shows_everything_and_a_second_one_trains_nothing(
    arguments: list[str], tmp_path: Path, run: Run
) -> None:
    first = run(*arguments)
    assert first.code == 0, first.err
    assert "budget on two cores" in first.err
    for text in ("ALL: everything", "NEW: what", "hybrid minus it", "repeat_purchase"):
        assert text in first.out
    assert first.out.count("New for you") == 3
    assert first.out.count("Buy again") == 3
    assert first.out.count("bought lately") == 3
    assert "extractive" in first.out
    assert "Time by stage" in first.out
    bundle = next(tmp_path.glob("demo/*/bundle"))
    for command in ("recsys recommend", "recsys evaluate", "recsys ui"):
        assert command in first.out
    assert f"bundle: {bundle}" in first.out
    notes = json.loads((bundle.parent / demo.NOTES).read_text())
    manifest = (bundle / "manifest.json").stat().st_mtime_ns

    second = run(*arguments)
    assert second.code == 0, second.err
    assert "found the bundle of an earlier demo" in second.err
    assert (bundle / "manifest.json").stat().st_mtime_ns == manifest
    assert json.loads((bundle.parent / demo.NOTES).read_text()) == notes
    assert "when it was trained" in second.out
    assert second.out.count("New for you") == 3


def test_the_code_decides_whether_a_bundle_is_still_good() -> None:
    version = demo.code_version()
    assert version == demo.code_version()
    assert len(version) == 64
