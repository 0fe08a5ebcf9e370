"""Answers "why": finds the recorded decisions of a run that a question is about."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atlantis_core.base.plural import count_noun
from atlantis_core.records import Cell, CellRequest, Gap, Goal
from atlantis_core.run.constraints import parse_cells, read_constraints
from atlantis_core.run.diagnosis import is_goal_cell
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.round import read_rounds

if TYPE_CHECKING:
    from atlantis_core.run.session import Session

_MOST = 3
_SHOWN = 240
_SEARCH_CHARS = 20_000

_STEP_WORDS = {
    "judge": "keep kept roll rolled back judge judged discard discarded proven",
    "approval": "approve approved reject rejected edit edited",
    "critique": "critic critique change changed",
    "end": "stop stopped end ended finish finished done",
}
"""Step that is not a tool -> words that people use for it."""

_STOP_WORDS = (
    "why how come did does was were the that this those these with for and you your not are have has had there what "
    "when explain tell about round from them they cells cell class images photos"
)

_ASKS = re.compile(r"\b(?:why|how\s+come|explain|what|when)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Entry:
    place: int
    what: str
    round: int
    text: str
    search_text: str


def explain_decisions(session: Session, question: str, tool_words: Mapping[str, str]) -> list[str]:
    """Return what the run recorded about the subjects of a question, the best match first; empty if nothing matches.

    `round 2` in the question restricts the answer to that round; `tool_words` are what people say for a tool's calls.
    """
    words = set(re.findall(r"[^\W\d_]{3,}", question.lower())) - set(_STOP_WORDS.split())
    wanted = re.search(r"\bround\s+(\d+)", question.lower())
    entries = [
        entry for entry in _entries(session) if not wanted or entry.round == int(wanted.group(1)) or entry.round == 0
    ]
    step_words = {**_STEP_WORDS, **tool_words}
    scored = [(_score(entry, words, step_words.get(entry.what, "")), entry) for entry in entries]
    best = sorted((pair for pair in scored if pair[0]), key=lambda pair: (-pair[0], -pair[1].place))
    return [*_about_cells(session, question), *(entry.text for _, entry in best[:_MOST])]


def list_decisions(session: Session) -> list[str]:
    """Return the names of the recorded steps, in order and without repetition."""
    return list(dict.fromkeys(entry.what for entry in _entries(session)))


def _score(entry: _Entry, words: set[str], used_for_it: str) -> int:
    step_words = set(used_for_it.split()) | set(re.findall(r"[a-z]{3,}", entry.what))
    matches = sum(re.sub(r"(?<=\w{3})s$", "", word) in entry.search_text for word in words - step_words)
    return 3 * bool(words & step_words) + matches


def _entries(session: Session) -> list[_Entry]:
    found: list[_Entry] = []
    for event in session.workspace.events.tree(session.run_id):
        found += _event_entries(event, len(found))
    end = session.read(0, JournalKind.END)
    if end:
        text = f"the run ended: {end.stop_detail} ({end.stop_reason})"
        found.append(_Entry(len(found), "end", 0, text, text.lower()))
    return found


def _event_entries(event: Mapping[str, Any], place: int) -> list[_Entry]:
    output, given = event["output"], event["input"] if isinstance(event["input"], Mapping) else {}
    if event["kind"] in {"judge", "critique"} and isinstance(output, Mapping):
        index = int(str(event["name"]).rpartition(" ")[2])
        return [_Entry(place, event["kind"], index, _describe(event["kind"], index, output), _search_text(output))]
    if event["kind"] != "planner" or not isinstance(output, Mapping):
        return []
    index = int(given.get("round", 0))
    steps = [child for child in event["children"] if child["kind"] in {"tool", "approval"}]
    entries = [_step_entry(child, str(output["reason"]), index, place + n) for n, child in enumerate(steps)]
    if not output["calls"]:
        text = f"round {index}: {event['name']} stopped: {_short(output['reason'])}"
        entries.append(_Entry(place, "end", index, text, text.lower()))
    return entries


def _describe(kind: str, index: int, output: Mapping[str, Any]) -> str:
    if kind == "critique":
        return f"round {index}, the critic: {_short(output.get('finding', ''))}"
    return f"round {index} was {'kept' if output.get('kept') else 'rolled back'}: {_short(output.get('reason', ''))}"


def _step_entry(child: Mapping[str, Any], reason: str, index: int, place: int) -> _Entry:
    output = child["output"]
    if child["kind"] == "approval":
        answer = output.get("answer", {}) if isinstance(output, Mapping) else {}
        by = output.get("by") if isinstance(output, Mapping) else ""
        why = f" ({_short(answer['reason'])})" if answer.get("reason") else ""
        images = output.get("images") if isinstance(output, Mapping) else None
        count = f", {count_noun(images, 'image')}" if images else ""
        text = f"round {index}: the protocol was answered {by or 'by a person'}: {child['name']!r}{why}{count}"
        return _Entry(place, "approval", index, text, text.lower())
    result = output.get("text", "") if isinstance(output, Mapping) else output
    given = ", ".join(f"{name}={value}" for name, value in (child["input"] or {}).items())
    text = f"round {index}: {child['name']}({_short(given)}), because: {_short(reason)} Result: {_short(result)}"
    return _Entry(place, str(child["name"]), index, text, f"{reason} {given} {_search_text(output)}".lower())


def _about_cells(session: Session, question: str) -> list[str]:
    """Return what is recorded about the cells in a question: wishes, gaps and requested images."""
    cells = parse_cells(_ASKS.sub(" ", question), session.collection)  # a goal leaves questions out
    if not cells:
        return []
    goal, skipped = Goal(question, cells), read_constraints(session).skip
    lines = [f"{_cell(cell)} is left alone because a person said so" for cell in skipped if is_goal_cell(goal, cell)]
    for found in read_rounds(session):
        if found.gaps is not None:
            lines += _describe_gaps(found.index, found.gaps, found.protocol.cells if found.protocol else (), goal)
    return lines[: 2 * _MOST]


def _describe_gaps(index: int, gaps: Sequence[Gap], requests: Iterable[CellRequest], goal: Goal) -> list[str]:
    counts = {request.cell: request.count for request in requests}
    lines = []
    for rank, gap in enumerate(gaps, start=1):
        if not is_goal_cell(goal, gap.cell):
            continue
        lines.append(
            f"round {index}: {_cell(gap.cell)} was gap {rank} of {len(gaps)}: R@1 {gap.recall_at_1:.2f} over "
            f"{count_noun(gap.queries, 'query', 'queries')}, {count_noun(gap.support, 'training image')}, "
            f"{gap.cause}; images requested: {counts.get(gap.cell, 'none')}"
        )
    return lines[:_MOST] or [f"round {index}: none of the {len(gaps)} gaps is in these cells"]


def _cell(cell: Cell) -> str:
    return " at ".join(filter(None, (cell.class_name, f"{cell.facet}={cell.value}" if cell.facet else "")))


def _search_text(output: Any) -> str:
    return json.dumps(output, ensure_ascii=False)[:_SEARCH_CHARS].lower()


def _short(text: Any) -> str:
    words = " ".join(str(text).split())
    return words if len(words) <= _SHOWN else words[: _SHOWN - 3] + "..."
