"""`atlantis run`: the loop of finding gaps, generating images and keeping what is proven to help."""

from __future__ import annotations

from typing import Annotated

import typer

from atlantis_core.base.errors import SetupError
from atlantis_dml.app.output import print_json
from atlantis_dml.app.request import RunOptions, build_request
from atlantis_dml.cli import options
from atlantis_dml.cli.command import command


@command(
    "planner fallback base_url budget_images budget_usd price rounds seeds max_seeds auto preset backbone weights "
    "captioner vision generator scorer regime label split query gallery facets spread seed attack epsilon masks "
    "pool answers questions remedies memory"
)
def run(
    *,
    data: options.DataOrNone = None,
    goal: Annotated[
        str | None, typer.Option(help="What should be found better, in plain words.", show_default=False)
    ] = None,
    given: RunOptions,
    replay: Annotated[
        str | None,
        typer.Option(help="Repeat the decisions of a run, or of a file of `atlantis record`, without a key."),
    ] = None,
    trace: options.Trace = None,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Improve a retriever on DATA.

    It finds gaps, generates images for them, and keeps the images that are proven to help.

    Example: atlantis run photos/ --goal "night photos are not found" --budget-images 400 --auto

    With a chat model: atlantis run photos/ --goal "..." --planner openai:MODEL --budget-usd 2 --price 0.25,2
    """
    from atlantis_dml.app.replay import request_from_recording
    from atlantis_dml.cli.drive import start_run
    from atlantis_dml.tracing.live import read_target_option
    from atlantis_dml.views.runs import show_run

    target = read_target_option(trace)
    if replay is None:
        request = build_request(_require(data, "DATA"), given, workspace, _require(goal, "--goal"))
    else:
        _refuse_beside_replay(goal, given)
        request = request_from_recording(replay, data, given.weights, given.columns(), workspace)
    summary, folder = start_run(request, workspace, target, as_json)
    print_json(summary) if as_json else show_run(summary, folder)


def _require(typed: str | None, name: str) -> str:
    """Return what only `--replay` may leave out."""
    if typed is None:
        raise SetupError(f"{name} is missing; e.g. atlantis run photos/ --goal 'night photos are not found' --auto")
    return typed


def _refuse_beside_replay(goal: str | None, given: RunOptions) -> None:
    changed = {
        "--goal": goal,
        "--fallback": given.fallback,
        "--base-url": given.base_url,
        "--budget-images": given.budget_images,
        "--budget-usd": given.budget_usd,
        "--price": given.price,
        "--rounds": given.rounds,
    }
    if named := [option for option, value in changed.items() if value is not None]:
        raise SetupError(
            f"--replay repeats a run as it was, so {named[0]} has no effect; leave it out, or start a new run"
        )
