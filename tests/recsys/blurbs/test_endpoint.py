from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from recsys.blurbs import BlurbService, FactSheet, UserContext
from recsys.errors import DataError

from .conftest import FITTING, ROLES

pytest.importorskip("httpx")

from recsys.blurbs.writers.endpoint import EndpointWriter, parse_answer

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
    over: threading.Event
    clients: list[EndpointWriter]
    requests: list[tuple[str, dict[str, str], dict[str, Any]]]

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that hangs up is part of the tests


@pytest.fixture
def server() -> Iterator[Server]:
    instance = Server(("127.0.0.1", 0), Handler)
    instance.requests, instance.clients = [], []
    instance.over = threading.Event()
    thread = threading.Thread(target=instance.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield instance
    instance.over.set()
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
    handler.server.over.wait(30)
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
    options = {"timeout_s": 20.0, "retries": 1, "concurrency": 2, **kwargs}
    client = EndpointWriter(f"http://127.0.0.1:{port}/v1/", "m", api_key="secret", **options)
    server.clients.append(client)
    return client


def texts(drafts: list[list[Any]]) -> list[list[str]]:
    return [[d.text for d in many] for many in drafts]


@pytest.mark.parametrize("label", ["insulin pens", "pregnancy tests", "\u907f\u5b55\u5957"])
def test_a_sensitive_label_is_not_sent(server: Server, fitting: FactSheet, label: str) -> None:
    server.script = [says("A steel hose fitting.")]
    writer(server).write([(fitting, UserContext((label,), label, "bought"))], 1)
    sent = json.loads(server.requests[0][2]["messages"][1]["content"])
    assert sorted(sent) == ["facts", "product"]


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
    server.script = [fails(410)]
    assert writer(server).write([(fitting, NOBODY)], 2) == [[]]
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_server_that_lets_nobody_in_ends_the_run_in_its_own_words(
    server: Server, fitting: FactSheet, status: int
) -> None:
    server.script = [lambda h, _: h.send(status, b"no such key")]
    with pytest.raises(DataError, match=f"{status}: no such key; .*RECSYS_LLM_API_KEY"):
        writer(server).write([(fitting, NOBODY)], 2)


def test_addresses_and_keys_that_cannot_be_right_are_refused_at_once() -> None:
    with pytest.raises(DataError, match=r"endpoint is 'api\.example/v1'; give a URL"):
        EndpointWriter("api.example/v1", "m")
    with pytest.raises(DataError, match="characters that no key has") as caught:
        EndpointWriter("http://api.example/v1", "m", api_key="hunter2-\u00e9")
    assert "hunter2" not in str(caught.value)
    spaced = EndpointWriter("http://api.example/v1", "m", api_key="secret\n")
    assert spaced._client.headers["authorization"] == "Bearer secret"


@pytest.mark.parametrize(
    "answer",
    [
        hangs,
        cut_off,
        lambda h, _: h.send(200, b"<html>busy</html>"),
        lambda h, _: h.send(200, b'{"choices": []}'),
        lambda h, _: h.send(200, b'{"choices": [{"message": {"content": null}}]}'),
        lambda h, _: h.send(200, b"x" * 300_000),
        lambda h, _: h.send(200, b"[" * 100_000),
        lambda h, _: h.send(500, b""),
    ],
)
def test_rubbish_gives_no_drafts_and_the_page_stands(
    server: Server, answer: Answer, shopper: UserContext
) -> None:
    server.script = [answer]
    service = BlurbService(ROLES, None, writer(server, timeout_s=0.4))
    start = time.perf_counter()
    assert service.generate([FITTING], [shopper]) == [None]
    assert time.perf_counter() - start < 20  # it hangs for longer
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
    assert blurb.text.endswith("a Dixon stainless steel hose.")
    assert (blurb.tier, blurb.writer) == ("llm", "endpoint:wrote")


def test_the_version_follows_model_and_settings() -> None:
    def version(model: str, **kwargs: Any) -> str:
        client = EndpointWriter("http://127.0.0.1:9", model, **kwargs)
        client.close()
        return client.version

    assert version("a") == version("a", timeout_s=1.0)
    assert len({version("a"), version("b"), version("a", temperature=0.0)}) == 3


def replies(value: Any, **more: Any) -> Answer:
    content = value if isinstance(value, str) else json.dumps(value)
    choice = {"message": {"content": content}, "finish_reason": more.pop("finish", "stop")}
    payload = json.dumps({"choices": [choice], **more}).encode()
    return lambda handler, _: handler.send(200, payload)


def test_a_structured_answer_is_asked_for_and_read(server: Server, fitting: FactSheet) -> None:
    server.script = [replies({"sentences": ["A steel hose fitting.", "A Dixon fitting."]})]
    drafts = writer(server).write([(fitting, NOBODY)], 6)
    assert texts(drafts) == [["A steel hose fitting.", "A Dixon fitting."]]
    body = server.requests[0][2]
    assert body["response_format"]["json_schema"]["schema"]["required"] == ["sentences"]
    assert "JSON" in body["messages"][0]["content"]


def test_a_server_without_schemas_is_asked_for_lines_from_then_on(
    server: Server, fitting: FactSheet
) -> None:
    server.script = [fails(400), says("A steel hose fitting.")]
    client = writer(server, retries=0)
    assert texts(client.write([(fitting, NOBODY)], 2)) == [["A steel hose fitting."]]
    client.write([(fitting, NOBODY)], 2)
    asked = ["response_format" in body for _, _, body in server.requests]
    assert asked == [True, False, False]
    assert "one a line" in server.requests[1][2]["messages"][0]["content"]


@pytest.mark.parametrize(
    ("content", "finish", "kept"),
    [
        ('{"sentences": ["A steel fitting.", "A hose fit', "length", ["A steel fitting."]),
        ("A steel fitting.\nA hose fit", "length", ["A steel fitting."]),
        ('```json\n["A steel fitting."]\n```', "stop", ["A steel fitting."]),
        ('{"sentences": []}', "stop", []),
        ('{"sentences": {"a": [1, null, "A steel fitting."]}}', "stop", ["A steel fitting."]),
    ],
)
def test_what_is_whole_of_a_cut_off_answer_is_kept(
    server: Server, fitting: FactSheet, content: str, finish: str, kept: list[str]
) -> None:
    server.script = [replies(content, finish=finish)]
    assert texts(writer(server).write([(fitting, NOBODY)], 6)) == [kept]


def test_tokens_and_costs_are_accounted_for(server: Server, fitting: FactSheet) -> None:
    usage = {"prompt_tokens": 1000, "completion_tokens": 200, "odd": "x"}
    server.script = [replies("One.", usage=usage), replies("One.", usage="rubbish"), fails(410)]
    client = writer(server, price=(1.0, 10.0), concurrency=1)
    client.write([(fitting, NOBODY)] * 3, 2)
    assert (client.usage.tokens, client.usage.requests, client.usage.failures) == (1200, 3, 1)
    assert client.usage.cost == pytest.approx(0.003)


def test_a_dead_server_is_left_alone_for_a_while(server: Server, fitting: FactSheet) -> None:
    server.script = [fails(500)]
    client = writer(server, retries=0, concurrency=1, max_failures=2, pause_s=60)
    assert client.write([(fitting, NOBODY)] * 5, 2) == [[]] * 5
    assert len(server.requests) == 2
    assert client.usage.failures == 5
    assert 50 < client.pause_left <= 60
    server.script = [says("A steel hose fitting.")]
    client._gate._closed_until = 0.0  # the pause is over
    assert texts(client.write([(fitting, NOBODY)], 2)) == [["A steel hose fitting."]]


@pytest.mark.parametrize("content", ["{}", '{"sentences": []}', "[1, 2]", "{not json"])
def test_answers_without_a_sentence_are_not_paid_for_for_ever(
    server: Server, fitting: FactSheet, content: str
) -> None:
    server.script = [replies(content)]
    client = writer(server, retries=0, concurrency=1, max_failures=3, pause_s=60)
    assert client.write([(fitting, NOBODY)] * 9, 2) == [[]] * 9
    assert (len(server.requests), client.usage.failures) == (3, 9)


def test_one_answer_without_a_sentence_does_not_end_the_run(
    server: Server, fitting: FactSheet
) -> None:
    server.script = [replies("{}"), replies("A fitting."), replies("{}"), replies("A fitting.")]
    client = writer(server, retries=0, concurrency=1, max_failures=2, pause_s=60)
    assert [len(d) for d in client.write([(fitting, NOBODY)] * 5, 2)] == [0, 1, 0, 1, 1]
    assert client.pause_left == 0


def drips(handler: Handler, _: dict[str, Any]) -> None:
    """A byte now and then: never idle, never done."""
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    while not handler.server.over.wait(0.05):
        handler.wfile.write(b" ")
        handler.wfile.flush()


@pytest.mark.parametrize("answer", [hangs, drips, cut_off, fails(503, Retry_After="9")])
def test_a_page_that_waits_for_a_writer_keeps_its_deadline(
    server: Server, answer: Answer, shopper: UserContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recsys.blurbs.service.EXTRACTION_MS", 6_000)  # a machine may be busy
    server.script = [answer]
    service = BlurbService(ROLES, None, writer(server, timeout_s=25.0, retries=2))
    items = [{**FITTING, "item_id": str(i), "title": f"Dixon part {i}"} for i in range(3)]
    BlurbService(ROLES).blurbs(items, [shopper] * 3, 60_000)  # patterns are compiled
    start = time.perf_counter()
    shown = service.blurbs(items, [shopper] * 3, deadline_ms=6_400, generate=True)
    assert time.perf_counter() - start < 8.0  # the writer would take longer
    assert shown[0] is not None
    assert {b.tier for b in shown if b is not None} <= {"extractive", "title"}


def test_an_answer_in_time_is_shown_and_a_late_one_is_kept_for_later(
    server: Server, shopper: UserContext, tmp_path: Any
) -> None:
    line = "A Dixon stainless steel hose fitting."

    def slow(handler: Handler, body: dict[str, Any]) -> None:
        time.sleep(0.5)
        says(line)(handler, body)

    server.script = [slow]
    service = BlurbService(ROLES, tmp_path / "b.sqlite", writer(server))
    first = service.blurbs([FITTING], [shopper], deadline_ms=200, generate=True)[0]
    assert first is None or first.tier != "llm"
    for _ in range(600):
        later = service.blurbs([FITTING], [shopper], deadline_ms=10_000)[0]
        if later is not None and later.tier == "llm":
            break
        time.sleep(0.05)
    assert later is not None
    assert later.text.lower().endswith(line.lower())
    server.script = [says(line)]
    fresh = BlurbService(ROLES, None, writer(server))
    waited = fresh.blurbs([FITTING], [shopper], deadline_ms=20_000, generate=True)[0]
    assert waited is not None
    assert waited.tier == "llm"  # without a store it is kept for this process


def test_escapes_that_json_does_not_know_cost_no_sentence() -> None:
    answer = '{"sentences": ["It\\\'s a clamp of steel.", "A \\"good\\" band.", "Half\\'
    assert parse_answer(answer) == ["It's a clamp of steel.", 'A "good" band.']
