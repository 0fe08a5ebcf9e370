"""Tool of the desk: make or change the goal record, and show the plan."""

from __future__ import annotations

from dataclasses import replace

from langchain_core.tools import tool

from atlantis_core.base.errors import ToolError
from atlantis_core.chat.consent import contradicts_words, find_unstated_limits
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

    A number that their words do not hold as a figure is shown as your reading, which only their /start confirms.

    Args:
        text: What should be found better, in the person's words; empty keeps the words so far.
        images: How many images may be made in all. Only numbers that the person said, in any language.
        usd: How many dollars may be spent.
        rounds: At most so many rounds.
        target: Recall@1 to reach, from 0 to 1; not a gain in points.
    """
    limits = {"images": images, "usd": usd, "rounds": rounds, "target": target}
    words = "\n".join(person_words(runtime.state["messages"]))
    invented = find_unstated_limits(limits, words)
    if contradicts_words(limits, words):
        raise ToolError(
            f"the person never said {', '.join(invented)}: ask them to say it in digits before anything starts"
        )
    desk = runtime.context.desk
    planned = update_plan(desk.planned, text, **limits)
    unverified = (*planned.unverified, *(limit.partition(" ")[0] for limit in invented))
    return desk.plan(replace(planned, unverified=unverified))
