"""The Dockerfile keeps the rules of hadolint and of this project that matter to a service."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Step:
    """One instruction, its lines joined."""

    name: str
    value: str

    def words(self) -> list[str]:
        """The value of the exec form."""
        return [str(word) for word in json.loads(self.value)]


def parse(text: str) -> list[Step]:
    """Split into instructions: comments go, continued lines are joined."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    steps = [line.split(None, 1) for line in joined.splitlines() if line.strip()]
    return [Step(name.upper(), value.strip()) for name, value in steps]


def faults(text: str) -> list[str]:
    """Name what is wrong with a Dockerfile, by hadolint's numbers where it has one."""
    steps = parse(text)
    starts = [i for i, step in enumerate(steps) if step.name == "FROM"]
    last = steps[starts[-1] :]
    found = []
    for step in steps:
        if step.name == "FROM" and not re.match(r"\S+:(?!latest\b)[\w.-]+( AS \w+)?$", step.value):
            found.append(f"DL3006/DL3007: pin a tag: {step.value}")
        if step.name == "ADD":
            found.append("DL3020: use COPY")
        if step.name == "MAINTAINER":
            found.append("DL4000: MAINTAINER is deprecated")
        if step.name == "WORKDIR" and not step.value.startswith("/"):
            found.append(f"DL3000: WORKDIR must be absolute: {step.value}")
        if step.name in ("CMD", "ENTRYPOINT") and not step.value.startswith("["):
            found.append(f"DL3025: exec form, or signals do not arrive: {step.name}")
        if step.name == "RUN" and re.search(r"\b(sudo|ssh|curl|wget)\b|\bcd ", step.value):
            found.append(f"DL3003/DL3004: {step.value}")
        if step.name == "RUN" and "apt-get" in step.value and "rm -rf /var/lib" not in step.value:
            found.append("DL3009: delete the apt lists")
        if step.name == "RUN" and "pip install" in step.value and "constraint" not in step.value:
            found.append("DL3013: pin versions")
        if step.name in ("ARG", "ENV") and re.search(r"(?i)key|secret|password|token", step.value):
            found.append(f"a secret in the image: {step.value}")
        if step.name == "COPY" and step.value.startswith(". "):
            found.append("copies the whole folder")
    if len(starts) < 2:
        found.append("one stage: build tools travel with the service")
    if not any(s.name == "HEALTHCHECK" and "CMD" in s.value for s in last):
        found.append("no health check")
    users = [s.value for s in last if s.name == "USER"]
    if not users or not re.fullmatch(r"[1-9]\d*", users[-1]):
        found.append("DL3002: the last user must be a number that is not root's")
    if sum(s.name == "CMD" for s in last) != 1 or sum(s.name == "ENTRYPOINT" for s in last) != 1:
        found.append("DL4003: exactly one CMD and one ENTRYPOINT")
    return found


@pytest.fixture(scope="module")
def text() -> str:
    return (ROOT / "Dockerfile").read_text()


def test_the_dockerfile_is_clean(text: str) -> None:
    assert faults(text) == []


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ("USER 10001", "USER root", "DL3002"),
        ("USER 10001", "", "DL3002"),
        ("python:3.11-slim-bookworm AS service", "python:latest", "DL3007"),
        ("python:3.11-slim-bookworm AS service", "python", "DL3006"),
        ("COPY recsys recsys", "COPY . .", "whole folder"),
        ("COPY recsys recsys", "ADD recsys recsys", "DL3020"),
        ('ENTRYPOINT ["recsys", "serve"]', "ENTRYPOINT recsys serve", "DL3025"),
        ("HEALTHCHECK", "LABEL x=", "no health check"),
        ("--constraint constraints.txt", "", "DL3013"),
        ("WORKDIR /src", "WORKDIR src", "DL3000"),
        ('ARG EXTRAS="serve,text"', "ARG API_KEY", "secret"),
        ("WORKDIR /src", "RUN apt-get install -y gcc", "DL3009"),
        ("AS service", "AS service\nCMD []", "DL4003"),
    ],
)
def test_the_checks_find_what_they_look_for(text: str, before: str, after: str, fault: str) -> None:
    assert before in text
    assert any(fault in line for line in faults(text.replace(before, after)))


def test_what_is_copied_exists_and_is_not_ignored(text: str) -> None:
    allowed = [
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    ]
    for step in parse(text):
        if step.name == "COPY" and "--from" not in step.value:
            *sources, _ = step.value.split()
            for source in sources:
                assert (ROOT / source).exists()
                assert any(fnmatch(source, pattern) for pattern in allowed)


def environment(text: str) -> dict[str, str]:
    """What the service's stage sets."""
    last = [s.value for s in parse(text) if s.name == "ENV"][-1]
    return dict(word.split("=", 1) for word in last.split())


def test_the_command_is_one_that_the_command_line_has(text: str) -> None:
    from typer.main import get_command

    from recsys.cli import app

    steps = {s.name: s for s in parse(text)}
    program, *before = steps["ENTRYPOINT"].words()
    assert program == "recsys"
    name, *arguments = [*before, *steps["CMD"].words()]
    command = get_command(app).commands[name]  # type: ignore[attr-defined]
    given = command.make_context(name, list(arguments), resilient_parsing=False).params
    assert (given["host"], given["port"], given["store"]) == (None, None, None)


def test_a_container_is_configured_by_its_environment(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("fastapi", reason="the extra serve is not installed")
    from serving.settings import PREFIX, read_settings

    for name, value in environment(text).items():
        if name.startswith(PREFIX):
            monkeypatch.setenv(name, value)
    found = read_settings(model="/bundle")
    assert (found.host, found.port) == ("0.0.0.0", 8080)
    assert found.store.startswith("sqlite:////state/")
    monkeypatch.setenv("RECSYS_SERVE_STORE", "postgresql://db/shop")
    assert read_settings(model="/bundle").store == "postgresql://db/shop"


def test_the_health_check_asks_the_port_that_is_served(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = {s.name: s for s in parse(text)}
    assert steps["EXPOSE"].value == environment(text)["RECSYS_SERVE_PORT"]
    asked: list[str] = []
    monkeypatch.setattr("urllib.request.urlopen", lambda url, timeout: asked.append(url))
    monkeypatch.setenv("RECSYS_SERVE_PORT", "9090")
    program, flag, script = json.loads(steps["HEALTHCHECK"].value.split("CMD", 1)[1])
    assert (program, flag) == ("python", "-c")
    exec(script, {})
    assert asked == ["http://127.0.0.1:9090/livez"]
