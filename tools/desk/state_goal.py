"""Tool of the desk: make or change the goal record, and show the plan."""

from __future__ import annotations

from langchain_core.tools import tool

from atlantis_core.base.errors import ToolError
from atlantis_core.chat.consent import find_unstated_limits
from atlantis_core.chat.run_plan import update_plan
from atlantis_dml.tools.desk.context import DeskRuntime, person_words


@tool
def state_goal(
    runtime: DeskRuntime,
    text: str = "",
    images: int | None = None,
    usd: float | None = None,
    rounds: int | None = None,
    target: float | None = None,
) -> str:
    """Make or change the goal record of the next run; answers what is understood, what is missing, and the plan.

    Args:
        text: What should be found better, in the person's words; empty keeps the words so far.
        images: How many images may be made in all. Only a number that the person said.
        usd: How many dollars may be spent. Only a number that the person said.
        rounds: At most so many rounds. Only a number that the person said.
        target: Recall@1 to reach, from 0 to 1. Only a number that the person said.
    """
    limits = {"images": images, "usd": usd, "rounds": rounds, "target": target}
    invented = find_unstated_limits(limits, "\n".join(person_words(runtime.state["messages"])))
    if invented:
        raise ToolError(
            f"the person never said {', '.join(invented)}: ask them to say it in digits before anything starts"
        )
    desk = runtime.context.desk
    return desk.plan(update_plan(desk.planned, text, **limits))
