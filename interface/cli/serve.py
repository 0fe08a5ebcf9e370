"""`atlantis serve`: chat, runs, gallery, traces and image search in a browser, on this machine only."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from atlantis_dml.app.output import announce, say
from atlantis_dml.app.request import RunOptions, build_request
from atlantis_dml.cli import options
from atlantis_dml.cli.command import command

if TYPE_CHECKING:
    from atlantis_dml.web.site import Site

BUNDLED_DATA = ("harbor", "harbor-tiny")
"""What conversations are about if no DATA is named."""


@command(
    "planner fallback base_url price vision generator captioner backbone weights preset seeds max_seeds regime masks "
    "pool answers questions remedies"
)
def serve(
    *,
    data: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[DATA...]", help="Folders to talk about; default: the bundled collections.", show_default=False
        ),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 picks a free port.")] = 7860,
    given: RunOptions,
    workspace: options.WorkspaceFolder = None,
) -> None:
    """Open the web app on this machine.

    Chat, approve, watch rounds, judge images, read traces and search. It listens on 127.0.0.1 only, and contacts
    nothing but the chat model, the model hub and the Chroma server that you name.

    Example: atlantis serve photos/
    """
    from atlantis_dml.app.setup import check_data, open_workspace

    template, folders = build_request("", given, workspace), tuple(data or BUNDLED_DATA)
    for name in folders:
        check_data(name)
    announce("starting the web app")
    from atlantis_dml.app.run_settings import check_spec, pin_base_url
    from atlantis_dml.web.site import Site

    store = open_workspace(workspace)
    check_spec(template.spec)
    _serve(Site(store, replace(template, spec=pin_base_url(template.spec)), folders), port)


def _serve(site: Site, port: int) -> None:
    """Serve until Ctrl-C, which pauses the runs; they can be resumed."""
    from atlantis_core.base.errors import SetupError

    try:
        import gradio  # noqa: F401 (checked before a port is opened)
    except ModuleNotFoundError as error:
        raise SetupError(f"the web app needs {error.name}: pip install 'atlantis-dml[web]'") from error
    from atlantis_dml.web.app import make_app
    from atlantis_dml.web.listening import bind_loopback, run_server

    listening = bind_loopback(port, "--port")
    app = make_app(site)
    site.conversations.get_or_create()  # loads what answers need, so that the first page is fast
    listening.listen()  # from here on a browser waits instead of being refused
    say(f"workspace {site.workspace.folder}")
    say(f"open http://127.0.0.1:{listening.getsockname()[1]}/ (Ctrl-C stops it and pauses its runs)")
    try:
        run_server(app, listening)
    finally:
        site.steering.shut_down()
