"""Asks the person in their own client before a protocol is approved, where that client can ask."""

from __future__ import annotations

from mcp.server.elicitation import AcceptedElicitation, ElicitationResult
from mcp.server.mcpserver import Elicit
from pydantic import BaseModel, Field

from atlantis_core.base.errors import ToolError
from atlantis_core.base.plural import count_noun
from atlantis_core.base.text import clean_text, quote
from atlantis_dml.app.ask_approval import describe_cost
from atlantis_dml.mcp.parameters import By, Caller, ProtocolHash, RunId, find_desk

_LONGEST_NAME = 80


class Confirmation(BaseModel):
    """What a person answers in the form that their client shows."""

    approve: bool = Field(title="Approve", description="Generate these images and train with them.")


def ask_in_client(
    context: Caller, run: RunId, protocol_hash: ProtocolHash, by: By
) -> Confirmation | Elicit[Confirmation]:
    """Ask the person by a form of the client; a client without forms is trusted to have asked.

    The question names the hash, so that an answer counts for this protocol alone.
    """
    desk = find_desk(context)
    stored = desk.site.workspace.runs.get(run)
    question = desk.site.steering.pending_question(stored.id)
    can_ask = context.client_capabilities is not None and context.client_capabilities.elicitation is not None
    if question is None or not can_ask:
        return Confirmation(approve=True)
    cost = describe_cost(desk.site.load_run(stored.id).session, question)
    return Elicit(
        f"{clean_text(by, _LONGEST_NAME)}, round {question['round']} of run {stored.id} waits for your approval: "
        f"{count_noun(question['images'], 'image')}, aim {quote(question['protocol']['objective'], 200)}. "
        f"Cost: {cost}. Protocol {protocol_hash[:12]}.",
        Confirmation,
    )


def require_consent(answer: ElicitationResult[Confirmation]) -> None:
    """Refuse to go on without a person's yes.

    Raises:
        ToolError: They declined, or closed the form.
    """
    if not isinstance(answer, AcceptedElicitation) or not answer.data.approve:
        raise ToolError("the person did not approve this in their client; nothing was started, the protocol waits")


def name_approver(by: str) -> str:
    """Return who answered and where, for the trace."""
    return f"over MCP by {quote(clean_text(by, _LONGEST_NAME))}"
