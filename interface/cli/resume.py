"""`atlantis resume`: continues a run that was stopped, is paused or waits for approval."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from atlantis_core.base.errors import SetupError
from atlantis_dml.app.output import announce, print_json, say
from atlantis_dml.cli import options
from atlantis_dml.cli.command import command


@command()
def resume(
    run_name: options.RunName,
    approve: Annotated[bool, typer.Option("--approve", help="Approve the pending protocol.")] = False,
    reject: Annotated[
        bool, typer.Option("--reject", help="Reject it; the run drafts another. With --stop the run ends.")
    ] = False,
    respond: Annotated[
        str | None, typer.Option(metavar="WORDS", help="Say what should be different; the run drafts it again.")
    ] = None,
    stop: Annotated[bool, typer.Option("--stop", help="End the run at the pending protocol.")] = False,
    edit: Annotated[Path | None, typer.Option(help="Approve this changed protocol (JSON).")] = None,
    reason: Annotated[str, typer.Option(help="Why, with --reject or --stop.")] = "",
    trace: options.Trace = None,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Continue a run that stopped or waits for approval.

    Example: atlantis resume last --approve
    """
    from atlantis_core.run.summary import summarise
    from atlantis_dml.app.ask_approval import answer_from_options
    from atlantis_dml.app.progress import open_stderr_screen
    from atlantis_dml.app.run import open_session
    from atlantis_dml.app.setup import open_existing
    from atlantis_dml.cli.drive import drive_run
    from atlantis_dml.tracing.live import read_target_option
    from atlantis_dml.views.runs import show_run

    store, screen, target = open_existing(workspace), open_stderr_screen(), read_target_option(trace)
    found = store.runs.get(run_name)
    announce(f"reading run {found.id}")
    if found.status == "done":
        if approve or reject or stop or edit is not None or respond is not None:
            raise SetupError(f"run {found.id!r} is done and waits for no approval")
        say(f"run {found.id} is done")
        summary = summarise(store, found.id)
    else:
        session = open_session(store, found, screen)
        if respond is not None and not respond.strip():
            raise SetupError("--respond '' says nothing; say what should be different, such as 'without fog'")
        answer = answer_from_options(session, approve, reject, edit, reason, respond or "", stop)
        summary = drive_run(session, found, screen, target, as_json, answer)
    print_json(summary) if as_json else show_run(summary, store.folder)
