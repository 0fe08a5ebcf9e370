"""`atlantis test`: the sealed test split, opened once and on the record."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from atlantis_dml.app.output import print_json, report_errors, say
from atlantis_dml.cli import options


def open_test(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN|TRIAL...",
            help="A run (its id, its first characters, or `last`), or trials of `atlantis train`: the seeds of one "
            "recipe.",
            show_default=False,
        ),
    ],
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Open the sealed test split once, measure the models of RUN, or each TRIAL, on it, and write that down.

    Of a run: frozen, baseline and final model. Of trials: the trained models and the frozen backbone, at every K that
    benchmarks are published with.

    Example: atlantis test last
    """
    with report_errors(as_json):
        from atlantis_dml.app.find_model import is_run_name

        if len(names) == 1 and is_run_name(names[0]):
            _test_run(names[0], workspace, as_json)
        else:
            _test_trials(names, workspace, as_json)


def _test_run(run_name: str, workspace: Path | None, as_json: bool) -> None:
    from atlantis_core.run.journal import JournalKind
    from atlantis_core.workflows.test import run_final_test
    from atlantis_dml.app.progress import open_stderr_screen
    from atlantis_dml.app.setup import open_existing, open_session
    from atlantis_dml.report.report import write_report
    from atlantis_dml.views.measurements import show_test

    store, screen = open_existing(workspace), open_stderr_screen()
    session = open_session(store, store.runs.get(run_name), screen)
    stored = session.read(0, JournalKind.TEST) is not None
    with screen, store.lock(session.run_id):
        found: dict[str, Any] = {"run_id": session.run_id, "opened_before": stored, **run_final_test(session)}
    if not stored:
        write_report(store, session.run_id)
    say(_describe_opening(f"run {session.run_id}", found["opened"][0], found["opened_by"], before=stored))
    print_json(found) if as_json else show_test(found)


def _test_trials(names: Sequence[str], workspace: Path | None, as_json: bool) -> None:
    from atlantis_core.workflows.test_trials import run_trial_test
    from atlantis_dml.app.find_model import find_trial
    from atlantis_dml.app.progress import open_stderr_screen
    from atlantis_dml.app.setup import open_existing
    from atlantis_dml.views.measurements import show_trial_test

    store = open_existing(workspace)
    trials = [find_trial(name, store) for name in names]
    with open_stderr_screen() as screen:
        found = run_trial_test(store, trials, screen.progress)
    for row in found["trials"]:
        say(
            _describe_opening(f"trial {row['id']}", row["opened"][0], found["opened_by"], before=row["opened_before"])
        )
    print_json(found) if as_json else show_trial_test(found)


def _describe_opening(whose: str, at: float, others: Sequence[str], *, before: bool) -> str:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
    if before:
        return f"the test split of {whose} was opened at {when}; these are the figures from then"
    line = f"the test split of {whose} is open now; that is written down, and it opens only once"
    seen = f" ({others[-1]} opened the same split before: this is no first look)" if others else ""
    return line + seen
