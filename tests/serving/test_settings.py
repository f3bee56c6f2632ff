"""Settings from the environment and from files that are not what they should be."""

from __future__ import annotations

from pathlib import Path

import pytest

from recsys.errors import DataError

pytest.importorskip("fastapi", reason="the extra serve is not installed")

from serving.settings import read_settings


def test_a_tenants_name_keeps_its_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECSYS_SERVE_MODELS__Shop", "a")
    monkeypatch.setenv("RECSYS_SERVE_MODELS__tea__house", "b")
    assert read_settings(model="m").models == {"Shop": "a", "tea__house": "b"}
    monkeypatch.setenv("RECSYS_SERVE_MODELS", '{"TEA": "c"}')
    assert read_settings(model="m").models == {"Shop": "a", "tea__house": "b", "TEA": "c"}


@pytest.mark.parametrize(
    ("name", "value", "form"),
    [
        ("CORS_ORIGINS", "https://shop.example", r"a list such as '\[\"https://shop.example\"\]'$"),
        ("cors_origins", "", "a list such as"),
        ("MODELS", "bundles/shop", "an object such as"),
    ],
)
def test_a_list_or_object_that_is_no_json_is_told_with_its_form(
    name: str, value: str, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"RECSYS_SERVE_{name}", value)
    told = rf"^RECSYS_SERVE_{name.upper()} \(environment\): not JSON; give {form}"
    with pytest.raises(DataError, match=told):
        read_settings(model="m")


def test_a_file_in_another_encoding_is_told(tmp_path: Path) -> None:
    file = tmp_path / "serve.toml"
    file.write_bytes('model = "café"\n'.encode("latin-1"))
    with pytest.raises(DataError, match=r"serve\.toml: not TOML: .*; save it in UTF-8"):
        read_settings(file)
