"""Compares a round's candidate with its incumbent query by query, for `atlantis trace --queries`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from atlantis_dml.app.output import announce
from atlantis_dml.app.progress import open_stderr_screen


def trace_round_queries(
    run_name: str, round_index: int | None, out: Path | None, folder: Path | None
) -> dict[str, Any]:
    """Return what a judged round won and lost, and write a page with the images of these queries to `out`.

    Raises:
        SetupError: There is no such run or judged round, a model is gone, or `out` cannot be written.
    """
    from atlantis_dml.app.setup import open_existing
    from atlantis_dml.plots.files import check_target, write_file

    target = check_target(out, ("html",)) if out else None
    workspace = open_existing(folder)
    run = workspace.runs.get(run_name)
    announce(f"reading run {run.id}")
    from atlantis_core.run.session import Session
    from atlantis_core.views.query_trace import trace_queries

    with open_stderr_screen() as screen:
        session = Session(workspace, run.id, run.spec, screen.progress, say=screen.line)
        found = trace_queries(session, round_index)
        if target is not None:
            from atlantis_dml.report.query_page import render_query_page

            write_file(render_query_page(session, found).encode(), target)
    return {"run_id": run.id} | found.facts() | ({"page": str(target)} if target else {})
