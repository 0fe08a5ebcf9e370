"""Reading a trained model's failures: its gaps, and what it returns instead."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence

from atlantis_core.base.errors import ToolError
from atlantis_core.base.plural import count_noun
from atlantis_core.metrics.outcomes import QueryOutcomes
from atlantis_core.records import Cell, Gap, Goal, LabelledImage
from atlantis_core.run.measurements import load_outcomes
from atlantis_core.run.session import Session
from atlantis_core.statistics.gaps import find_gaps

_LOOKED_AT = 200  # gaps among which those that the goal names come first


def diagnose(session: Session, model: str, top: int) -> tuple[Gap, ...]:
    """Return the gaps of one model, worst first; cells that the goal names come before all others."""
    goal, outcomes = session.goal, _outcomes(session, model)
    gaps = find_gaps(session.collection, outcomes, max(top, _LOOKED_AT), lambda cell: is_goal_cell(goal, cell))
    return tuple(sorted(gaps, key=lambda gap: not is_goal_cell(goal, gap.cell)))[:top]


def find_gaps_in_cells(session: Session, model: str, cells: Sequence[Cell], top: int) -> tuple[Gap, ...]:
    """Return the gaps of one model in the cells that somebody names (an empty field means any), worst first."""
    unseen = session.spec.regime == "unseen"  # no query shows a class that may be named there: the value decides
    wanted = [Cell("", cell.facet, cell.value) if unseen else cell for cell in cells if cell.facet or not unseen]

    def is_named(cell: Cell) -> bool:
        return any(one.contains(cell) for one in wanted)

    gaps = find_gaps(session.collection, _outcomes(session, model), sys.maxsize, is_named)
    return tuple(gap for gap in gaps if is_named(gap.cell))[:top]


def count_top1_labels(session: Session, model: str, class_name: str) -> list[tuple[str, int]]:
    """Return which labels a class's validation queries get first, most frequent first."""
    outcomes = _outcomes(session, model)
    label_of = {image.id: image.label for image in session.task.queries}
    pairs = zip(outcomes.ids, outcomes.returned, strict=True)
    return Counter(returned for query, returned in pairs if label_of[query] == class_name).most_common()


def is_goal_cell(goal: Goal, cell: Cell) -> bool:
    """Whether a goal names a cell of the collection."""
    return any(wanted.contains(cell) for wanted in goal.cells)


def is_in_cell(wanted: Cell, image: LabelledImage) -> bool:
    """Whether a goal's cell, in which an empty field means any, takes in an image."""
    if wanted.class_name not in {"", image.label}:
        return False
    return not wanted.facet or image.facets.get(wanted.facet) == wanted.value


def describe_unmeasured_goal(goal: Goal, queries: Iterable[LabelledImage]) -> str:
    """Say that no query is in the cells that a goal names, so that nothing can be measured there; else empty."""
    if not goal.cells or any(is_in_cell(cell, query) for query in queries for cell in goal.cells):
        return ""
    return "no validation query is in the cells that the goal names, so no gain can be measured on them"


def describe_diagnosis(gaps: Sequence[Gap]) -> str:
    """Say what failing cells have in common, and whether more images would help them."""
    if not gaps:
        return "the goal asks for a diagnosis only, and no cell is worse than expected"
    scarce = [gap for gap in gaps if gap.cause == "scarce"]
    support = sum(gap.support for gap in scarce) / max(1, len(scarce))
    few = f"{len(scarce)} of them lack training images ({support:.1f} on average): more are likely to help there"
    enough = "none of them has unusually few training images: more of the same kind are unlikely to help"
    return f"the goal asks for a diagnosis only. {count_noun(len(gaps), 'cell')} listed; {few if scarce else enough}"


def _outcomes(session: Session, model: str) -> QueryOutcomes:
    (found,) = load_outcomes(session, [model])
    if found is None:
        raise ToolError("the diagnosing training crashed; there is nothing to read gaps from")
    return found
