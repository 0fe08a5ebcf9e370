"""`atlantis report`: writes the report of a run again, from what is stored."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from atlantis_dml.app.output import announce, print_json, say
from atlantis_dml.cli import options
from atlantis_dml.cli.command import command


@command()
def report(
    run_name: options.RunName,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.html|.md|.json",
            help="Also write one file to send: a page with its images in it, or Markdown without images.",
        ),
    ] = None,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Write a run's report again and print its summary.

    The report is report.html, .md and .json in the run's folder; unfinished runs have one too.

    Example: atlantis report last --out harbor.html
    """
    from atlantis_dml.app.setup import open_existing

    store = open_existing(workspace)
    announce(f"reading run {store.runs.get(run_name).id}")
    from atlantis_dml.plots.files import check_target
    from atlantis_dml.report.report import KINDS, write_report
    from atlantis_dml.views.runs import show_run

    copy = check_target(out, KINDS) if out else None
    summary = write_report(store, run_name, copy)
    print_json(summary) if as_json else show_run(summary, store.folder)
    if copy:
        say(f"written: {copy}")
