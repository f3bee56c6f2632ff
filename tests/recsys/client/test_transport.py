from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from recsys.client import calls, errors
from recsys.client.retry import Patience
from recsys.client.transport import AwaitingConnection, BlockingConnection, Call

Answer = httpx.Response | Exception
NO_WAIT = Patience(base_s=0.0)
READ: Call[Any] = Call("POST", "/v1/read", decode=lambda x: x, body={"k": 1})
ONCE: Call[Any] = Call("POST", "/v1/once", decode=lambda x: x, repeatable=False)


class Script:
    """Answers in turn, and what was asked."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def blocking(script: Script, call: Call[Any], **options: Any) -> Any:
    options = {"patience": NO_WAIT, "key": "secret", **options}
    with BlockingConnection(transport=httpx.MockTransport(script), **options) as one:
        return one.send(call)


def awaiting(script: Script, call: Call[Any], **options: Any) -> Any:
    async def ask() -> Any:
        given = {"patience": NO_WAIT, "key": "secret", **options}
        async with AwaitingConnection(transport=httpx.MockTransport(script), **given) as one:
            return await one.send(call)

    return asyncio.run(ask())


Send = Callable[..., Any]
both = pytest.mark.parametrize("send", [blocking, awaiting])


def ok(value: Any) -> httpx.Response:
    return httpx.Response(200, json=value)


def problem(status: int, detail: str, **headers: str) -> httpx.Response:
    body = json.dumps({"title": "no", "detail": detail, "status": status})
    return httpx.Response(
        status, text=body, headers={"content-type": "application/problem+json", **headers}
    )


@both
def test_an_answer_is_decoded(send: Send) -> None:
    script = Script(ok({"a": 1}))
    assert send(script, READ) == {"a": 1}
    [asked] = script.asked
    assert (asked.method, asked.url.path) == ("POST", "/v1/read")
    assert json.loads(asked.content) == {"k": 1}
    assert asked.headers["authorization"] == "Bearer secret"


@both
def test_all_attempts_carry_one_request_id(send: Send) -> None:
    script = Script(httpx.Response(503), httpx.ReadTimeout("slow"), ok(1))
    assert send(script, READ) == 1
    assert len({r.headers["x-request-id"] for r in script.asked}) == 1


@both
def test_a_call_that_must_not_happen_twice_does_not(send: Send) -> None:
    script = Script(httpx.ReadTimeout("slow"), ok(1))
    with pytest.raises(errors.UnavailableError, match="/v1/once"):
        send(script, ONCE)
    assert len(script.asked) == 1


@both
def test_a_call_that_never_left_is_repeated(send: Send) -> None:
    assert send(Script(httpx.ConnectError("refused"), ok(1)), ONCE) == 1


@both
def test_patience_ends(send: Send) -> None:
    script = Script(*[httpx.ConnectError("refused")] * 9)
    with pytest.raises(errors.UnavailableError, match=r"after 4 attempts.*recsys serve"):
        send(script, READ)
    assert len(script.asked) == 4


@both
def test_an_overload_that_lasts_is_unavailable(send: Send) -> None:
    script = Script(problem(429, "too many requests", **{"retry-after": "999"}))
    with pytest.raises(errors.UnavailableError, match="too many requests") as caught:
        send(script, READ)
    assert caught.value.status == 429
    assert len(script.asked) == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ValueError),
        (422, ValueError),
        (401, PermissionError),
        (403, PermissionError),
        (404, LookupError),
        (503, ConnectionError),
        (500, errors.ServiceError),
    ],
)
def test_a_refusal_is_the_exception_of_its_kind(status: int, kind: type[Exception]) -> None:
    answer = problem(status, "k is 0; ask for 1 to 500", **{"x-request-id": "r-1"})
    with pytest.raises(kind, match="k is 0; ask for 1 to 500") as caught:
        blocking(Script(answer), READ, patience=Patience(attempts=1))
    assert isinstance(caught.value, errors.ServiceError)
    assert caught.value.request_id == "r-1"
    assert caught.value.problem["status"] == status


@pytest.mark.parametrize("body", ["<html>", "[]", ""])
def test_a_refusal_without_a_problem_document(body: str) -> None:
    with pytest.raises(errors.ServiceError, match="status 500"):
        blocking(Script(httpx.Response(500, text=body)), READ)


@pytest.mark.parametrize("body", ["{}", "", "[]", '{"items": null}', '{"items": [1]}'])
def test_a_good_answer_of_another_kind_is_not_the_service(body: str) -> None:
    with pytest.raises(errors.ServiceError, match="no answer of the service: is this the"):
        blocking(Script(httpx.Response(200, text=body)), calls.recommend("anna"))


def test_a_good_answer_that_is_no_json_is_not_the_service() -> None:
    with pytest.raises(errors.ServiceError, match="is this the service"):
        blocking(Script(httpx.Response(200, text="<html>")), READ)


def test_no_content_is_none() -> None:
    assert blocking(Script(httpx.Response(204)), READ) is None


def test_redirects_are_not_followed_with_the_key() -> None:
    script = Script(httpx.Response(307, headers={"location": "https://elsewhere.example/"}))
    with pytest.raises(errors.ServiceError):
        blocking(script, READ)
    assert len(script.asked) == 1


@pytest.mark.parametrize("body", [{"k": float("nan")}, {"k": object()}, {"k": "\ud800"}])
def test_what_is_no_json_is_refused_before_it_is_sent(body: Any) -> None:
    script = Script()
    with pytest.raises(ValueError, match="/v1/read"):
        blocking(script, Call("POST", "/v1/read", decode=lambda x: x, body=body))
    assert not script.asked


@pytest.mark.parametrize("url", ["shop.example", "ftp://shop.example", "http://"])
def test_an_odd_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="address of the service"):
        BlockingConnection(url)


def test_a_password_in_the_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(ValueError, match="API key") as caught:
        BlockingConnection("http://me:hunter2@shop.example")
    assert "hunter2" not in str(caught.value)


def test_the_key_is_not_shown() -> None:
    with BlockingConnection("http://shop.example", "secret") as one:
        assert "secret" not in repr(one)


def test_a_key_is_taken_without_the_end_of_its_line_and_an_odd_one_not_repeated() -> None:
    script = Script(ok(1))
    blocking(script, READ, key=" secret\n")
    assert script.asked[0].headers["authorization"] == "Bearer secret"
    for odd in ("hunter\n2", "hunter2-\u00e9"):
        with pytest.raises(ValueError, match="no API key has") as caught:
            BlockingConnection("http://shop.example", odd)
        assert "hunter" not in str(caught.value)


def test_address_and_key_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECSYS_URL", "http://shop.example/")
    monkeypatch.setenv("RECSYS_API_KEY", "from outside")
    script = Script(ok(1))
    blocking(script, READ, key=None)
    [asked] = script.asked
    assert str(asked.url) == "http://shop.example/v1/read"
    assert asked.headers["authorization"] == "Bearer from outside"
