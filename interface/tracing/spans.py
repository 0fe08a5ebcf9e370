"""Events as spans: the same tree, under ids that follow from the run, so that a span sent again replaces itself."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from atlantis_core.base.serialization import as_json
from atlantis_core.store.events import Event
from atlantis_core.store.runs import Run
from atlantis_dml.agents.client.redaction import Redact
from atlantis_dml.tracing.conventions import attributes_of, error_type, span_name

LONGEST = 100_000
"""Letters of a text in a span; the event log has it whole."""

_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class SpanFacts:
    """One span, before any library's form."""

    trace_id: int
    """128 bits."""
    span_id: int
    """64 bits."""
    parent_id: int | None
    """None is the root."""
    name: str
    kind: str
    """Of the event: `run`, `planner`, `tool`, `model`, `job`, `judge` ..."""
    started_ns: int
    ended_ns: int
    """Of one that runs, or ran when its process was killed: as far as is known."""
    status: str
    """Of the event: `running`, `done` or `failed`; of the run's root the run's own."""
    problem: str
    given: Any
    output: Any
    attributes: Mapping[str, Any]


class Spans:
    """Turns the events of one run into spans.

    Args:
        run: Whose events.
        redact: Takes keys out of every text.
    """

    def __init__(self, run: Run, redact: Redact) -> None:
        self._run, self._redact = run, redact
        self._known = f"{run.id} {run.created!r}"
        self.trace_id = _number(self._known, 16)

    def root(self, status: str, output: Any, parts: Iterable[SpanFacts]) -> SpanFacts:
        """Return the span of the run itself, which lasts until the last of its parts is over."""
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
        """Return the spans of a run's events, oldest first; what has no parent among them hangs under the root."""
        given = list(events)
        known, ends = {event["id"] for event in given}, _ends(given)
        return [self._span(e, e["parent"] if e["parent"] in known else 0, ends[e["id"]]) for e in given]

    def one(self, event: Event) -> SpanFacts:
        """Return the span of one event as it happens."""
        return self._span(event, event["parent"] or 0, end_of(event))

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
            "error.type": error_type(event),
        }
        output = event.get("output")
        attributes = self._clean({**attributes_of(event), **own})
        return SpanFacts(
            trace_id=self.trace_id,
            span_id=self._id(event["id"]),
            parent_id=None if parent is None else self._id(parent),
            name=self._clean(span_name(event)),
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
        return _number(f"{self._known} {event_id}", 8)

    def _clean(self, value: Any) -> Any:
        return cleaned(value, self._redact)


def end_of(event: Event) -> int:
    """Return when an event was over, in nanoseconds since the epoch; its start where it never was."""
    return int((event["started"] + (event.get("seconds") or 0.0)) * _NS)


def _ends(events: Sequence[Event]) -> dict[int, int]:
    """Return when each event was over; one that was cut off lasts as long as what is known to be part of it."""
    ends = {event["id"]: end_of(event) for event in events}
    cut_off = {event["id"] for event in events if event.get("seconds") is None}
    for event in reversed(events):  # parts come after what they are part of
        if event["parent"] in cut_off:
            ends[event["parent"]] = max(ends[event["parent"]], ends[event["id"]])
    return ends


def cleaned(value: Any, redact: Redact) -> Any:
    """Return plain JSON data without keys in its texts, none of them longer than `LONGEST`."""
    if isinstance(value, str):
        text = redact(value)
        return text if len(text) <= LONGEST else f"{text[:LONGEST]} [cut off; the event log has it whole]"
    if isinstance(value, Mapping):
        return {redact(str(key)): cleaned(item, redact) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [cleaned(item, redact) for item in value]
    return value


def _number(text: str, size: int) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:size], "big") or 1
