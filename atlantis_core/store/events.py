"""The event log, which is the trace of a run: a row per planner decision, tool call, model call or job."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, func, select

from atlantis_core.base.serialization import as_json
from atlantis_core.store.sql import execute, fetch_dicts, fetch_rows
from atlantis_core.store.tables import events

_OPEN_SPAN: ContextVar[int | None] = ContextVar("open span", default=None)
"""The innermost open span; threads that LangChain starts for tools inherit it."""

Event = dict[str, Any]
"""A row of the log: `{id, run_id, parent, kind, name, started, status, input}`; when ended also
`{seconds, output, tokens, usd}`."""

EventListener = Callable[[Event], None]
"""Called when an event begins and when it ends, in the event's thread; it must be quick and must not raise."""

NESTED_KINDS = frozenset({"model", "job", "pilot", "look"})
"""Kinds whose seconds are part of their parent's. Tools are not: they run after the planner, their parent, ended."""


@dataclass(slots=True)
class Span:
    """An open event; its fields are written when it ends."""

    id: int
    output: Any = None
    tokens: int = 0
    usd: float = 0.0
    status: str = "done"
    _started: float = field(default_factory=time.monotonic)


class EventStore:
    """Writes and reads the trace of runs.

    Attributes:
        watchers: Called with every event as it is written.
        write_seconds: Time spent on writing and on watchers, in all threads.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self.watchers: list[EventListener] = []
        self.write_seconds = 0.0

    @contextmanager
    def span(self, run_id: str, kind: str, name: str, given: Any = None, parent: int | None = None) -> Iterator[Span]:
        """Record an event around a `with` block; an exception marks it `failed` and propagates.

        Args:
            run_id: Run or conversation of the trace.
            kind: `planner`, `tool`, `model`, `judge` ...
            name: Name of the tool, model ...
            given: Input, JSON-able.
            parent: Parent event; None takes the innermost open span, if any.
        """
        event = self._open(run_id, kind, name, given, _OPEN_SPAN.get() if parent is None else parent)
        span = Span(event["id"])
        token = _OPEN_SPAN.set(span.id)
        try:
            yield span
        except BaseException as error:
            span.status, span.output = "failed", f"{type(error).__name__}: {error}"
            raise
        finally:
            _OPEN_SPAN.reset(token)
            self._close(span, event)

    @staticmethod
    def open_here() -> int | None:
        """Return the innermost open event, to pass to threads that do not inherit it."""
        return _OPEN_SPAN.get()

    def of_kind(self, run_id: str, kind: str) -> list[dict[str, Any]]:
        """Return a run's finished events of one kind, oldest first."""
        query = select(events).where(events.c.run_id == run_id, events.c.kind == kind, events.c.status == "done")
        return fetch_dicts(self._engine, query.order_by(events.c.id))

    def stamp(self, run_ids: Sequence[str]) -> tuple[int, int]:
        """Return the number of events of some runs, and how many have ended: a value that changes with every step."""
        query = select(func.count(), func.count(events.c.seconds)).where(events.c.run_id.in_(run_ids))
        ((begun, ended),) = fetch_rows(self._engine, query)
        return int(begun), int(ended)

    def of_run(self, run_id: str) -> list[Event]:
        """Return a run's events, oldest first."""
        query = select(events).where(events.c.run_id == run_id).order_by(events.c.id)
        return fetch_dicts(self._engine, query)

    def tree(self, run_id: str) -> list[dict[str, Any]]:
        """Return the trace as nested dicts: `{id, name, kind, started, seconds, ..., children}`."""
        nodes = {row["id"]: {**row, "children": []} for row in self.of_run(run_id)}
        for node in nodes.values():
            node.pop("run_id")
        roots: list[dict[str, Any]] = []
        for node in nodes.values():
            parent = node.pop("parent")
            (nodes[parent]["children"] if parent in nodes else roots).append(node)
        return roots

    def _open(self, run_id: str, kind: str, name: str, given: Any, parent: int | None) -> Event:
        with self._count_write_time():
            row: Event = {
                "run_id": run_id,
                "parent": parent,
                "kind": kind,
                "name": name,
                "started": time.time(),
                "status": "running",
                "input": as_json(given),
            }
            with self._engine.begin() as connection:
                inserted = connection.execute(events.insert().values(**row).returning(events.c.id))
                event = {"id": int(inserted.scalar_one())} | row
            self._notify(event)
        return event

    def _close(self, span: Span, event: Event) -> None:
        with self._count_write_time():
            values = {
                "seconds": round(time.monotonic() - span._started, 3),  # noqa: SLF001 (same module)
                "status": span.status,
                "output": as_json(span.output),
                "tokens": span.tokens,
                "usd": span.usd,
            }
            execute(self._engine, events.update().where(events.c.id == span.id).values(**values))
            self._notify(event | values)

    def _notify(self, event: Event) -> None:
        for watcher in self.watchers:
            watcher(event)

    @contextmanager
    def _count_write_time(self) -> Iterator[None]:
        """Add the time of a `with` block to `write_seconds`."""
        started = time.perf_counter()
        try:
            yield
        finally:
            with self._lock:
                self.write_seconds += time.perf_counter() - started
