"""Tool: train an undecided round with more seeds, and judge it again."""

from __future__ import annotations

from langchain_core.tools import tool

from atlantis_core.base.errors import ToolError
from atlantis_core.run.adding_seeds import replicate_round
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.judging import is_goal_reached
from atlantis_core.run.round import read_arms, read_judged_rounds
from atlantis_dml.tools.context import Runtime, answer_call

_LATER = ("find_gaps",)
"""Steps that a round which is kept after all makes undone."""

WORDS = "seed seeds replicate replicated again undecided"


@tool
def more_seeds(runtime: Runtime, seeds: int = 1) -> object:
    """Train the last judged round, if it is undecided, with more seeds, and judge it again after each.

    Each seed is two trainings, and the run's error stays 5 %. Only before this round is drafted.

    Args:
        seeds: Maximum number of further seeds.
    """
    session, round_index = runtime.context.session, runtime.state["round"]
    judged = read_judged_rounds(session)
    if not judged or seeds < 1:
        raise ToolError("no round is judged yet" if not judged else f"seeds must be at least 1, not {seeds}")
    if session.read(round_index, JournalKind.PROTOCOL) is not None:
        raise ToolError(
            f"round {round_index} is drafted already; more seeds for round {judged[-1].index} come before"
        )
    with session.span("judge", f"round {judged[-1].index}", {"protocol": judged[-1].protocol.id}) as span:
        decision = replicate_round(session, judged[-1], seeds)
        span.output = decision
    text = f"round {judged[-1].index}: {'kept' if decision.kept else 'rolled back'}: {decision.reason}"
    ended = {}
    if decision.kept and is_goal_reached(session, read_arms(session, judged[-1].index)):
        ended = {"stop_reason": "goal_reached", "stop_detail": "the goal's target is met"}
    undone = _LATER if decision.kept else ()
    return answer_call(runtime, "", text, decision, undone=undone, **ended)
