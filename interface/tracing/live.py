"""Exports a run while it works, from a thread with a queue, so that the run itself never waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import SetupError
from atlantis_dml.text.command_lines import build_command_on_run
from atlantis_dml.tracing.sending import Sent, send_run
from atlantis_dml.tracing.spans import Spans
from atlantis_dml.tracing.target import check_target, resolve_target

if TYPE_CHECKING:
    from atlantis_core.store.events import Event
    from atlantis_core.store.runs import Run
    from atlantis_core.store.workspace import Workspace
    from atlantis_dml.tracing.writer import MlflowWriter

GATHER_SECONDS = 5.0
"""Events are sent in batches of this duration."""
FLUSH_SECONDS = 60.0
"""At its end a run waits at most this long for the rest of the export."""


@dataclass(slots=True)
class ExportResult:
    """Facts of an export; empty without one."""

    facts: dict[str, Any] = field(default_factory=dict)
    """For a command's --json output."""


def read_target_option(option: str | None) -> str | None:
    """Return the checked target of `--trace` or ATLANTIS_TRACE.

    Raises:
        SetupError: It is not a target, or MLflow is not installed.
    """
    from atlantis_dml.settings import Settings

    named = option or Settings().trace
    if named:
        check_target(named)
    return named


@contextmanager
def live_export(workspace: Workspace, run: Run, to: str | None, say: Callable[[str], None]) -> Iterator[ExportResult]:
    """Export a run's spans while it works, and the complete run when it ends for any reason.

    One line is said if the target is unreachable, and at the end where to look. Without a target nothing is exported.
    """
    result = ExportResult()
    if to is None:
        yield result
        return
    live = LiveExport(workspace, run, to, say)
    live.start()
    try:
        yield result
    finally:
        result.facts = {"trace": live.finish()}


class LiveExport:
    """Sends the events of one run from a thread.

    An unreachable target never affects the run: it is reported once, events stay in the log, and the export is tried
    again at the end.
    """

    def __init__(self, workspace: Workspace, run: Run, to: str, say: Callable[[str], None]) -> None:
        from atlantis_dml.settings import build_redaction

        self._workspace, self._run, self._to, self._say = workspace, run, to, say
        self._target, self._redact = resolve_target(to, workspace.folder), build_redaction()
        self._queue: SimpleQueue[Event | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=f"export {run.id}", daemon=True)
        self._events: dict[int, Event] = {}
        self._mlflow: MlflowWriter | None = None
        self._lost = False
        self._sent: Sent | None = None
        self._cpu_seconds = 0.0

    def start(self) -> None:
        """Start to listen for events."""
        self._workspace.events.watchers.append(self._take)
        self._thread.start()

    def finish(self) -> dict[str, Any]:
        """Send the rest; return what was sent and what tracing cost in seconds."""
        started = time.monotonic()
        self._workspace.events.watchers.remove(self._take)
        self._queue.put(None)
        self._thread.join(FLUSH_SECONDS)
        if self._sent is not None:
            self._say(f"trace: {self._sent.trace_page}")
            if self._sent.ui:
                self._say(f"show it with: {self._sent.ui}")
        elif not self._lost:
            self._say(f"the export to {self._target.tracking_uri} is not complete; {self._later()}")
        return {
            "sent": None if self._sent is None else asdict(self._sent),
            "write_seconds": round(self._workspace.events.write_seconds, 3),
            "export_cpu_seconds": round(self._cpu_seconds, 3),
            "waited_seconds": round(time.monotonic() - started, 3),
        }

    def _take(self, event: Event) -> None:
        if event["run_id"] == self._run.id:
            self._queue.put(event)

    def _work(self) -> None:
        while self._gather():
            if not self._lost:
                self._try(self._send_changed)
            self._cpu_seconds = time.thread_time()
        self._try(self._send_run)
        self._cpu_seconds = time.thread_time()

    def _gather(self) -> bool:
        """Collect events; return whether there will be more."""
        event = self._queue.get()
        until = time.monotonic() + GATHER_SECONDS
        while event is not None:
            self._events[event["id"]] = event
            try:
                event = self._queue.get(timeout=max(0.0, until - time.monotonic()))
            except Empty:
                return True
        return False

    def _try(self, send: Callable[[], None]) -> None:
        try:
            send()
        except SetupError as error:
            if not self._lost:
                self._say(f"{error}; the run continues and the trace is kept locally; {self._later()}")
            self._lost = True

    def _send_changed(self) -> None:
        writer, spans = self._open_mlflow(), Spans(self._run, self._redact)
        events, self._events = self._events, {}
        writer.send_spans([spans.one(event) for event in events.values()])

    def _send_run(self) -> None:
        run = self._workspace.runs.get(self._run.id)
        self._sent = send_run(self._workspace, run, self._target, self._redact, self._open_mlflow())

    def _open_mlflow(self) -> MlflowWriter:
        from atlantis_dml.tracing.run_record import build_started_record
        from atlantis_dml.tracing.writer import MlflowWriter

        if self._mlflow is None:
            writer = MlflowWriter(self._target)
            mlflow_run_id = writer.send_record(build_started_record(self._workspace, self._run))
            root = Spans(self._run, self._redact).root("running", None, ())
            writer.send_spans([root])
            writer.close_trace(root, (), mlflow_run_id)  # shown as in progress until the end
            self._mlflow = writer
        return self._mlflow

    def _later(self) -> str:
        later = build_command_on_run("trace", self._run.id, self._workspace.folder, "--to", self._to)
        return f"export it later with: {later}"
