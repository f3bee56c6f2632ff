"""Around every request: its id, its limits, its time, one log line, and no exception."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from typing import Any

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.identifiers import uuid7
from serving.problems import TOO_LARGE, problem, retry_after
from serving.telemetry.metrics import Metrics

HEADER = b"x-request-id"
_GOOD_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_UNLIMITED = ("/livez", "/readyz", "/metrics")
_log = logging.getLogger("serving.requests")


class RequestLifecycle:
    """The outermost layer of the application, but for the origins that pages may ask from."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        metrics: Metrics,
        max_in_flight: int,
        max_body_bytes: int,
        timeout_seconds: float,
    ) -> None:
        """Wrap `app`; health and metrics are never refused for load."""
        self._app = app
        self._metrics = metrics
        self._max_in_flight = max_in_flight
        self._max_body = max_body_bytes
        self._timeout = timeout_seconds
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, send)
        self._in_flight += 1
        try:
            if self._in_flight > self._max_in_flight and scope["path"] not in _UNLIMITED:
                self._metrics.refused.labels("in_flight").inc()
                detail = "the service is at work on as many requests as it takes; try again later"
                await exchange.answer(receive, 429, detail, retry_after(1))
            elif exchange.announced > self._max_body:
                await exchange.answer(receive, 413, TOO_LARGE, {"Connection": "close"})
            else:
                await self._guarded(exchange, self._counted(receive))
        finally:
            self._in_flight -= 1
            self._record(exchange)

    async def _guarded(self, exchange: _Exchange, receive: Receive) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                await self._app(exchange.scope, receive, exchange.send)
        except TimeoutError:
            if not exchange.status:
                detail = f"no answer within {self._timeout:g} s; try again, or ask for less"
                await exchange.answer(receive, 504, detail, retry_after(1))
        except Exception as error:
            _log.error(
                "a request failed",
                extra={"fields": {"request_id": exchange.request_id, "route": exchange.route}},
                exc_info=error,
            )
            if not exchange.status:
                detail = "the service failed; it has been logged under the request's id"
                await exchange.answer(receive, 500, detail, {})

    def _counted(self, receive: Receive) -> Receive:
        """Stop reading a body that grows beyond the limit, whatever it announced."""
        total = 0

        async def counted() -> Message:
            nonlocal total
            message = await receive()
            total += len(message.get("body", b""))
            if total > self._max_body:
                raise HTTPException(413)
            return message

        return counted

    def _record(self, exchange: _Exchange) -> None:
        seconds = time.perf_counter() - exchange.began
        route, method = exchange.route, exchange.method
        self._metrics.request(route, method, exchange.status, seconds)
        if _log.isEnabledFor(logging.INFO) and route not in _UNLIMITED:
            fields = {
                "request_id": exchange.request_id,
                "method": method,
                "route": route,
                "status": exchange.status,
                "ms": round(seconds * 1000, 2),
                **exchange.scope["state"].get("log", {}),
            }
            _log.info("request", extra={"fields": fields})


class _Exchange:
    """One request and what is known of its answer."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.began = time.perf_counter()
        self.status = 0
        self._send = send
        given = announced = b""
        for name, value in scope["headers"]:
            if name == HEADER:
                given = value
            elif name == b"content-length":
                announced = value
        self.announced = int(announced) if announced.isdigit() else 0
        self.request_id = given.decode() if _GOOD_ID.fullmatch(given) else uuid7()
        state: dict[str, Any] = scope.setdefault("state", {})
        state["request_id"] = self.request_id
        self.scope = scope

    @property
    def route(self) -> str:
        """The route's template: a raw path may hold ids."""
        return str(getattr(self.scope.get("route"), "path", "unmatched"))

    @property
    def method(self) -> str:
        """The method, if it is one of the usual ones."""
        method = str(self.scope["method"])
        known = ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH")
        return method if method in known else "other"

    async def send(self, message: Message) -> None:
        """Pass a message on; the answer's start gets our headers."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [
                *message.get("headers", ()),
                (HEADER, self.request_id.encode()),
                (b"x-content-type-options", b"nosniff"),
            ]
        await self._send(message)

    async def answer(
        self, receive: Receive, status: int, detail: str, headers: dict[str, str]
    ) -> None:
        """Answer with a problem document."""
        await problem(self.request_id, status, detail, headers=headers)(
            self.scope, receive, self.send
        )
