"""The event log: the primary trace. One row a planner decision, tool call or job."""

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
from atlantis_core.store.tables import events

_OPEN_SPAN: ContextVar[int | None] = ContextVar("open span", default=None)
"""The innermost span that is open here; threads that LangChain starts for tools inherit it."""

Event = dict[str, Any]
"""A row of the log: `{id, run_id, parent, kind, name, started, status, input}`, and once it is over
`{seconds, output, tokens, usd}`."""

EventListener = Callable[[Event], None]
"""Told an event when it begins and when it is over, in the thread it happens in: it must be quick and not fail."""


NESTED_KINDS = frozenset({"model", "job"})
"""Kinds that last while what they are a part of waits for them: their seconds are in its seconds. A tool hangs under
the planner that called it, but runs after it has decided."""


@dataclass(slots=True)
class Span:
    """An event while it happens; what is set on it is written when it ends."""

    id: int
    output: Any = None
    tokens: int = 0
    usd: float = 0.0
    status: str = "done"
    _started: float = field(default_factory=time.monotonic)


class EventStore:
    """Writes and reads the trace of runs.

    Attributes:
        watchers: Told of every event as it is written.
        write_seconds: Time that went into writing, and into telling watchers, in all threads together.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._counting = threading.Lock()
        self.watchers: list[EventListener] = []
        self.write_seconds = 0.0

    @contextmanager
    def span(self, run_id: str, kind: str, name: str, given: Any = None, parent: int | None = None) -> Iterator[Span]:
        """Record something that takes time; an exception marks it `failed` and flies on.

        Args:
            run_id: Whose trace it belongs to.
            kind: `planner`, `tool`, `model`, `judge` ...
            name: Of the tool, model ...
            given: What went in, JSON-able.
            parent: The event it is a part of; None takes the span that is open here, if one is.
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
        """Return the innermost event that is open here, for threads that do not inherit it."""
        return _OPEN_SPAN.get()

    def of_kind(self, run_id: str, kind: str) -> list[dict[str, Any]]:
        """Return a run's finished events of one kind, oldest first."""
        query = select(events).where(events.c.run_id == run_id, events.c.kind == kind, events.c.status == "done")
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(query.order_by(events.c.id)).mappings()]

    def stamp(self, run_ids: Sequence[str]) -> tuple[int, int]:
        """Return how many events there are of some runs, and how many have ended: it changes with every step."""
        query = select(func.count(), func.count(events.c.seconds)).where(events.c.run_id.in_(run_ids))
        with self._engine.connect() as connection:
            begun, ended = connection.execute(query).one()
        return int(begun), int(ended)

    def of_run(self, run_id: str) -> list[Event]:
        """Return a run's events, oldest first."""
        with self._engine.connect() as connection:
            query = select(events).where(events.c.run_id == run_id).order_by(events.c.id)
            return [dict(row) for row in connection.execute(query).mappings()]

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
        with self._counted():
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
            self._tell(event)
        return event

    def _close(self, span: Span, event: Event) -> None:
        with self._counted():
            values = {
                "seconds": round(time.monotonic() - span._started, 3),  # noqa: SLF001 (same module)
                "status": span.status,
                "output": as_json(span.output),
                "tokens": span.tokens,
                "usd": span.usd,
            }
            with self._engine.begin() as connection:
                connection.execute(events.update().where(events.c.id == span.id).values(**values))
            self._tell(event | values)

    def _tell(self, event: Event) -> None:
        for watcher in self.watchers:
            watcher(event)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Add the time that passes to `write_seconds`."""
        started = time.perf_counter()
        try:
            yield
        finally:
            with self._counting:
                self.write_seconds += time.perf_counter() - started
