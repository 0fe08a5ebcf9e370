"""Asks the person in their own client before a protocol is approved, where that client can ask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcp.server.elicitation import AcceptedElicitation, ElicitationResult
from mcp.server.mcpserver import Elicit
from pydantic import BaseModel, Field

from atlantis_core.base.errors import ToolError
from atlantis_core.base.plural import count_noun
from atlantis_core.base.text import clean_text, quote
from atlantis_core.run.approval import hash_question
from atlantis_dml.app.ask_approval import describe_cost
from atlantis_dml.mcp.desk import McpDesk
from atlantis_dml.mcp.edits import CellEdit, change_protocol, describe_change
from atlantis_dml.mcp.parameters import By, Caller, ProtocolHash, RunId, find_desk

_LONGEST_NAME, _LONGEST_AIM = 80, 200


class Confirmation(BaseModel):
    """What a person answers in the form that their client shows."""

    approve: bool = Field(title="Approve", description="Generate these images and train with them.")


Asked = Confirmation | Elicit[Confirmation]


def ask_approval(context: Caller, run: RunId, protocol_hash: ProtocolHash, by: By) -> Asked:
    """Ask the person by a form of the client; a client without forms is trusted to have asked."""
    question = find_question(find_desk(context), run, protocol_hash)
    return _ask(context, run, by, question, "") if question else Confirmation(approve=True)


def ask_edit(
    context: Caller,
    run: RunId,
    protocol_hash: ProtocolHash,
    by: By,
    images: int | None,
    without: str,
    cells: list[CellEdit] | None,
) -> Asked:
    """Ask the person likewise about a changed protocol; the form names the changes."""
    question = find_question(find_desk(context), run, protocol_hash)
    if question is None:
        return Confirmation(approve=True)
    change_protocol(question, images, without, cells)  # what cannot be changed is refused before a person is asked
    return _ask(context, run, by, question, f" Changed: {describe_change(question, images, without, cells)}.")


def find_question(desk: McpDesk, run: str, protocol_hash: str) -> Mapping[str, Any] | None:
    """Return the question about the protocol with this hash, if it is the one that waits; else it will be refused."""
    question = desk.site.steering.pending_question(run)
    return question if question and hash_question(question) == protocol_hash else None


def _ask(context: Caller, run: str, by: str, question: Mapping[str, Any], change: str) -> Asked:
    if not _has_forms(context):
        return Confirmation(approve=True)
    session = find_desk(context).site.load_run(run).session
    aim, cost = quote(question["protocol"]["objective"], _LONGEST_AIM), describe_cost(session, question)
    return Elicit(
        f"{clean_text(by, _LONGEST_NAME)}, a protocol of run {session.run_id} waits for your approval: round "
        f"{question['round']}, {count_noun(question['images'], 'image')}, aim {aim}.{change} Cost: {cost}. "
        f"Protocol {hash_question(question)[:12]}.",
        Confirmation,
    )


def _has_forms(context: Caller) -> bool:
    """Whether the client can show a form; one that names no mode of asking can."""
    found = context.client_capabilities.elicitation if context.client_capabilities else None
    return found is not None and (found.form is not None or found.url is None)


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
