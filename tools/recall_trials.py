"""Tool: what earlier rounds tried and what came of it."""

from __future__ import annotations

from langchain_core.tools import tool

from atlantis_core.run.moved_cells import describe_moves, read_moves
from atlantis_core.run.round import read_judged_rounds
from atlantis_dml.tools.context import Runtime, answer_call

_MOST_MOVED, _MOVED_CELLS = 4, 2


@tool
def recall_trials(runtime: Runtime) -> object:
    """Recall what each finished round of this run gained, whether it was kept, what rose and what fell."""
    session = runtime.context.session
    rounds = read_judged_rounds(session)
    moved = {judged.index: read_moves(session, judged) for judged in rounds[-_MOST_MOVED:]}
    lines = [
        "; ".join([f"round {one.index}: {one.decision.reason}", *describe_moves(moved.get(one.index), _MOVED_CELLS)])
        for one in rounds
    ]
    past = [
        {"round": one.index, "protocol": one.protocol, "decision": one.decision, "moved": moved.get(one.index)}
        for one in rounds
    ]
    return answer_call(runtime, "recall_trials", "\n".join(lines) or "no round is finished yet", past)
