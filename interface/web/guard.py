"""Lets only this server's own pages on this machine send requests, not other sites open in the browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"SAMEORIGIN"),
    (
        b"content-security-policy",
        b"img-src 'self' data: blob:; form-action 'self'; object-src 'none'; base-uri 'self'",
    ),
)
_REFUSAL = JSONResponse({"error": "this server accepts requests only from its own pages on this machine"}, 403)


class LoopbackOnly:
    """ASGI middleware that refuses other host names and requests sent by other sites.

    A page of another site can make a browser send requests to 127.0.0.1 under another host name (DNS rebinding), or
    post a form there. Neither has both a `Host` of this machine and an `Origin` equal to that host.
    """

    def __init__(self, app: Callable[..., Awaitable[None]], hosts: frozenset[str] = LOOPBACK) -> None:
        self._app, self._hosts = app, hosts

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Handle one request."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        host, origin = headers.get(b"host", ""), headers.get(b"origin", "")
        try:
            is_here = urlsplit(f"//{host}").hostname in self._hosts
            is_own = is_here and (not origin or urlsplit(origin).netloc == host)
        except ValueError:
            is_own = False  # unreadable
        if not is_own:
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            else:
                await _REFUSAL(scope, receive, send)
            return

        async def send_guarded(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_HEADERS]
            await send(message)

        await self._app(scope, receive, send_guarded)
