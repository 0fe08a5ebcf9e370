"""Who may ask: pages of this server, on this machine. Other sites open in the same browser may not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

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


class LoopbackOnly:
    """ASGI middleware: refuses names that are not this machine's, and requests that other sites send.

    A page of another site can make a browser ask 127.0.0.1 under a name of its own (DNS rebinding), or post a form
    there; neither carries both a `Host` of this machine and an `Origin` that is that host.

    Args:
        app: What answers the others.
        hosts: Names under which this server may be asked.
    """

    def __init__(self, app: Callable[..., Awaitable[None]], hosts: frozenset[str] = LOOPBACK) -> None:
        self._app, self._hosts = app, hosts

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        host, origin = headers.get(b"host", ""), headers.get(b"origin", "")
        if _name(host) not in self._hosts or (origin and _place(origin) != host):
            await _refuse(scope, send)
            return

        async def send_guarded(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_HEADERS]
            await send(message)

        await self._app(scope, receive, send_guarded)


def _place(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return "(unreadable)"


def _name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


async def _refuse(scope: dict[str, Any], send: Any) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    body = b'{"error": "this server answers pages of its own, on this machine only"}'
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})
