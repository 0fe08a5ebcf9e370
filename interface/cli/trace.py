"""`atlantis trace`: the tree of a run's decisions, tool calls and costs, printed or sent to MLflow."""

from __future__ import annotations

from typing import Annotated

import typer

from atlantis_dml.app.output import print_json
from atlantis_dml.cli import options
from atlantis_dml.cli.command import command


@command()
def trace(
    run_name: options.RunName,
    step: Annotated[int | None, typer.Option(help="Print only this step, in full.")] = None,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="mlflow[:URL]",
            help="Send spans, figures, trials and the report to MLflow instead: to a database in the workspace, or "
            "to a server. Sending a run again duplicates nothing.",
        ),
    ] = None,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Print what happened in a run, as a tree.

    It has decisions, tool calls, arguments, results, seconds, tokens and cost.

    Example: atlantis trace last --step 6

    To MLflow: atlantis trace last --to mlflow
    """
    if to is not None:
        from atlantis_dml.tracing.command import send

        send(run_name, to, step, workspace, as_json)
        return
    from atlantis_dml.app.setup import open_existing
    from atlantis_dml.views.trace import build_trace, show_trace, sum_agent_costs

    root = build_trace(open_existing(workspace), run_name, step)
    print_json(root | {"agents": sum_agent_costs(root)}) if as_json else show_trace(root, whole=step is not None)
