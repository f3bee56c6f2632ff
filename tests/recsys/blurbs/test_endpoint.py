from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from recsys.blurbs import BlurbService, FactSheet, UserContext

from .conftest import FITTING, ROLES

pytest.importorskip("httpx")

from recsys.blurbs.writers.endpoint import EndpointWriter

NOBODY = UserContext()
Answer = Callable[["Handler", dict[str, Any]], None]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append((self.path, dict(self.headers), body))
        turn = min(len(self.server.requests), len(self.server.script)) - 1
        self.server.script[turn](self, body)

    def send(self, status: int, payload: bytes, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(payload)))
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    script: list[Answer]
    clients: list[EndpointWriter]
    requests: list[tuple[str, dict[str, str], dict[str, Any]]]

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that hangs up is part of the tests


@pytest.fixture
def server() -> Iterator[Server]:
    instance = Server(("127.0.0.1", 0), Handler)
    instance.requests, instance.clients = [], []
    thread = threading.Thread(target=instance.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield instance
    for client in instance.clients:
        client.close()
    instance.shutdown()
    instance.server_close()
    thread.join(5)


def says(text: str) -> Answer:
    payload = json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}]})
    return lambda handler, _: handler.send(200, payload.encode())


def fails(status: int, **headers: str) -> Answer:
    return lambda handler, _: handler.send(status, b"{}", **headers)


def hangs(handler: Handler, _: dict[str, Any]) -> None:
    time.sleep(1.0)
    handler.close_connection = True


def cut_off(handler: Handler, _: dict[str, Any]) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [{"mess')
    handler.wfile.flush()
    handler.connection.close()


def writer(server: Server, **kwargs: Any) -> EndpointWriter:
    port = server.server_address[1]
    options = {"timeout_s": 0.4, "retries": 1, "concurrency": 2, **kwargs}
    client = EndpointWriter(f"http://127.0.0.1:{port}/v1/", "m", api_key="secret", **options)
    server.clients.append(client)
    return client


def texts(drafts: list[list[Any]]) -> list[list[str]]:
    return [[d.text for d in many] for many in drafts]


def test_lines_become_drafts(server: Server, fitting: FactSheet, shopper: UserContext) -> None:
    server.script = [says('1. "A steel hose fitting."\n2. A Dixon fitting.\n3. One more.')]
    drafts = writer(server).write([(fitting, shopper)], 2)
    assert texts(drafts) == [["A steel hose fitting.", "A Dixon fitting."]]
    assert drafts[0][0].how == "wrote"
    path, headers, body = server.requests[0]
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == "Bearer secret"
    assert body["model"] == "m"
    data = json.loads(body["messages"][1]["content"])
    assert data["interest"] == ["hose clamps"]
    assert "PTFE tape" not in json.dumps(body)
    assert "f1" not in json.dumps(body)


def test_a_busy_server_is_asked_again(server: Server, fitting: FactSheet) -> None:
    server.script = [fails(429, Retry_After="0"), says("A steel hose fitting.")]
    with_wait = writer(server, retries=2)
    server.script = [fails(503), says("A steel hose fitting.")]
    assert texts(with_wait.write([(fitting, NOBODY)], 2)) == [["A steel hose fitting."]]
    assert len(server.requests) == 2


def test_a_refusal_is_final(server: Server, fitting: FactSheet) -> None:
    server.script = [fails(401)]
    assert writer(server).write([(fitting, NOBODY)], 2) == [[]]
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        hangs,
        cut_off,
        lambda h, _: h.send(200, b"<html>busy</html>"),
        lambda h, _: h.send(200, b'{"choices": []}'),
        lambda h, _: h.send(200, b'{"choices": [{"message": {"content": null}}]}'),
        lambda h, _: h.send(200, b"x" * 300_000),
        lambda h, _: h.send(500, b""),
    ],
)
def test_rubbish_gives_no_drafts_and_the_page_stands(
    server: Server, answer: Answer, shopper: UserContext
) -> None:
    server.script = [answer]
    service = BlurbService(ROLES, None, writer(server))
    start = time.perf_counter()
    assert service.generate([FITTING], [shopper]) == [None]
    assert time.perf_counter() - start < 5
    shown = service.blurbs([FITTING], [shopper], deadline_ms=10_000)[0]
    assert shown is not None
    assert shown.tier == "extractive"


def test_nobody_listens(fitting: FactSheet) -> None:
    down = EndpointWriter("http://127.0.0.1:9/v1", "m", timeout_s=0.2, retries=0)
    assert down.write([(fitting, NOBODY)], 2) == [[]]
    down.close()


def test_one_failure_does_not_cost_the_others(server: Server, fitting: FactSheet) -> None:
    def by_product(handler: Handler, body: dict[str, Any]) -> None:
        name = json.loads(body["messages"][1]["content"])["product"]
        (fails(400) if name == "Bad" else says(f"{name} text."))(handler, body)

    server.script = [by_product]
    sheets = [FactSheet(n, n, ()) for n in ("One", "Bad", "Two")]
    drafts = writer(server).write([(s, NOBODY) for s in sheets], 2)
    assert texts(drafts) == [["One text."], [], ["Two text."]]


def test_what_an_endpoint_invents_is_not_shown(server: Server, shopper: UserContext) -> None:
    server.script = [says("A waterproof fitting at the best price.\nA Dixon stainless steel hose.")]
    blurb = BlurbService(ROLES, None, writer(server)).generate([FITTING], [shopper])[0]
    assert blurb is not None
    assert blurb.text.endswith("A Dixon stainless steel hose.")
    assert (blurb.tier, blurb.writer) == ("llm", "endpoint:wrote")


def test_the_version_follows_model_and_settings() -> None:
    def version(model: str, **kwargs: Any) -> str:
        client = EndpointWriter("http://127.0.0.1:9", model, **kwargs)
        client.close()
        return client.version

    assert version("a") == version("a", timeout_s=1.0)
    assert len({version("a"), version("b"), version("a", temperature=0.0)}) == 3
