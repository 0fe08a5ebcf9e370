"""Drives a run in its own thread until it is done, waits, or is paused."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import AtlantisError, Stopped
from atlantis_core.run.approval import drop_skipped_cells
from atlantis_dml.app.ask_approval import describe_protocol
from atlantis_dml.app.progress import judged, make_watcher

if TYPE_CHECKING:
    from atlantis_core.run.session import Session
    from atlantis_core.store.workspace import Workspace
    from atlantis_dml.app.progress import Screen
    from atlantis_dml.graph.running import Outcome

ANSWER_HINT = "answer: approve, approve with N, approve without fog, reject because ...; or ask why, or skip ..."


class RunWorker:
    """Drives one run at a time, and calls `on_rest` when it pauses, waits or is done."""

    def __init__(self, workspace: Workspace, screen: Screen, on_rest: Callable[[], None]) -> None:
        self._workspace, self._screen, self._on_rest = workspace, screen, on_rest
        self._thread: threading.Thread | None = None

    def is_busy(self) -> bool:
        """Whether a run is working now."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, run_id: str, answer: dict[str, Any] | None = None) -> None:
        """Start or resume a run, with the answer it waits for, if any."""
        from atlantis_dml.app.run import open_session

        session = open_session(self._workspace, self._workspace.runs.get(run_id), self._screen)
        self._thread = threading.Thread(target=self._drive, args=(session, answer), name=f"run {run_id}", daemon=True)
        self._thread.start()

    def stop(self) -> bool:
        """Ask the run to pause; False if none is working or it was asked already."""
        if not self.is_busy() or self._screen.stop.is_requested():
            return False
        self._screen.stop.request()
        return True

    def wait(self) -> None:
        """Wait until no run is working."""
        while self._thread and self._thread.is_alive():
            self._thread.join(0.2)  # with a timeout, so that Ctrl-C gets through

    def question(self, run_id: str) -> Mapping[str, Any] | None:
        """Return the question that a waiting run asks."""
        from atlantis_dml.graph.running import find_pending_question

        return find_pending_question(self._workspace, run_id)

    def _drive(self, session: Session, answer: dict[str, Any] | None) -> None:
        from atlantis_dml.app.agents import build_agents
        from atlantis_dml.graph.running import advance
        from atlantis_dml.tracing.live import live_export, read_target_option

        try:
            run, watch = self._workspace.runs.get(session.run_id), make_watcher(self._screen, lambda: judged(session))
            with live_export(self._workspace, run, read_target_option(None), self._screen.line):
                outcome = advance(build_agents(session, self._screen.stop), answer, watch)
            self._on_rest()
            self._report(session, outcome)
        except Stopped:  # before the first step
            self._workspace.runs.mark(session.run_id, "paused", "stopped by a person")
        except AtlantisError as error:
            self._screen.line(f"x {error}")
        finally:
            self._screen.stop.clear()

    def _report(self, session: Session, outcome: Outcome) -> None:
        if outcome.status == "waiting" and outcome.question:
            for line in [*describe_protocol(session, drop_skipped_cells(session, outcome.question)), ANSWER_HINT]:
                self._screen.line(line)
        elif outcome.status == "paused":
            self._screen.line(f"The run is paused: {outcome.problem}. Say `go on` to resume.")
        else:
            from atlantis_dml.report.report import write_report
            from atlantis_dml.text.figures import write_headline

            summary = write_report(self._workspace, session.run_id)
            self._screen.line(write_headline(summary))
            self._screen.line(f"Report: {summary['report_path']}")
