"""Works on a run, for the command line, until it is done, waits, is paused or is interrupted."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

from atlantis_core.base.errors import Stopped
from atlantis_core.base.plural import count_noun
from atlantis_dml.app.output import EXIT_INTERRUPTED, EXIT_WAITING, exit_with_message, say
from atlantis_dml.app.progress import Screen, describe_last_round, is_interactive, make_watcher, open_stderr_screen

if TYPE_CHECKING:
    from pathlib import Path

    from atlantis_core.run.session import Session
    from atlantis_core.store.runs import Run
    from atlantis_dml.app.ask_approval import Answer
    from atlantis_dml.app.request import RunRequest
    from atlantis_dml.graph.running import Outcome

_HERE = {"by": "on the command line"}


def start_run(
    request: RunRequest, workspace: Path | None, target: str | None, as_json: bool
) -> tuple[dict[str, Any], Path]:
    """Begin a run and work on it (see `drive_run`); return its summary and the workspace's folder."""
    from atlantis_core.run.answers import asks_person
    from atlantis_dml.app.label import offer_labelling
    from atlantis_dml.app.run import create_run, open_session
    from atlantis_dml.app.setup import open_workspace

    store, screen = open_workspace(workspace), open_stderr_screen()
    with screen:
        run, lines = create_run(request, store, screen.progress)
    for line in [f"run {run.id} in {store.folder}", *lines]:
        say(line)
    session = open_session(store, run, screen)
    if not run.spec.auto and asks_person(session) and is_interactive():
        offer_labelling(session)
    return drive_run(session, run, screen, target, as_json), store.folder


def drive_run(
    session: Session, run: Run, screen: Screen, target: str | None, as_json: bool, answer: Answer | None = None
) -> dict[str, Any]:
    """Work on a run, asking a person where there is one to ask; write its report; return its summary.

    Its trace goes to the target `mlflow` or `mlflow:URL`. The answer is that to the approval it waits for.

    Raises:
        typer.Exit: 3 where it waits or is paused, 130 after Ctrl-C; the run goes on with `atlantis resume`.
        SetupError: See `graph.running.advance`.
    """
    from atlantis_dml.report.report import write_report
    from atlantis_dml.tracing.live import live_export

    with live_export(session.workspace, run, target, screen.line) as trace:
        _work(session, screen, as_json, answer)
        summary = write_report(session.workspace, session.run_id)
    return summary | trace.facts


def _work(session: Session, screen: Screen, as_json: bool, answer: Answer | None) -> None:
    from atlantis_dml.app.ask_approval import describe_ask
    from atlantis_dml.text.command_lines import build_command_on_run

    resume = build_command_on_run("resume", session.run_id, session.workspace.folder)
    try:
        with handle_interrupts(screen):
            outcome = _advance_to_rest(session, screen, answer)
    except (KeyboardInterrupt, Stopped):
        session.workspace.runs.mark(session.run_id, "paused", "interrupted")
        _stop(session, f"interrupted; continue with: {resume}", EXIT_INTERRUPTED, as_json)
    if outcome.status == "waiting":
        question = outcome.question or {}
        if "ask" in question:
            lines = " ".join(describe_ask(question))
            message = f"{lines}; answer with: {resume} --respond WORDS"
            _stop(session, message, EXIT_WAITING, as_json, {"question": dict(question)})
        message = (
            f"round {question['round']} waits for approval ({count_noun(question['images'], 'image')}); "
            f"continue with: {resume} --approve (or --edit FILE, --respond WORDS, --reject, --stop)"
        )
        _stop(session, message, EXIT_WAITING, as_json, {"question": dict(question)})
    if outcome.status == "paused":
        _stop(session, f"{outcome.problem}; continue with: {resume}", EXIT_WAITING, as_json)


def _advance_to_rest(session: Session, screen: Screen, answer: Answer | None) -> Outcome:
    from atlantis_dml.app.ask_approval import ask_person
    from atlantis_dml.app.replay import find_recorded_answer
    from atlantis_dml.app.run import build_agents
    from atlantis_dml.graph.running import advance

    context = build_agents(session, screen.stop)
    watch = make_watcher(screen, lambda: describe_last_round(session))
    with screen:
        outcome = advance(context, answer and answer | _HERE, watch)
        while outcome.status == "waiting" and (recorded := find_recorded_answer(session)):
            outcome = advance(context, recorded, watch)
        while outcome.status == "waiting" and outcome.question and is_interactive():
            with screen.paused():
                answer = ask_person(session, outcome.question)
            outcome = advance(context, answer | _HERE, watch)
    return outcome


def _stop(session: Session, message: str, code: int, as_json: bool, facts: dict[str, Any] | None = None) -> NoReturn:
    from atlantis_core.run.summary import summarise

    summary = summarise(session.workspace, session.run_id) if as_json else {}
    exit_with_message(message, code, as_json, summary | (facts or {}))


@contextmanager
def handle_interrupts(screen: Screen) -> Iterator[None]:
    """Let Ctrl-C also end the work in a tool's thread, at its next progress report.

    LangGraph waits for a tool's thread before it lets an interrupt through, and a training takes a minute.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_number: int, _frame: object) -> NoReturn:
        screen.stop.request()
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
