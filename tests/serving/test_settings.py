"""Settings from the environment and from files that are not what they should be."""

from __future__ import annotations

import pytest

pytest.importorskip("fastapi", reason="the extra serve is not installed")

from serving.settings import read_settings


def test_a_tenants_name_keeps_its_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECSYS_SERVE_MODELS__Shop", "a")
    monkeypatch.setenv("RECSYS_SERVE_MODELS__tea__house", "b")
    assert read_settings(model="m").models == {"Shop": "a", "tea__house": "b"}
    monkeypatch.setenv("RECSYS_SERVE_MODELS", '{"TEA": "c"}')
    assert read_settings(model="m").models == {"Shop": "a", "tea__house": "b", "TEA": "c"}
