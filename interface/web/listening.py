"""Listening for requests on this machine only."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any

from atlantis_core.base.errors import SetupError


def bind_loopback(port: int, option: str) -> socket.socket:
    """Return a socket on 127.0.0.1 that does not listen yet; port 0 picks a free one.

    Raises:
        SetupError: The port cannot be used; the message names the option that chose it.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
    except OSError as error:
        listening.close()
        raise SetupError(f"port {port} cannot be used: {error.strerror}; name another with {option}") from error
    return listening


def run_server(app: Any, listening: socket.socket) -> None:
    """Serve an ASGI app on a socket until Ctrl-C."""
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2))
    # Open pages are cut off by Ctrl-C, which is not an error.
    logging.getLogger("uvicorn.error").addFilter(lambda record: not server.should_exit or _is_bug(record))
    server.run(sockets=[listening])


def _is_bug(record: logging.LogRecord) -> bool:
    return record.exc_info is not None and not isinstance(record.exc_info[1], asyncio.CancelledError)
