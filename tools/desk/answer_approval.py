"""Tool of the desk: answer the protocol that waits for a person."""

from __future__ import annotations

from typing import Literal

from langchain_core.tools import tool

from atlantis_core.base.errors import ToolError
from atlantis_core.chat.consent import find_unsaid_limits, is_consent, is_rejection
from atlantis_core.run.approval import build_approval
from atlantis_dml.tools.desk.context import DeskRuntime, person_words


@tool
def answer_approval(
    runtime: DeskRuntime,
    decision: Literal["approve", "reject"],
    images: int | None = None,
    without: str = "",
    reason: str = "",
) -> str:
    """Answer the protocol that waits, exactly as the person just said. A rejection ends the run.

    Args:
        decision: What the person decided.
        images: Make exactly so many instead; all counts shrink alike. Only a number that the person said.
        without: Cells to leave out of this protocol, such as "fog".
        reason: Why it is rejected, in the person's words.
    """
    desk, said = runtime.context.desk, person_words(runtime.state["messages"])
    session, question = desk.session(), desk.question()
    if session is None or question is None:
        raise ToolError("no protocol waits for an answer now")
    if decision == "reject":
        if not said or not is_rejection(said[-1]):
            raise ToolError("the person's last words reject nothing: ask them to say reject, and wait for the answer")
        return desk.answer({"decision": "reject", "reason": reason[:300]})
    if not said or not is_consent(said[-1]):
        raise ToolError("the person's last words approve nothing: ask them to say approve, and wait for the answer")
    if images is not None and images < 1:
        raise ToolError(f"{images} images cannot be: say reject, or how many")
    if find_unsaid_limits({"images": images}, "\n".join(said)):
        raise ToolError(f"the person never said {images} images: ask how many")
    return desk.answer(build_approval(session, question, images, without))
