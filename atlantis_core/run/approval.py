"""What an approval in words comes to: the protocol that waits, as it is, smaller, or without some cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import ToolError
from atlantis_core.base.hashing import content_hash
from atlantis_core.base.serialization import as_json, from_json
from atlantis_core.records import Constraints, Protocol
from atlantis_core.records.generation import GENERATE
from atlantis_core.run.constraints import parse_cells, read_constraints
from atlantis_core.run.protocol_rules import parse_edited_protocol, scale_protocol

if TYPE_CHECKING:
    from atlantis_core.run.session import Session

BY_AUTO = "by --auto"
"""Who approves where no person is asked."""

THEN = "then"
"""Field of a recorded rejection: `draft`, as the run drafts another protocol. Earlier versions ended the run, and
recorded no such field."""


def read_recorded_answer(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recorded answer as it is given today: a rejection by an earlier version ended the run."""
    ends = answer["decision"] == "reject" and THEN not in answer
    return {**answer, "decision": "stop"} if ends else dict(answer)


def hash_protocol(protocol: Protocol) -> str:
    """Return the content hash by which a protocol is approved: any change needs a new approval."""
    shown = as_json(protocol)
    if protocol.remedy == GENERATE:
        del shown["remedy"]  # so that a protocol from before there were several remedies keeps its hash
    if not protocol.reused:
        del shown["reused"]
    return content_hash("approval", shown)


def hash_question(question: Mapping[str, Any]) -> str:
    """Return the content hash of the protocol that a person is asked about (`Outcome.question`)."""
    return hash_protocol(from_json(Protocol, question["protocol"]))


def drop_skipped_cells(session: Session, question: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a person is asked, less the cells that were to be left alone since."""
    protocol = read_constraints(session).without_skipped(from_json(Protocol, question["protocol"]))
    return {**question, "protocol": as_json(protocol), "images": protocol.num_images}


def build_approval(
    session: Session, question: Mapping[str, Any], images: int | None = None, without: str = ""
) -> dict[str, Any]:
    """Return the answer that approves what waits (`Outcome.question`), checked like any edited protocol.

    With `images` it is scaled to exactly so many; `without` names cells, in words, to leave out of it.

    Raises:
        InvalidProtocol: Nothing is left, or more is asked for than the budget has.
        ToolError: `without` names no cell.
    """
    first = from_json(Protocol, question["protocol"])
    protocol = read_constraints(session).without_skipped(first)
    if without:
        cells = parse_cells(without, session.collection)
        if not cells:
            raise ToolError(f"{without!r} names no class and no facet value of this collection")
        protocol = Constraints(skip=cells).without_skipped(protocol)
    if images is not None:
        protocol = scale_protocol(protocol, images)
    if protocol == first:
        return {"decision": "approve"}
    payload = as_json(protocol)
    checked = parse_edited_protocol(payload, session.collection, session.spec.regime, session.images_left)
    return {"decision": "edit", "protocol": as_json(checked)}
