"""Describes the state of a conversation in lines, for the host and for `/status`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from atlantis_core.base.plural import count_noun
from atlantis_core.chat.run_plan import describe_limits, list_missing
from atlantis_core.chat.status_lines import describe_budget
from atlantis_core.data.facets import facet_value_lists
from atlantis_core.run.capabilities import describe_generator
from atlantis_core.run.constraints import read_constraints
from atlantis_core.run.round import read_judged_rounds

if TYPE_CHECKING:
    from atlantis_core.chat.run_plan import RunPlan
    from atlantis_core.records import Collection
    from atlantis_core.run.session import Session

_NAMES = 40

WHY_NOT = {
    "none": "no run has started yet; state a goal",
    "planned": "no run is paused; say yes to start the plan",
    "running": "the run is already working",
    "waiting": "a protocol waits for your approval: approve or reject it first",
    "paused": "a run is paused: say go on, or state a new goal",
    "done": "the run is finished; state a goal for a new run",
}
"""Status -> why nothing can be started or resumed now."""


def describe_situation(
    status: str,
    planned: RunPlan,
    collection: Collection,
    session: Session | None,
    question: Mapping[str, Any] | None,
    generator: str,
) -> str:
    """Return the lines of `Desk.situation`."""
    train, queries = len(collection.of_split("train")), len(collection.of_split("validation"))
    lines = [f"status: {status}", f"data: {collection.name}, {train} training images, {queries} validation queries"]
    lines.append(f"classes: {_join_names(collection.classes)}")
    values = (f"{facet} ({_join_names(found[:12])})" for facet, found in facet_value_lists(collection).items())
    lines.append(f"generator: {describe_generator(generator)}")
    lines.append(f"facets: {'; '.join(values) or 'none yet; captions may add some'}")
    if status not in {"none", "planned"}:
        lines += _describe_run(session, question) if session else []
    elif not planned.text:
        lines.append(f"no goal yet; open: {'; '.join(list_missing(planned))}")
    else:
        lines += [f'goal, not started yet: "{planned.goal_text}"', describe_limits(planned.budget)]
        lines += [f"skipped: {', '.join(planned.skip)}"] if planned.skip else []
        lines += [f"open: {missing}" for missing in list_missing(planned)]
    return "\n".join(lines)


def _describe_run(session: Session, question: Mapping[str, Any] | None) -> list[str]:
    run, constraints = session.workspace.runs.get(session.run_id), read_constraints(session)
    lines = [f'run: {run.id}, goal "{run.spec.goal.text}"', *describe_budget(session)]
    lines += [f"paused or ended because: {run.stop_reason}"] if run.stop_reason else []
    tree = session.workspace.events.tree(session.run_id)
    for step in [child for event in tree for child in event["children"] if child["kind"] == "tool"][-1:]:
        result = step["output"].get("text", "") if isinstance(step["output"], Mapping) else ""
        lines.append(f"last step: {step['name']}{f': {result}' if result else ' (working)'}")
    for judged in read_judged_rounds(session)[-1:]:
        verdict = "kept" if judged.is_kept else "rolled back"
        lines.append(f"round {judged.index} was {verdict}: {judged.decision.reason}")
    if constraints.skip:
        skipped = [" ".join(filter(None, (cell.class_name, cell.value))) for cell in constraints.skip]
        lines.append(f"skipped: {_join_names(skipped)}")
    if question:
        cells = len(question["protocol"]["cells"])
        lines.append(f"a protocol waits for approval: round {question['round']}, "
                     f"{count_noun(question['images'], 'image')} for {count_noun(cells, 'cell')}")  # fmt: skip
    return lines


def _join_names(names: Any) -> str:
    shown = [str(name) for name in names[:_NAMES]]
    return ", ".join(shown) + (", ..." if len(names) > _NAMES else "")
