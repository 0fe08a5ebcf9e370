"""Where a conversation stands, in lines: for whoever answers, and for `/status`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from atlantis_core.base.plural import counted
from atlantis_core.chat.run_plan import budget_words, missing
from atlantis_core.chat.status_lines import budget_in_words
from atlantis_core.data.facets import known_values
from atlantis_core.run.constraints import wishes_of
from atlantis_core.run.history import history

if TYPE_CHECKING:
    from atlantis_core.chat.run_plan import Planned
    from atlantis_core.records import Collection
    from atlantis_core.run.session import Session

_NAMES = 40


def situation_of(
    status: str,
    planned: Planned,
    collection: Collection,
    session: Session | None,
    question: Mapping[str, Any] | None,
) -> str:
    """Return the situation as `Desk.situation` promises it."""
    train, asks = len(collection.of_split("train")), len(collection.of_split("validation"))
    lines = [f"status: {status}", f"data: {collection.name}, {train} training photos, {asks} validation queries"]
    lines.append(f"classes: {_listed(collection.classes)}")
    values = (f"{facet} ({_listed(found[:12])})" for facet, found in known_values(collection).items())
    lines.append(f"facets: {'; '.join(values) or 'none yet; captions may give some'}")
    if status in {"none", "planned"}:
        return "\n".join([*lines, *_planned(planned)])
    return "\n".join([*lines, *(_run(session, question) if session else [])])


def _planned(planned: Planned) -> list[str]:
    if not planned.text:
        return [f"no goal yet; open: {'; '.join(missing(planned))}"]
    lines = [f'goal, not started yet: "{planned.goal_text}"', budget_words(planned.budget)]
    lines += [f"left alone: {', '.join(planned.skip)}"] if planned.skip else []
    return lines + [f"open: {question}" for question in missing(planned)]


def _run(session: Session, question: Mapping[str, Any] | None) -> list[str]:
    run, wishes = session.workspace.runs.get(session.run_id), wishes_of(session)
    lines = [f'run: {run.id}, goal "{run.spec.goal.text}"', *budget_in_words(session)]
    lines += [f"why it rests: {run.stop_reason}"] if run.stop_reason else []
    last = _last_step(session)
    lines += [f"last step: {last}"] if last else []
    for entry in history(session)[-1:]:
        verdict = "kept" if entry["decision"]["kept"] else "rolled back"
        lines.append(f"round {entry['round']} was {verdict}: {entry['decision']['reason']}")
    if wishes.skip:
        left = [" ".join(filter(None, (cell.class_name, cell.value))) for cell in wishes.skip]
        lines.append(f"left alone: {_listed(left)}")
    if question:
        cells = len(question["protocol"]["cells"])
        lines.append(f"a protocol waits for the person: round {question['round']}, "
                     f"{counted(question['images'], 'image')} for {counted(cells, 'cell')}")  # fmt: skip
    return lines


def _last_step(session: Session) -> str:
    tree = session.workspace.events.tree(session.run_id)
    steps = [child for event in tree for child in event["children"] if child["kind"] == "tool"]
    if not steps:
        return ""
    output = steps[-1]["output"]
    result = output.get("text", "") if isinstance(output, Mapping) else ""
    return f"{steps[-1]['name']}" + (f": {result}" if result else " (working)")


def _listed(names: Any) -> str:
    shown = [str(name) for name in names[:_NAMES]]
    return ", ".join(shown) + (", ..." if len(names) > _NAMES else "")
