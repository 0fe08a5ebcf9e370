"""Tool: make the images of the approved protocol."""

from __future__ import annotations

from collections.abc import Collection

from langchain_core.tools import tool

from atlantis_core.base.errors import ToolError
from atlantis_core.base.plural import count_noun
from atlantis_core.run.approval import hash_protocol
from atlantis_core.run.capabilities import explain_draft
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.remedies import makes_images, parse_remedy
from atlantis_core.run.round_images import generate_round
from atlantis_core.run.sheets.findings import describe_look, report_look
from atlantis_core.run.sheets.pilot import look_at_made, look_at_pilot
from atlantis_dml.tools.context import Runtime, answer_call, find_diagnosing
from atlantis_dml.tools.steps import Step, is_image_round

STEPS = (Step(90, "generate_images", "Generate the images of the protocol.", is_needed=is_image_round),)
PILOT_LOOK = "pilot_look"
"""Done in a round whose first images were looked at and stopped it."""

REDRAFTED = ("draft_protocol", "write_prompts", "pilot_remedies", PILOT_LOOK)
"""Steps that are undone when the first images do not show what was asked."""

STOPPED = "they do not show what was asked for: draft again with feedback, or call run_round again to make the others"

MEASURE_INSTEAD = (
    "What is hard to recognise may still teach: pilots measure it (crude line drawings raised R@1 on pen sketches by "
    "10 points)"
)
"""docs/results.md, sketchy125: no drawing of a photo looks like a person's, and they help all the same."""


def is_stopped(steps: Collection[str]) -> bool:
    """Whether a look at the first images has stopped the round, and nothing was drafted since."""
    return PILOT_LOOK in steps and "draft_protocol" not in steps


WORDS = "make made generate generated draw drew spend spent"


@tool
def generate_images(runtime: Runtime, insist: bool = False) -> object:
    """Make the images of the drafted protocol. This spends the image budget and may wait for approval.

    Args:
        insist: Whether to make them although a look at the first ones has stopped this draft.
    """
    session, round_index = runtime.context.session, runtime.state["round"]
    protocol = session.read(round_index, JournalKind.PROTOCOL)
    if protocol is None:
        raise ToolError("there is no protocol yet; draft one first")
    if hash_protocol(protocol) != runtime.state.get("approved"):
        raise ToolError("this protocol was not approved; ask for its approval")
    if not makes_images(protocol.remedy):
        raise ToolError(f"this round's remedy, {protocol.remedy}, makes no images; train the candidate next")
    if why := explain_draft(session, protocol):
        raise ToolError(f"nothing is generated: {why}")
    diagnosing = find_diagnosing(runtime)
    steps = runtime.state["steps"]
    has_stopped = is_stopped(steps)
    if has_stopped and not insist and session.spec.auto:  # a person who approves again has decided
        raise ToolError(f"the first images of this draft were looked at: {STOPPED}")
    insists = PILOT_LOOK in steps
    look = look_at_pilot(session, round_index, protocol, diagnosing, runtime.context.eyes, insists=insists)
    if look is not None and look.has_stopped:
        text = (
            f"stopped after {count_noun(len(look.sheet.tiles), 'image')}, the other "
            f"{protocol.num_images - len(look.sheet.tiles)} were not made: {describe_look(look)}. Draft again with "
            f"feedback, or call run_round again to make them all the same. {MEASURE_INSTEAD}"
        )
        return answer_call(runtime, PILOT_LOOK, text, look, undone=REDRAFTED, approved="")
    made = generate_round(session, round_index, protocol, diagnosing)
    text = f"{count_noun(len(made), 'image')} made with {session.spec.generator}"
    if parse_remedy(protocol.remedy)[0].uses_pool:
        text = f"{count_noun(len(made), 'photo')} of the pool taken by {protocol.remedy}, which no budget limits"
    if look is None:
        look = look_at_made(session, round_index, made, runtime.context.eyes)
    text += report_look(look)
    artifact = {"images": len(made), "keys": [candidate.key for candidate in made]}
    redone = [step for step in REDRAFTED if step != PILOT_LOOK] if has_stopped else []
    return answer_call(runtime, "generate_images", text, artifact, redone=redone, approved="")
