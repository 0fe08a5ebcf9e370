"""`atlantis serve`: chat, runs, gallery, traces and image search in a browser, on this machine only."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Annotated

import typer

from atlantis_dml.app.output import report_errors, say
from atlantis_dml.app.setup import parse_regime
from atlantis_dml.cli import options, run_options

if TYPE_CHECKING:
    from atlantis_core.records import RunSpec
    from atlantis_core.store.workspace import Workspace
    from atlantis_dml.web.site import Site

BUNDLED_DATA = ("harbor", "harbor-tiny")
"""What conversations can be about where no DATA is named."""


def serve(
    data: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[DATA...]",
            help="Folders that conversations may be about; else the bundled ones.",
            show_default=False,
        ),
    ] = None,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = 7860,
    planner: run_options.PlannerName = "rules",
    fallback: run_options.Fallback = None,
    base_url: run_options.BaseUrl = None,
    price: run_options.PriceText = None,
    generator: run_options.GeneratorName = "photometric",
    captioner: options.CaptionerName = "attributes",
    backbone: options.Backbone = None,
    weights: options.Weights = None,
    preset: options.Preset = "auto",
    seeds: run_options.Seeds = 2,
    regime: options.RegimeName = "seen",
    workspace: options.WorkspaceFolder = None,
) -> None:
    """Open the web app on this machine: chat, approve, watch rounds, judge images, read traces, search.

    It listens on 127.0.0.1 alone and asks nothing of other machines, but of the chat model you name.

    Example: atlantis serve photos/
    """
    with report_errors(False):
        from atlantis_core.records import Budget, Goal, RunSpec
        from atlantis_dml.app.prices import find_prices
        from atlantis_dml.app.setup import open_workspace

        store = open_workspace(workspace)
        spec = RunSpec(
            collection_id="",
            data="",
            goal=Goal(""),
            budget=Budget(),
            planner=planner,
            fallback=fallback,
            base_url=base_url,
            prices=find_prices([planner, fallback, captioner], run_options.parse_price(price), store.folder),
            seeds=seeds,
            preset=preset,
            backbone=backbone,
            weights=weights,
            captioner=captioner,
            generator=generator,
            regime=parse_regime(regime),
            auto=False,
        )
        _serve(_build_site(store, spec, tuple(data or BUNDLED_DATA)), port)


def _build_site(store: Workspace, spec: RunSpec, data: tuple[str, ...]) -> Site:
    """Check all settings before anything is opened.

    Raises:
        SetupError: Anything a person must mend.
    """
    from atlantis_core.data.reading import ReadOptions
    from atlantis_dml.app.setup import check_data, check_spec, pin_base_url
    from atlantis_dml.chat.desk import RunTemplate
    from atlantis_dml.web.site import Site

    for name in data:
        check_data(name)
    check_spec(spec)
    return Site(store, RunTemplate(pin_base_url(spec), ReadOptions()), data)


def _serve(site: Site, port: int) -> None:
    """Answer until Ctrl-C; what works then is paused and can be gone on with.

    Raises:
        SetupError: The `web` extra is not installed, or the port is taken.
    """
    import socket

    from atlantis_core.base.errors import SetupError

    try:
        import gradio  # noqa: F401 (asked here, before a port is opened)
        import uvicorn
    except ModuleNotFoundError as error:
        raise SetupError(f"the web app needs {error.name}: pip install 'atlantis-dml[web]'") from error
    from atlantis_dml.web.app import make_app

    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
    except OSError as error:
        raise SetupError(f"port {port} cannot be used: {error.strerror}; name another with --port") from error
    app = make_app(site)
    site.conversations.get_or_create()  # loads what answering takes, so that the first page is not slow
    listening.listen()  # from here on a browser waits instead of being refused
    say(f"workspace {site.workspace.folder}")
    say(f"open http://127.0.0.1:{listening.getsockname()[1]}/ (Ctrl-C ends; what works is paused and stays)")
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2))
    # Pages listen on until they are cut off; after Ctrl-C that is no error.
    logging.getLogger("uvicorn.error").addFilter(lambda record: not server.should_exit or _is_bug(record))
    try:
        server.run(sockets=[listening])
    finally:
        site.steering.shut_down()


def _is_bug(record: logging.LogRecord) -> bool:
    return record.exc_info is not None and not isinstance(record.exc_info[1], asyncio.CancelledError)
