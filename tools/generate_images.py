"""Tool: make the images of the approved protocol."""

from __future__ import annotations

from langchain_core.tools import tool

from atlantis_core.base.errors import ToolError
from atlantis_core.base.plural import count_noun
from atlantis_core.run.approval import hash_protocol
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.remedies import makes_images
from atlantis_core.run.round_images import generate_round
from atlantis_dml.tools.context import Runtime, answer_call, find_diagnosing
from atlantis_dml.tools.steps import Step, is_image_round

STEPS = (Step(90, "generate_images", "Generate the images of the protocol.", is_needed=is_image_round),)
WORDS = "make made generate generated draw drew spend spent"


@tool
def generate_images(runtime: Runtime) -> object:
    """Make the images of the drafted protocol. This spends the image budget and may wait for approval."""
    session, round_index = runtime.context.session, runtime.state["round"]
    protocol = session.read(round_index, JournalKind.PROTOCOL)
    if protocol is None:
        raise ToolError("there is no protocol yet; draft one first")
    if hash_protocol(protocol) != runtime.state.get("approved"):
        raise ToolError("this protocol was not approved; ask for its approval")
    if not makes_images(protocol.remedy):
        raise ToolError(f"this round's remedy, {protocol.remedy}, makes no images; train the candidate next")
    diagnosing = find_diagnosing(runtime)
    made = generate_round(session, round_index, protocol, diagnosing)
    text = f"{count_noun(len(made), 'image')} made with {session.spec.generator}"
    artifact = {"images": len(made), "keys": [candidate.key for candidate in made]}
    return answer_call(runtime, "generate_images", text, artifact, approved="")
