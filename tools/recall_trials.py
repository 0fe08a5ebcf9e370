"""Tool: what earlier rounds tried and what came of it."""

from __future__ import annotations

from langchain_core.tools import tool

from atlantis_core.run.round import read_judged_rounds
from atlantis_dml.tools.context import Runtime, answer_call


@tool
def recall_trials(runtime: Runtime) -> object:
    """Recall what the finished rounds of this run made, what was measured, and whether it was kept."""
    rounds = read_judged_rounds(runtime.context.session)
    lines = [f"round {judged.index}: {judged.decision.reason}" for judged in rounds]
    past = [{"round": one.index, "protocol": one.protocol, "decision": one.decision} for one in rounds]
    return answer_call(runtime, "recall_trials", "; ".join(lines) or "no round is finished yet", past)
