"""Sends calls over httpx, blocking or awaiting, with one policy for both."""

from __future__ import annotations

import asyncio
import json
import os
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Generic, Self, TypeVar
from urllib.parse import urlsplit

from recsys.client.errors import ServiceError, UnavailableError, problem_error
from recsys.client.retry import Patience, Retries
from recsys.errors import MissingExtraError

try:
    import httpx
except ImportError as error:
    raise MissingExtraError("client", "the HTTP client") from error

T = TypeVar("T")

URL_VARIABLE = "RECSYS_URL"
KEY_VARIABLE = "RECSYS_API_KEY"
DEFAULT_URL = "http://127.0.0.1:8080"
TIMEOUT_S = 10.0
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One call of the service, before it is sent.

    Attributes:
        method: of HTTP.
        path: from the root; nothing of a user goes into it.
        decode: turns the JSON of a good answer into what the caller gets.
        body: sent as JSON; None sends nothing.
        repeatable: making the call twice does what making it once does.
    """

    method: str
    path: str
    decode: Callable[[Any], T]
    body: Any = None
    repeatable: bool = True

    def content(self) -> bytes | None:
        """Return the body as JSON.

        Raises:
            ValueError: a value is no JSON (NaN, say, or an object of another kind).
        """
        if self.body is None:
            return None
        try:
            text = json.dumps(self.body, ensure_ascii=False, allow_nan=False, default=_plain)
            return text.encode()
        except (TypeError, ValueError) as error:  # lone surrogates are a ValueError too
            raise ValueError(f"{self.method} {self.path}: the request is not JSON: {error}") from (
                error
            )


class _Connection:
    """What both clients share: address, key, patience."""

    def __init__(self, url: str | None, key: str | None, patience: Patience | None) -> None:
        self.url = _checked_url(url or os.environ.get(URL_VARIABLE) or DEFAULT_URL)
        self.patience = patience or Patience()
        self._key = _checked_key(key or os.environ.get(KEY_VARIABLE) or "")

    def __repr__(self) -> str:  # the key stays out of logs
        return f"{type(self).__name__}({self.url!r})"

    def _headers(self) -> dict[str, str]:
        headers = {"Accept": "application/json, application/problem+json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        return headers

    def _retries(self, call: Call[Any]) -> Retries:
        return Retries(self.patience, call.repeatable)

    def _lost(self, error: httpx.TransportError, call: Call[Any], tries: Retries) -> float:
        """Return how long to wait after a lost connection, or raise."""
        wait = tries.after_loss(sent=not isinstance(error, _NEVER_SENT))
        if wait is None:
            raise UnavailableError(
                f"{call.method} {call.path}: no answer from {self.url} after "
                f"{tries.made or 1} attempts ({type(error).__name__}: {error}); "
                f"is `recsys serve` running there?"
            ) from error
        return wait

    def _answer(self, response: httpx.Response, call: Call[T], tries: Retries) -> T | _Wait:
        """Return what the call asked for, how long to wait, or raise."""
        if response.is_success:
            found = _json(response)
            try:
                return call.decode(found)
            except (KeyError, TypeError, AttributeError, ValueError) as error:
                raise _stranger(response, "no answer of the service") from error
        wait = tries.after_status(response.status_code, response.headers)
        if wait is not None:
            return _Wait(wait)
        raise _refusal(response)


@dataclass(frozen=True, slots=True)
class _Wait:
    seconds: float


class BlockingConnection(_Connection):
    """A pool of connections for threads.

    Args:
        url: of the service, by default `RECSYS_URL`, else http://127.0.0.1:8080.
        key: API key, by default `RECSYS_API_KEY`; sent as a bearer token.
        timeout_s: for connecting, and for each pause between bytes, of one attempt.
        patience: how long and how often to try again.
        transport: of httpx, for tests and proxies.

    Raises:
        ValueError: the address is no http or https URL, or the key cannot be one.
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        timeout_s: float = TIMEOUT_S,
        patience: Patience | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        super().__init__(url, key, patience)
        self._http = httpx.Client(
            base_url=self.url, headers=self._headers(), timeout=timeout_s, transport=transport
        )

    def send(self, call: Call[T]) -> T:
        """Make a call, again where that is harmless and helps.

        Raises:
            ServiceError: see `recsys.client.errors`.
            ValueError: the request is no JSON.
        """
        content, headers, tries = call.content(), _call_headers(call), self._retries(call)
        while True:
            try:
                response = self._http.request(
                    call.method, call.path, content=content, headers=headers
                )
            except httpx.TransportError as error:
                time.sleep(self._lost(error, call, tries))
                continue
            found = self._answer(response, call, tries)
            if not isinstance(found, _Wait):
                return found
            time.sleep(found.seconds)

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class AwaitingConnection(_Connection):
    """A pool of connections for one event loop; see `BlockingConnection`."""

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        timeout_s: float = TIMEOUT_S,
        patience: Patience | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        super().__init__(url, key, patience)
        self._http = httpx.AsyncClient(
            base_url=self.url, headers=self._headers(), timeout=timeout_s, transport=transport
        )

    async def send(self, call: Call[T]) -> T:
        """Make a call, again where that is harmless and helps; raises as `Client` does."""
        content, headers, tries = call.content(), _call_headers(call), self._retries(call)
        while True:
            try:
                response = await self._http.request(
                    call.method, call.path, content=content, headers=headers
                )
            except httpx.TransportError as error:
                await asyncio.sleep(self._lost(error, call, tries))
                continue
            found = self._answer(response, call, tries)
            if not isinstance(found, _Wait):
                return found
            await asyncio.sleep(found.seconds)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()


def _plain(value: object) -> Any:
    """Turn what a filter may hold in Python into JSON."""
    if isinstance(value, date):  # a datetime is one, too
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _call_headers(call: Call[Any]) -> dict[str, str]:
    """Name the call: all its attempts carry one id."""
    headers = {"X-Request-ID": uuid.uuid4().hex}
    if call.body is not None:
        headers["Content-Type"] = "application/json"
    return headers


def _checked_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"url is {url!r}; give the address of the service: {DEFAULT_URL}")
    if parts.username or parts.password:
        raise ValueError("url holds a password; give the API key as `key`")
    return url.rstrip("/")


def _checked_key(key: str) -> str:
    """Take a key without the white space around it: a file's last line ends in some."""
    key = key.strip()
    if not (key.isascii() and key.isprintable()):
        raise ValueError("key holds characters that no API key has; give it as it was made")
    return key


def _json(response: httpx.Response) -> Any:
    if not response.content:
        return None
    try:
        return response.json()
    except ValueError as error:
        raise _stranger(response, "not JSON") from error


def _stranger(response: httpx.Response, what: str) -> ServiceError:
    return ServiceError(
        f"the answer of {response.request.url} is {what}: is this the service?",
        status=response.status_code,
        request_id=_request_id(response),
    )


def _refusal(response: httpx.Response) -> ServiceError:
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    if not isinstance(problem, dict):
        problem = {}
    problem.setdefault("title", response.reason_phrase)
    return problem_error(response.status_code, problem, _request_id(response))


def _request_id(response: httpx.Response) -> str:
    return str(response.headers.get("x-request-id", ""))
