"""`atlantis trace`: the tree of a run's decisions, tool calls and costs, printed or sent to MLflow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from atlantis_core.base.errors import SetupError
from atlantis_dml.app.output import announce, print_json
from atlantis_dml.cli import options
from atlantis_dml.cli.command import command

if TYPE_CHECKING:
    from atlantis_dml.tracing.sending import Sent


@command()
def trace(
    run_name: options.RunName,
    step: Annotated[int | None, typer.Option(help="Print only this step, in full.")] = None,
    image: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="Print where this synthetic image came from (its key, or the key's beginning), what was decided "
            "about it, the real images nearest to it, and what its groups did (`atlantis effect`).",
        ),
    ] = None,
    queries: Annotated[
        bool,
        typer.Option(
            "--queries",
            help="Print which validation queries a judged round won and lost: by class and facet value, what moved "
            "most, new confusions, and what came first before and after.",
        ),
    ] = False,
    round_index: Annotated[
        int | None, typer.Option("--round", min=1, help="With --queries: the round; default: the newest judged.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.html", help="With --queries: also write a page with the images of won and lost queries."
        ),
    ] = None,
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

    About one image: atlantis trace last --image 3f9a2c

    About a round's queries: atlantis trace last --round 2 --queries --out queries.html
    """
    given = {"--image": image, "--queries": queries, "--to": to, "--step": step}
    _check_together(given, {"--round": round_index, "--out": out})
    if queries:
        _trace_queries(run_name, round_index, out, workspace, as_json)
        return
    if image is not None:
        _trace_image(run_name, image, workspace, as_json)
        return
    if to is not None:
        _send(run_name, to, workspace, as_json)
        return
    from atlantis_dml.app.setup import open_existing
    from atlantis_dml.views.trace import build_trace, show_trace, sum_agent_costs

    root = build_trace(open_existing(workspace), run_name, step)
    print_json(root | {"agents": sum_agent_costs(root)}) if as_json else show_trace(root, whole=step is not None)


def _check_together(subjects: Mapping[str, object], of_queries: Mapping[str, object]) -> None:
    """Refuse two subjects, or an option without the --queries that it needs, with a `SetupError`."""
    asked = [name for name, value in subjects.items() if value is not None and value is not False]
    if len(asked) > 1:
        what = {
            "--image": "traces one image",
            "--queries": "traces a round's queries",
            "--to": "exports a complete run",
        }
        raise SetupError(f"{asked[0]} {what[asked[0]]}; leave out {asked[1]}")
    alone = [name for name, value in of_queries.items() if value is not None]
    if alone and asked != ["--queries"]:
        raise SetupError(f"{alone[0]} needs --queries, which says what a round won and lost; add it")


def _trace_queries(run_name: str, round_index: int | None, out: Path | None, folder: Path | None, json: bool) -> None:
    """Print which queries a round won and lost.

    Raises:
        SetupError: No such run or judged round, a model is gone, or the page cannot be written.
    """
    from atlantis_dml.app.trace import trace_round_queries
    from atlantis_dml.views.query_trace import show_query_trace

    found = trace_round_queries(run_name, round_index, out, folder)
    print_json(found) if json else show_query_trace(found)


def _trace_image(run_name: str, prefix: str, folder: Path | None, as_json: bool) -> None:
    """Print all that is known about a synthetic image.

    Raises:
        SetupError: No such run or image.
    """
    from atlantis_core.base.serialization import as_json as to_json
    from atlantis_core.run.session import Session
    from atlantis_core.views.image_trace import trace_image
    from atlantis_dml.app.setup import open_existing
    from atlantis_dml.views.effects import show_image_trace

    workspace = open_existing(folder)
    run = workspace.runs.get(run_name)
    found = to_json(trace_image(Session(workspace, run.id, run.spec), prefix))
    print_json({"run_id": run.id} | found) if as_json else show_image_trace(found)


def _send(run_name: str, to: str, folder: Path | None, as_json: bool) -> None:
    """Write a run's report, export the run to MLflow, and print where to see it.

    Raises:
        SetupError: No such run or target, or MLflow is missing or unreachable.
    """
    from atlantis_dml.app.setup import open_existing
    from atlantis_dml.tracing.target import resolve_target

    workspace = open_existing(folder)
    target, run = resolve_target(to, workspace.folder), workspace.runs.get(run_name)
    announce(f"sending run {run.id}")
    from atlantis_dml.report.report import write_report
    from atlantis_dml.settings import build_redaction
    from atlantis_dml.tracing.sending import send_run
    from atlantis_dml.tracing.writer import MlflowWriter

    writer = MlflowWriter(target)  # first, so that no report is written for an unreachable server
    write_report(workspace, run.id)
    sent = send_run(workspace, run, target, build_redaction(), writer)
    print_json({"run_id": run.id} | asdict(sent)) if as_json else _show_sent(run.id, sent)


def _show_sent(run_id: str, sent: Sent) -> None:
    """Print what was exported and where to see it."""
    from atlantis_dml.views.tables import stdout_console

    console = stdout_console()
    lines = [f"run {run_id}: {sent.spans} spans and {sent.trials} trials are in {sent.tracking_uri}"]
    lines += [f"show them with: {sent.ui}"] if sent.ui else []
    for line in [*lines, f"trace: {sent.trace_page}", f"figures: {sent.run_page}"]:
        console.print(line, markup=False, soft_wrap=True)
