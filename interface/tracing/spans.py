"""Events as spans of the same tree. Their ids follow from the run's id, so sending a span again replaces it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from atlantis_core.base.serialization import as_json
from atlantis_core.store.events import Event
from atlantis_core.store.runs import Run
from atlantis_dml.agents.client.redaction import Redact
from atlantis_dml.tracing.conventions import build_attributes, find_error_type, format_span_name

LONGEST = 100_000
"""Characters of a text in a span; the event log has all of it."""

_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class SpanFacts:
    """One span, independent of any library."""

    trace_id: int
    """128 bits."""
    span_id: int
    """64 bits."""
    parent_id: int | None
    """None for the root."""
    name: str
    kind: str
    """Of the event: `run`, `planner`, `tool`, `model`, `job`, `judge` ..."""
    started_ns: int
    ended_ns: int
    """The last known time of a span that is running or was killed."""
    status: str
    """Of the event (`running`, `done` or `failed`); of the run for the root."""
    problem: str
    given: Any
    output: Any
    attributes: Mapping[str, Any]


class Spans:
    """Turns the events of one run into spans."""

    def __init__(self, run: Run, redact: Redact) -> None:
        self._run, self._redact = run, redact
        self._known = f"{run.id} {run.created!r}"
        self.trace_id = _hash_number(self._known, 16)

    def root(self, status: str, output: Any, parts: Iterable[SpanFacts]) -> SpanFacts:
        """Return the span of the run itself, which ends with its last part."""
        started = round(self._run.created * _NS)
        event: Event = {
            "id": 0,
            "kind": "run",
            "name": self._run.id,
            "started": self._run.created,
            "status": status,
            "input": as_json(self._run.spec),
            "output": output,
        }
        return self._span(event, None, max([started, *(part.ended_ns for part in parts)]))

    def all(self, events: Iterable[Event]) -> list[SpanFacts]:
        """Return the spans of a run's events, oldest first; events without a parent among them go under the root."""
        given = list(events)
        known, ends = {event["id"] for event in given}, _find_ends(given)
        return [self._span(e, e["parent"] if e["parent"] in known else 0, ends[e["id"]]) for e in given]

    def one(self, event: Event) -> SpanFacts:
        """Return the span of one event while the run works."""
        return self._span(event, event["parent"] or 0, find_end_ns(event))

    def _span(self, event: Event, parent: int | None, ended_ns: int) -> SpanFacts:
        own = {
            "gen_ai.conversation.id": self._run.id,
            "atlantis.run_id": self._run.id,
            "atlantis.event_id": event["id"],
            "atlantis.kind": event["kind"],
            "atlantis.name": event["name"],
            "atlantis.status": event["status"],
            "atlantis.tokens": event.get("tokens") or 0,
            "atlantis.usd": event.get("usd") or 0.0,
            "error.type": find_error_type(event),
        }
        output = event.get("output")
        attributes = self._clean({**build_attributes(event), **own})
        return SpanFacts(
            trace_id=self.trace_id,
            span_id=self._id(event["id"]),
            parent_id=None if parent is None else self._id(parent),
            name=self._clean(format_span_name(event)),
            kind=event["kind"],
            started_ns=round(event["started"] * _NS),
            ended_ns=ended_ns,
            status=event["status"],
            problem=self._clean(output if isinstance(output, str) else "") if event["status"] == "failed" else "",
            given=self._clean(event["input"]),
            output=self._clean(output),
            attributes={name: value for name, value in attributes.items() if value is not None},
        )

    def _id(self, event_id: int) -> int:
        return _hash_number(f"{self._known} {event_id}", 8)

    def _clean(self, value: Any) -> Any:
        return redact_values(value, self._redact)


def find_end_ns(event: Event) -> int:
    """Return the end of an event in nanoseconds since the epoch; its start if it has no end."""
    return int((event["started"] + (event.get("seconds") or 0.0)) * _NS)


def _find_ends(events: Sequence[Event]) -> dict[int, int]:
    """Return the end of each event; an interrupted event ends with its last known part."""
    ends = {event["id"]: find_end_ns(event) for event in events}
    interrupted = {event["id"] for event in events if event.get("seconds") is None}
    for event in reversed(events):  # parts come after their parents
        if event["parent"] in interrupted:
            ends[event["parent"]] = max(ends[event["parent"]], ends[event["id"]])
    return ends


def redact_values(value: Any, redact: Redact) -> Any:
    """Return plain JSON data without API keys, each text at most `LONGEST` characters."""
    if isinstance(value, str):
        text = redact(value)
        return text if len(text) <= LONGEST else f"{text[:LONGEST]} [truncated; the event log has the full text]"
    if isinstance(value, Mapping):
        return {redact(str(key)): redact_values(item, redact) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact_values(item, redact) for item in value]
    return value


def _hash_number(text: str, size: int) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:size], "big") or 1
