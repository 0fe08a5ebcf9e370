"""Export while a run works: a thread with a queue of its own, so that the loop waits for nothing but a `put`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import SetupError
from atlantis_dml.app.command_lines import build_command_on_run
from atlantis_dml.tracing.sending import Sent, send_run
from atlantis_dml.tracing.spans import Spans
from atlantis_dml.tracing.target import check_target, target_of

if TYPE_CHECKING:
    from atlantis_core.store.events import Event
    from atlantis_core.store.runs import Run
    from atlantis_core.store.workspace import Workspace
    from atlantis_dml.tracing.door import Door

GATHER_SECONDS = 5.0
"""Events of so long are sent together."""
FLUSH_SECONDS = 60.0
"""A run that is over waits at most so long for what is left to send."""


@dataclass(slots=True)
class Exported:
    """What an export came to; empty without one."""

    facts: dict[str, Any] = field(default_factory=dict)
    """For the answer of a command as JSON."""


def chosen_target(option: str | None) -> str | None:
    """Return the target that `--trace` or ATLANTIS_TRACE names, checked.

    Raises:
        SetupError: It is none, or MLflow is not installed.
    """
    from atlantis_dml.settings import Settings

    named = option or Settings().trace
    if named:
        check_target(named)
    return named


@contextmanager
def exported(workspace: Workspace, run: Run, to: str | None, tell: Callable[[str], None]) -> Iterator[Exported]:
    """Export a run's spans while it works, and all of it at the end, however it ends.

    Args:
        workspace: Where the run is kept.
        run: Whose events.
        to: `mlflow` or `mlflow:URL`; None exports nothing.
        tell: Told, once, that the target cannot be reached; and at the end where to look.
    """
    came_to = Exported()
    if to is None:
        yield came_to
        return
    live = LiveExport(workspace, run, to, tell)
    live.start()
    try:
        yield came_to
    finally:
        came_to.facts = {"trace": live.finish()}


class LiveExport:
    """Sends the events of one run from a thread.

    An unreachable target never touches the run: it is told of once, events stay in the log, and the end tries again.

    Args:
        workspace: Tells of events.
        run: Whose.
        to: `mlflow` or `mlflow:URL`.
        tell: Told what a person should know.
    """

    def __init__(self, workspace: Workspace, run: Run, to: str, tell: Callable[[str], None]) -> None:
        from atlantis_dml.app.agents import build_redaction

        self._workspace, self._run, self._to, self._tell = workspace, run, to, tell
        self._target, self._redact = target_of(to, workspace.folder), build_redaction()
        self._queue: SimpleQueue[Event | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=f"export {run.id}", daemon=True)
        self._events: dict[int, Event] = {}
        self._door: Door | None = None
        self._lost = False
        self._sent: Sent | None = None
        self._cpu_seconds = 0.0

    def start(self) -> None:
        """Begin to listen."""
        self._workspace.events.watchers.append(self._take)
        self._thread.start()

    def finish(self) -> dict[str, Any]:
        """Send what is left; return what was sent, and what tracing cost in seconds."""
        started = time.monotonic()
        self._workspace.events.watchers.remove(self._take)
        self._queue.put(None)
        self._thread.join(FLUSH_SECONDS)
        if self._sent is not None:
            self._tell(f"trace: {self._sent.trace_page}")
            if self._sent.ui:
                self._tell(f"show it with: {self._sent.ui}")
        elif not self._lost:
            self._tell(f"the export to {self._target.tracking_uri} is not done yet; {self._later()}")
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
        goes_on = True
        while goes_on:
            goes_on = self._gather()
            if not self._lost and goes_on:
                self._trying(self._send_changed)
            self._cpu_seconds = time.thread_time()
        self._trying(self._send_whole)
        self._cpu_seconds = time.thread_time()

    def _gather(self) -> bool:
        """Wait for events; return whether there will be more."""
        event = self._queue.get()
        until = time.monotonic() + GATHER_SECONDS
        while event is not None:
            self._events[event["id"]] = event
            try:
                event = self._queue.get(timeout=max(0.0, until - time.monotonic()))
            except Empty:
                return True
        return False

    def _trying(self, send: Callable[[], None]) -> None:
        try:
            send()
        except SetupError as error:
            if not self._lost:
                self._tell(f"{error}; the run goes on, and the trace is kept; {self._later()}")
            self._lost = True

    def _send_changed(self) -> None:
        """Send what happened since the last time."""
        door, spans = self._opened(), Spans(self._run, self._redact)
        events, self._events = self._events, {}
        door.send_spans([spans.one(event) for event in events.values()])

    def _send_whole(self) -> None:
        run = self._workspace.runs.get(self._run.id)
        self._sent = send_run(self._workspace, run, self._target, self._redact, self._opened())

    def _opened(self) -> Door:
        from atlantis_dml.tracing.door import Door
        from atlantis_dml.tracing.figures import begun_record

        if self._door is None:
            door = Door(self._target)
            mlflow_run_id = door.send_record(begun_record(self._workspace, self._run))
            root = Spans(self._run, self._redact).root("running", None, ())
            door.send_spans([root])
            door.close_trace(root, (), mlflow_run_id)  # in progress, until the end says otherwise
            self._door = door
        return self._door

    def _later(self) -> str:
        later = build_command_on_run("trace", self._run.id, self._workspace.folder, "--to", self._to)
        return f"export it later with: {later}"
