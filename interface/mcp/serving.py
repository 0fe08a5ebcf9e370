"""Serves MCP on stdin and stdout, or over HTTP on this machine only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlantis_dml.app.output import say
from atlantis_dml.mcp.server import AtlantisServer
from atlantis_dml.web.guard import LoopbackOnly
from atlantis_dml.web.listening import bind_loopback, run_server

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from atlantis_dml.mcp.desk import McpDesk

MCP_PATH = "/mcp"


def serve_stdio(desk: McpDesk) -> None:
    """Serve one client until it closes stdin; then pause the runs, which can be resumed."""
    try:
        AtlantisServer(desk).run("stdio")
    finally:
        desk.site.steering.shut_down()


def serve_http(desk: McpDesk, port: int) -> None:
    """Serve clients on 127.0.0.1 until Ctrl-C; then pause the runs.

    Raises:
        SetupError: The port cannot be used.
    """
    listening = bind_loopback(port, "--http")
    app = make_http_app(desk)
    listening.listen()
    say(f"workspace {desk.site.workspace.folder}")
    say(f"MCP at http://127.0.0.1:{listening.getsockname()[1]}{MCP_PATH} (Ctrl-C stops it and pauses its runs)")
    try:
        run_server(app, listening)
    finally:
        desk.site.steering.shut_down()


def make_http_app(desk: McpDesk) -> Starlette:
    """Return the app; other host names, and pages of other sites, are refused as by `atlantis serve`."""
    app = AtlantisServer(desk).streamable_http_app(streamable_http_path=MCP_PATH)
    app.add_middleware(LoopbackOnly)
    return app
