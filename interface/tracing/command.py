"""`atlantis trace RUN --to mlflow[:URL]`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from atlantis_core.base.errors import SetupError
from atlantis_dml.app.output import announce, print_json

if TYPE_CHECKING:
    from atlantis_dml.tracing.sending import Sent


def send(run_name: str, to: str, step: int | None, folder: Path | None, as_json: bool) -> None:
    """Write a run's report, export the run to MLflow, and print where to see it.

    Raises:
        SetupError: No such run or target, MLflow is missing or unreachable, or `step` is given.
    """
    from atlantis_dml.app.setup import open_existing
    from atlantis_dml.tracing.target import resolve_target

    if step is not None:
        raise SetupError("--to exports a complete run; leave out --step")
    workspace = open_existing(folder)
    target, run = resolve_target(to, workspace.folder), workspace.runs.get(run_name)
    announce(f"sending run {run.id}")
    from atlantis_dml.app.agents import build_redaction
    from atlantis_dml.report.report import write_report
    from atlantis_dml.tracing.sending import send_run
    from atlantis_dml.tracing.writer import MlflowWriter

    writer = MlflowWriter(target)  # first, so that no report is written for an unreachable server
    write_report(workspace, run.id)
    sent = send_run(workspace, run, target, build_redaction(), writer)
    print_json({"run_id": run.id} | asdict(sent)) if as_json else show_sent(run.id, sent)


def show_sent(run_id: str, sent: Sent) -> None:
    """Print what was exported and where to see it."""
    from atlantis_dml.views.tables import stdout_console

    console = stdout_console()
    lines = [f"run {run_id}: {sent.spans} spans and {sent.trials} trials are in {sent.tracking_uri}"]
    lines += [f"show them with: {sent.ui}"] if sent.ui else []
    for line in [*lines, f"trace: {sent.trace_page}", f"figures: {sent.run_page}"]:
        console.print(line, markup=False, soft_wrap=True)
