"""Tool of the desk: answer the protocol that waits for a person."""

from __future__ import annotations

from typing import Literal

from langchain_core.tools import tool

from atlantis_core.base.errors import ToolError
from atlantis_core.chat.consent import approval_in, rejection_in
from atlantis_core.run.approval import build_approval
from atlantis_dml.tools.desk.context import DeskRuntime, last_words


@tool
def answer_approval(
    runtime: DeskRuntime,
    decision: Literal["approve", "reject"],
    images: int | None = None,
    without: str = "",
    reason: str = "",
) -> str:
    """Answer the waiting protocol exactly as the person's last message says. A rejection ends the run.

    It counts only if that is plain: yes, approve, "approve with 50", "approve without fog", no, "reject: ...".

    Args:
        decision: What the person decided.
        images: Generate exactly this many instead; all counts are scaled alike. Only the number in that message.
        without: Cells to leave out of this protocol, for example "fog".
        reason: Why it is rejected, in the person's words.
    """
    desk, line = runtime.context.desk, last_words(runtime)
    session, question = desk.session(), desk.question()
    if session is None or question is None:
        raise ToolError("no protocol waits for an answer now")
    if decision == "reject":
        if rejection_in(line) is None:
            raise ToolError(
                "the person's last message is not a rejection: ask them to say reject, and wait for the answer"
            )
        return desk.answer({"decision": "reject", "reason": reason[:300]})
    approved = approval_in(line)
    if approved is None:
        raise ToolError(
            "the person's last message is not an approval: ask them to say approve, and wait for the answer"
        )
    if images not in (None, approved.images):
        raise ToolError(f"the person did not say {images} images: ask them to say 'approve with {images}'")
    if without and not approved.without:
        raise ToolError(f"the person did not say what to leave out: ask them to say 'approve without {without}'")
    return desk.answer(build_approval(session, question, approved.images, approved.without))
