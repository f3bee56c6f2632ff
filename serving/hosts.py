"""Which hosts a request may name where no keys are asked for."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from serving.problems import problem, shown
from serving.settings import is_loopback


class LoopbackHosts:
    """Refuses requests for another host than this machine.

    A page of any site can have its name resolved to 127.0.0.1 and then read what is served there
    without keys; its requests still name the site.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        host = _host(scope) if scope["type"] == "http" else ""
        if not host or is_loopback(host):
            await self._app(scope, receive, send)
            return
        detail = (
            f"the header Host names {shown(host)}, and without keys only this machine is answered; "
            "ask for 127.0.0.1 or localhost, or leave authentication on"
        )
        response = problem(scope["state"]["request_id"], 403, detail)
        await response(scope, receive, send)


def _host(scope: Scope) -> str:
    """Return the host that a request names, without its port; "" for none.

    >>> [_host({"headers": [(b"host", h)]}) for h in (b"localhost:80", b"[::1]:80", b"a.b")]
    ['localhost', '::1', 'a.b']
    """
    for name, value in scope["headers"]:
        if name == b"host":
            text = str(value.decode("latin-1")).lower()
            return text[1:].partition("]")[0] if text[:1] == "[" else text.partition(":")[0]
    return ""
