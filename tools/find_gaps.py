"""Tool: where retrieval fails (the paper's DIG, heuristic)."""

from __future__ import annotations

from langchain_core.tools import tool

from atlantis_core.diagnosis import diagnose
from atlantis_core.errors import ToolError
from atlantis_dml.tools.context import Runtime, answer


@tool
def find_gaps(runtime: Runtime, top: int = 20) -> object:
    """List the cells (class x facet value) that are scarce, missed or confused, worst first, with evidence.

    Args:
        top: How many gaps to list at most.
    """
    session, round_index = runtime.context.session, runtime.state["round"]
    diagnosing = runtime.state.get("arms", {}).get("diagnosing")
    if not diagnosing:
        raise ToolError("no trained retriever to diagnose; train the baseline first")
    gaps = diagnose(session, diagnosing[0], top)
    session.write(round_index, "gaps", gaps)
    if not gaps:
        return answer(runtime, "find_gaps", "no gap found: no cell is worse than expected", [])
    worst = gaps[0]
    where = f"{worst.cell.facet}={worst.cell.value}" if worst.cell.facet else "the whole class"
    text = (
        f"{len(gaps)} gaps; worst: {worst.cell.class_name!r}, {where}: R@1 {worst.recall_at_1:.2f} "
        f"({worst.low:.2f} to {worst.high:.2f}) over {worst.queries} queries, {worst.support} training images "
        f"(typical {worst.typical_support:g}), {worst.cause}"
    )
    return answer(runtime, "find_gaps", text, gaps)
