"""Tool of the desk: start the planned run."""

from __future__ import annotations

from langchain_core.tools import tool

from atlantis_core.base.errors import ToolError
from atlantis_core.chat.consent import STARTING_ACT, is_agreement, is_starting_act
from atlantis_core.chat.run_plan import list_missing
from atlantis_dml.tools.desk.context import DeskRuntime, has_acted_since, last_words, was_shown_before


@tool
def start_run(runtime: DeskRuntime) -> str:
    """Start the run whose goal was stated, after the person has said yes, or /start, to the plan they were shown."""
    line, planned = last_words(runtime), runtime.context.desk.planned
    by_act = is_starting_act(line)
    if not is_agreement(line):
        raise ToolError(f"the person has not agreed to the plan: show it, and say that {STARTING_ACT} begins it")
    if has_acted_since(runtime):
        raise ToolError("the plan has changed since the person's last message: show it, and wait for the answer")
    if planned.unverified and not by_act:
        numbers = ", ".join(planned.unverified)
        raise ToolError(f"the person's words hold no figure for {numbers}, so only {STARTING_ACT} begins it; say so")
    if not planned.text:
        raise ToolError(f"there is no goal yet: {list_missing(planned)[0]}")
    return runtime.context.desk.start(by_act=by_act, after_plan=was_shown_before(runtime))
