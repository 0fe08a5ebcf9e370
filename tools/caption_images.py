"""Tool: caption the images and find facets in the captions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_core.tools import tool

from atlantis_core.base.errors import BudgetExceeded, ProviderUnavailable, ToolError
from atlantis_core.run.goals.description import describe_goal
from atlantis_core.run.goals.evidence import describe_missing_evidence
from atlantis_core.run.journal import JournalKind
from atlantis_dml.tools.context import Runtime, answer_call
from atlantis_dml.tools.steps import Step

if TYPE_CHECKING:
    from atlantis_dml.tools.context import RunContext

STEPS = (
    Step(
        20,
        "caption_images",
        "The collection has no facets; captions may give some.",
        is_once=True,
        is_needed=lambda session, _round: not session.collection.facets,
    ),
)


@tool
def caption_images(runtime: Runtime) -> object:
    """Describe every image in words. A collection without facets gets facets from the descriptions.

    If no photo shows the light, weather or medium that the goal names, the run ends before anything is spent.
    """
    session = runtime.context.session
    session.caption()
    _read_goal_again(runtime.context)
    facets = ", ".join(session.collection.facets)
    text = (
        f"captioned {len(session.collection.images)} images with {session.spec.captioner}; facets: {facets or 'none'}"
    )
    text += f"; {describe_goal(session.goal, session.collection)}"
    if missing := describe_missing_evidence(session.goal, session.collection, is_captioned=True):
        ended = {"stop_reason": "goal_unclear", "stop_detail": f"{missing}; nothing was spent"}
        return answer_call(runtime, "caption_images", text, {"facets": session.collection.facets}, **ended)
    return answer_call(runtime, "caption_images", text, {"facets": session.collection.facets})


def _read_goal_again(context: RunContext) -> None:
    """Let the chat model that read the goal read it in the facets that the captions gave."""
    session, goal = context.session, context.session.goal
    if context.goal_reader is None or not goal.by or not session.collection.facets:
        return
    try:
        found = context.goal_reader.read(goal.text, session.collection).goal
    except (ToolError, ProviderUnavailable, BudgetExceeded) as error:
        session.say(f"the goal stays as it was read before the captions: {error}")
        return
    session.write(0, JournalKind.GOAL, found)
