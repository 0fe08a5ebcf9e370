"""What a person said while a run was going: what to leave alone, and notes for whoever drafts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from atlantis_core.base.errors import InvalidProtocol
from atlantis_core.records import Cell, Collection, Constraints, Protocol
from atlantis_core.run.journal import JournalKind

if TYPE_CHECKING:
    from atlantis_core.run.session import Session

MOST_NOTES = 8
"""Notes for the drafter that are kept; the newest count."""


def read_constraints(session: Session) -> Constraints:
    """Return what a person asked for in this run so far: in the goal, and while it went."""
    versions = session.read(0, JournalKind.CONSTRAINTS)
    said = versions[-1] if versions else Constraints()
    return replace(said, skip=tuple(dict.fromkeys((*session.goal.skip, *said.skip))))


def write_constraints(session: Session, constraints: Constraints) -> None:
    """Add a new version; `undo_constraints` goes back to the one before."""
    versions = session.read(0, JournalKind.CONSTRAINTS) or ()
    session.write(0, JournalKind.CONSTRAINTS, (*versions, constraints))


def undo_constraints(session: Session) -> bool:
    """Go back to the version before the newest; False where there is none."""
    versions = session.read(0, JournalKind.CONSTRAINTS) or ()
    session.write(0, JournalKind.CONSTRAINTS, versions[:-1])
    return bool(versions)


def parse_cells(text: str, collection: Collection) -> tuple[Cell, ...]:
    """Return the cells that words such as `fog` or `trawlers at night` name; empty where they name none."""
    from atlantis_core.run.goals.reading import read_goal

    return read_goal(text, collection).cells if text.strip() else ()


def check_constraints(constraints: Constraints, protocol: Protocol) -> None:
    """Refuse a protocol that breaks a person's constraints.

    Raises:
        InvalidProtocol: Names the first cell that is to be left alone.
    """
    for request in protocol.cells:
        if not constraints.allows(request.cell):
            cell = request.cell
            raise InvalidProtocol(
                f"{cell.class_name!r} x {cell.facet}={cell.value} is to be left alone: a person said so"
            )
