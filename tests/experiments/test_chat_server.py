"""The endpoint writer against a real server that serves a real, if tiny, model."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from recsys.blurbs import BlurbService, UserContext, fact_sheet
from tests.recsys.blurbs.conftest import FITTING, ROLES
from tests.recsys.blurbs.tiny_lm import tiny_lm

httpx = pytest.importorskip("httpx", reason="the extra llm is not installed")
pytest.importorskip("transformers", reason="the extra llm is not installed")

from experiments.benchmarks.chat_server import ChatServer  # noqa: E402
from recsys.blurbs.writers.endpoint import EndpointWriter  # noqa: E402


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatServer]:
    server = ChatServer(tiny_lm(tmp_path_factory.mktemp("served")))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(5)


def test_structured_answers_of_a_real_model_are_read_and_counted(served: ChatServer) -> None:
    writer = EndpointWriter(served.url, "local", temperature=1.0, timeout_s=30)
    sheet = fact_sheet(FITTING, ROLES)
    drafts = writer.write([(sheet, UserContext())] * 2, 3)
    assert all(0 < len(many) <= 3 for many in drafts)
    assert writer.usage.requests == 2
    assert writer.usage.prompt_tokens > 100
    assert writer.usage.completion_tokens > 0
    # Random weights say nothing that is true, so the catalogue speaks.
    service = BlurbService(ROLES, None, writer)
    blurb = service.blurbs([FITTING], [UserContext()], generate=True)[0]
    assert blurb is not None
    assert blurb.tier == "extractive"
    writer.close()


@pytest.mark.parametrize(
    ("path", "content", "status"),
    [
        ("/v1/chat/completions", b"rubbish", 400),
        ("/v1/chat/completions", b'{"messages": []}', 400),
        ("/v1/chat/completions", b'{"messages": [{}], "response_format": {"type": "x"}}', 400),
        ("/v1/models", b"{}", 404),
        ("/v1/chat/completions", b"", 413),
    ],
)
def test_what_cannot_be_answered_is_refused(
    served: ChatServer, path: str, content: bytes, status: int
) -> None:
    base = served.url.removesuffix("/v1")
    assert httpx.post(base + path, content=content, timeout=30).status_code == status


def test_a_plain_question_gets_one_text(served: ChatServer) -> None:
    body = {"messages": [{"role": "user", "content": "hose"}], "max_tokens": 5}
    answer = httpx.post(served.url + "/chat/completions", content=json.dumps(body), timeout=30)
    choice = answer.json()["choices"][0]
    assert isinstance(choice["message"]["content"], str)
    assert answer.json()["usage"]["total_tokens"] > 0


def test_the_model_is_the_callers(tmp_path: Path) -> None:
    from recsys.errors import WeightsError

    with pytest.raises(WeightsError, match="no language model"):
        ChatServer(tmp_path / "none.gguf")
