"""`atlantis runs`, `report` and `trace`: looking at what happened; nothing is computed anew."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from atlantis_dml.app.output import print_json, report_errors, say
from atlantis_dml.cli import options


def runs(workspace: options.WorkspaceFolder = None, as_json: options.Json = False) -> None:
    """List the runs of a workspace, newest first.

    Example: atlantis runs
    """
    with report_errors(as_json):
        from atlantis_dml.app.setup import open_existing
        from atlantis_dml.views.runs import show_runs

        store = open_existing(workspace)
        found = [(run, store.status(run)) for run in store.runs.all()]
        if as_json:
            facts = [
                {
                    "run_id": run.id,
                    "status": standing,
                    "stop_reason": run.stop_reason,
                    "created": run.created,
                    "data": run.spec.data,
                    "goal": run.spec.goal.text,
                    "planner": run.spec.planner,
                }
                for run, standing in found
            ]
            print_json({"runs": facts})
        else:
            show_runs(found)


def report(
    run_name: options.RunName,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE.html|.md|.json",
            help="Also write it here, to send: a page with its pictures in it, or Markdown without any to paste.",
        ),
    ] = None,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Write a run's report (report.html, .md, .json) anew and say what it came to; unfinished runs too.

    Example: atlantis report last --out harbor.html
    """
    with report_errors(as_json):
        from atlantis_dml.app.setup import open_existing
        from atlantis_dml.plots.files import check_target
        from atlantis_dml.report.report import KINDS, write_report
        from atlantis_dml.views.runs import show_run

        copy = check_target(out, KINDS) if out else None
        store = open_existing(workspace)
        summary = write_report(store, run_name, copy)
        print_json(summary) if as_json else show_run(summary, store.folder)
        if copy:
            say(f"written: {copy}")


def trace(
    run_name: options.RunName,
    step: Annotated[int | None, typer.Option("--step", help="Only this step, in full.")] = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="mlflow[:URL]",
            help="Send spans, figures, trials and the report to MLflow instead: to a database in the workspace, or "
            "to a server. Sent again, nothing is there twice.",
        ),
    ] = None,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Print the tree of what happened: decisions, tool calls, arguments, results, seconds, tokens, cost.

    Example: atlantis trace last --step 6

    To MLflow: atlantis trace last --to mlflow
    """
    with report_errors(as_json):
        if to is not None:
            from atlantis_dml.tracing.command import send

            send(run_name, to, step, workspace, as_json)
            return
        from atlantis_dml.app.setup import open_existing
        from atlantis_dml.views.trace import build_trace, show_trace, sum_agent_costs

        root = build_trace(open_existing(workspace), run_name, step)
        print_json(root | {"agents": sum_agent_costs(root)}) if as_json else show_trace(root, whole=step is not None)


def record(
    run_name: options.RunName,
    file: Annotated[Path, typer.Argument(help="Where to write; a new JSON file.", show_default=False)],
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Write what the chat models and the person answered in a run, for `atlantis run --replay FILE` without a key.

    Example: atlantis record last night.recording.json
    """
    with report_errors(as_json):
        from atlantis_dml.app.replay import write_run_recording

        answers = write_run_recording(run_name, file, workspace)
        if as_json:
            print_json({"recording": str(file), "answers": answers})
        else:
            say(f"{answers} answers recorded; replay them with: atlantis run --replay {file}")
