"""`atlantis mcp`: lets an agent of another program diagnose, run, read traces and search, by MCP."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Annotated

import typer

from atlantis_core.base.errors import SetupError
from atlantis_dml.app.output import say
from atlantis_dml.app.request import RunOptions, build_request
from atlantis_dml.cli import options
from atlantis_dml.cli.command import command
from atlantis_dml.cli.serve import BUNDLED_DATA

_LAST_PORT = 65_535


@command(
    "planner fallback base_url price budget_images budget_usd rounds vision generator captioner backbone weights "
    "preset seeds max_seeds regime masks pool answers questions remedies",
    budget_images=typer.Option(help="A run of an agent may generate at most this many images."),
    budget_usd=typer.Option(help="A run of an agent may spend at most this many dollars; needs --price."),
    rounds=typer.Option(help="A run of an agent may have at most this many rounds."),
)
def mcp(
    *,
    data: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[DATA...]",
            help="Folders that agents may use; default: the bundled collections.",
            show_default=False,
        ),
    ] = None,
    http: Annotated[
        str | None,
        typer.Option(metavar="PORT", help="Serve HTTP on 127.0.0.1, not stdin and stdout; 0 picks a port."),
    ] = None,
    given: RunOptions,
    workspace: options.WorkspaceFolder = None,
) -> None:
    """Serve the tools of ATLANTIS to an agent, by MCP.

    The agent can diagnose DATA, start runs, read traces and search; every protocol waits for a person's approval. An
    MCP client starts this command and talks to it on stdin and stdout.

    Example: atlantis mcp photos/ --budget-images 400
    """
    from atlantis_dml.app.run_settings import check_spec, pin_base_url
    from atlantis_dml.app.setup import check_data, open_workspace

    port, folders = None if http is None else _parse_port(http), tuple(data or BUNDLED_DATA)
    for name in folders:
        check_data(name)
    template = build_request("", given, workspace)
    check_spec(template.spec)
    try:
        from atlantis_dml.mcp.desk import McpDesk
        from atlantis_dml.mcp.serving import serve_http, serve_stdio
    except ModuleNotFoundError as error:
        raise SetupError(f"MCP needs {error.name}: pip install 'atlantis-dml[mcp]'") from error
    from atlantis_dml.web.site import Site

    site = Site(open_workspace(workspace), replace(template, spec=pin_base_url(template.spec)), folders)
    desk = McpDesk(site, given, workspace, folders)
    if port is not None:
        serve_http(desk, port)
    else:
        if sys.stdin.isatty():
            say("waiting for an MCP client on stdin; docs/mcp.md shows how a client starts this (Ctrl-D ends)")
        serve_stdio(desk)


def _parse_port(text: str) -> int:
    """Return the port of `--http`; another host than this machine cannot be named."""
    if not text.isdecimal() or int(text) > _LAST_PORT:
        raise SetupError(f"--http {text!r} is not a port; HTTP is served on 127.0.0.1 only, so write --http 7870")
    return int(text)
