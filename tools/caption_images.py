"""Tool: caption the images and find facets in the captions."""

from __future__ import annotations

from langchain_core.tools import tool

from atlantis_core.run.goals.description import describe_goal
from atlantis_core.run.goals.evidence import describe_missing_evidence
from atlantis_dml.tools.context import Runtime, answer_call
from atlantis_dml.tools.steps import Step

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
    facets = ", ".join(session.collection.facets)
    text = (
        f"captioned {len(session.collection.images)} images with {session.spec.captioner}; facets: {facets or 'none'}"
    )
    text += f"; {describe_goal(session.goal, session.collection)}"
    if missing := describe_missing_evidence(session.goal, session.collection):
        ended = {"stop_reason": "goal_unclear", "stop_detail": f"{missing}; nothing was spent"}
        return answer_call(runtime, "caption_images", text, {"facets": session.collection.facets}, **ended)
    return answer_call(runtime, "caption_images", text, {"facets": session.collection.facets})
