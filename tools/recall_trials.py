"""Tool: what earlier rounds tried and what came of it."""

from __future__ import annotations

from langchain_core.tools import tool

from atlantis_core.run.history import history
from atlantis_dml.tools.context import Runtime, answer_call


@tool
def recall_trials(runtime: Runtime) -> object:
    """Recall what the finished rounds of this run made, what was measured, and whether it was kept."""
    past = history(runtime.context.session)
    lines = [f"round {entry['round']}: {entry['decision']['reason']}" for entry in past]
    return answer_call(runtime, "recall_trials", "; ".join(lines) or "no round is finished yet", past)
