from __future__ import annotations

from pathlib import Path

import pytest

from experiments.load.kill_rounds import measure
from experiments.load.options import Options


@pytest.mark.slow
def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    report = measure(Options(tmp_path), rounds=2)
    values = {figure.what: figure.value for figure in report.figures}
    assert values["events acknowledged"] > 0
    assert report.missed == []
