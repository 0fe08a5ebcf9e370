"""How much a request may bring: what is too large is refused before it fills memory or disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from atlantis_dml.web.uploads import LARGEST_BYTES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

LARGEST_BODY = LARGEST_BYTES + 2**20
"""Bytes of a request: a picture and the fields of its form."""


class BodyLimit:
    """ASGI middleware: answers 413 to requests with more than so many bytes, told or not.

    A form is kept whole before a route sees it, so the route's own limit would come too late.

    Args:
        app: What answers the others.
        limit: Bytes of a body.
    """

    def __init__(self, app: Callable[..., Awaitable[None]], limit: int = LARGEST_BODY) -> None:
        self._app, self._limit = app, limit

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        told = dict(scope["headers"]).get(b"content-length", b"0")
        if told.isdigit() and int(told) > self._limit:
            await _refuse(send, self._limit)
            return
        body = _Counted(receive, send, self._limit)
        try:
            await self._app(scope, body.receive, body.send)
        except _TooLarge:
            await body.refuse()


class _TooLarge(Exception):  # noqa: N818 (never seen outside)
    """More came than was told."""


class _Counted:
    """A request's two channels, counting what comes in."""

    def __init__(self, receive: Any, send: Any, limit: int) -> None:
        self._receive, self._send, self._limit, self._left = receive, send, limit, limit
        self._answered = False

    async def receive(self) -> Any:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise _TooLarge
        return message

    async def send(self, message: Any) -> None:
        if self._left < 0:  # what reads forms takes any error for a damaged form
            await self.refuse()
            return
        self._answered = True
        await self._send(message)

    async def refuse(self) -> None:
        if not self._answered:
            self._answered = True
            await _refuse(self._send, self._limit)


async def _refuse(send: Any, limit: int) -> None:
    body = b'{"error": "the request is larger than %d MB; send a smaller picture"}' % (limit // 2**20)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})
