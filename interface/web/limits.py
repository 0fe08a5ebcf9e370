"""Refuses request bodies that are too large, before they fill memory or disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi.responses import JSONResponse

from atlantis_dml.web.uploads import LARGEST_BYTES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

LARGEST_BODY = LARGEST_BYTES + 2**20
"""Bytes: an image and the other fields of its form."""


class BodyLimit:
    """ASGI middleware that answers 413 to requests with a larger body, whether or not a header declares its size.

    A form is read completely before a route sees it, so a limit in the route would come too late.
    """

    def __init__(self, app: Callable[..., Awaitable[None]], limit: int = LARGEST_BODY) -> None:
        self._app, self._limit = app, limit

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > self._limit:
            await _refusal(self._limit)(scope, receive, send)
            return
        body = _CountedBody(receive, send, self._limit)
        try:
            await self._app(scope, body.receive, body.send)
        except _TooLarge:
            await body.refuse()


class _TooLarge(Exception):  # noqa: N818 (never leaves this module)
    """The body is longer than the limit."""


class _CountedBody:
    """The two channels of a request; counts the bytes received and refuses too many."""

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
        if self._left < 0:  # the form parser would report any error as a damaged form
            await self.refuse()
            return
        self._answered = True
        await self._send(message)

    async def refuse(self) -> None:
        if not self._answered:
            self._answered = True
            await _refusal(self._limit)({"type": "http"}, self._receive, self._send)


def _refusal(limit: int) -> JSONResponse:
    return JSONResponse({"error": f"the request is larger than {limit // 2**20} MB; send a smaller image"}, 413)
