"""Tool: measure one arm on validation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from langchain_core.tools import tool

from atlantis_core.base.errors import ToolError
from atlantis_core.base.text import format_figure, quote
from atlantis_core.run.headroom import find_headroom, find_recall
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.measurements import measure_arm, measure_frozen
from atlantis_core.run.round import read_arms
from atlantis_dml.tools.context import Runtime, answer_call
from atlantis_dml.tools.steps import Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlantis_core.records import Measurement
    from atlantis_core.run.session import Session

_MAX_FACETS = 4
_MAX_VALUES = 6

STEPS = (
    Step(40, "evaluate_retrieval", "Measure the baseline.", "baseline", is_once=True),
    Step(120, "evaluate_retrieval", "Measure whether they help.", "candidate"),
)
WORDS = "measure measured evaluate evaluated"


@tool
def evaluate_retrieval(arm: Literal["baseline", "candidate"], runtime: Runtime) -> object:
    """Measure Recall@K of a trained arm on the validation queries. The test split is not reachable.

    Args:
        arm: Which trained arm to measure; `baseline` also measures the backbone without training.
    """
    session, round_index = runtime.context.session, runtime.state["round"]
    trial_ids = read_arms(session, round_index).get(arm)
    if not trial_ids:
        raise ToolError(f"arm {arm!r} has not been trained in this round")
    measured = measure_arm(session, trial_ids)
    scores = f"R@1 {format_figure(measured.recall_at[1])}, MAP@R {format_figure(measured.scores['map_at_r'])}"
    text = f"{arm}: {scores} over {measured.queries} queries{_by_value(measured)}"
    if arm == "candidate":
        text += _in_goal(session, trial_ids)
        session.write(round_index, JournalKind.CANDIDATE, measured)
    else:
        session.write(0, JournalKind.BASELINE, measured)
        frozen, _ = measure_frozen(session)
        session.write(0, JournalKind.FROZEN, frozen)
        text += f"; without any training: R@1 {format_figure(frozen.recall_at[1])}"
        headroom = find_headroom(session, trial_ids)
        text += f"; {headroom.sentence}" if headroom and headroom.is_too_small else _in_goal(session, trial_ids)
    if measured.left_out:
        text += f"; {measured.left_out} queries have no positive in the gallery and are left out"
    return answer_call(runtime, f"evaluate_retrieval:{arm}", text, measured)


def _in_goal(session: Session, trial_ids: Sequence[str]) -> str:
    """Say Recall@1 on the queries that the goal names, as the mean of the seeds; empty if it names none."""
    found = find_recall(session, trial_ids, session.goal.cells) if session.goal.cells else None
    return f"; on the {found[0]} queries of the goal R@1 {format_figure(found[1])}" if found else ""


def _by_value(measured: Measurement) -> str:
    """Say Recall@1 of each facet value, the worst first."""
    text = ""
    for facet, values in list(measured.per_facet.items())[:_MAX_FACETS]:
        worst = sorted(values.items(), key=lambda item: item[1].value)[:_MAX_VALUES]
        parts = ", ".join(f"{quote(value)} {found.value:.3f} ({found.count})" for value, found in worst)
        text += f"; by {quote(facet)} (queries): {parts}"
    return text
