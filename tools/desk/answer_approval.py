"""Tool of the desk: answer the protocol that waits for a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from langchain_core.tools import tool

from atlantis_core.base.errors import ToolError
from atlantis_core.chat.consent import (
    APPROVING_ACT,
    approval_in,
    ending_in,
    is_approving_act,
    rejection_in,
    response_in,
)
from atlantis_core.run.approval import build_approval
from atlantis_core.run.session import Session
from atlantis_dml.tools.desk.context import DeskRuntime, has_acted_since, last_words


@tool
def answer_approval(
    runtime: DeskRuntime,
    decision: Literal["approve", "respond", "reject", "stop"],
    images: int | None = None,
    without: str = "",
    reason: str = "",
) -> str:
    """Answer the waiting protocol as the person's last message says; it is passed on in their own words.

    approve: only if that message is the act itself (/approve, "approve with 50", "approve without fog"). respond:
    they want it different, in any language; it is drafted again. reject (no, "reject: ..."): another one is drafted.
    stop (/end, "end the run"): the run ends.

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
    if decision == "approve":
        return desk.answer(_approve(runtime, session, question, images, without))
    if decision == "respond":
        return desk.answer({"decision": "respond", "words": response_in(line)})
    said = rejection_in(line) if decision == "reject" else ending_in(line)
    if said is None:
        what, act = ("a rejection", "reject") if decision == "reject" else ("an order to end the run", "/end")
        raise ToolError(f"the person's last message is not {what}: ask them to say {act}, and wait for the answer")
    return desk.answer({"decision": decision, "reason": (said or reason)[:300]})


def _approve(
    runtime: DeskRuntime, session: Session, question: Mapping[str, Any], images: int | None, without: str
) -> dict[str, Any]:
    """Return the approval in the person's last line.

    Raises:
        ToolError: It holds none, or what it approves is not what they were shown.
    """
    line = last_words(runtime)
    approved = approval_in(line)
    if approved is None or (runtime.context.asks_model and not is_approving_act(line)):
        runtime.context.desk.show_question()
        raise ToolError(
            f"the person's last message is not an approval: tell them in their language that {APPROVING_ACT} "
            "approves and that nothing is spent by any other word, and wait for the answer"
        )
    if has_acted_since(runtime):
        runtime.context.desk.show_question()
        raise ToolError(
            "the protocol has changed since the person's last message: ask them to approve what it is now"
        )
    if images not in (None, approved.images):
        raise ToolError(f"the person did not say {images} images: ask them to say 'approve with {images}'")
    if without and not approved.without:
        raise ToolError(f"the person did not say what to leave out: ask them to say 'approve without {without}'")
    return build_approval(session, question, approved.images, approved.without)
