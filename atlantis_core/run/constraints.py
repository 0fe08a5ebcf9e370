"""What a person said while a run was going: what to leave alone, and notes for whoever drafts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from atlantis_core.base.errors import InvalidProtocol
from atlantis_core.base.serialization import from_json
from atlantis_core.records import Cell, CellRequest, Collection, Protocol

if TYPE_CHECKING:
    from atlantis_core.run.session import Session

_KIND = "wishes"

MOST_NOTES = 8


@dataclass(frozen=True, slots=True)
class Constraints:
    """A person's wishes; they bind every later protocol of the run."""

    skip: tuple[Cell, ...] = ()
    """Cells to leave alone; an empty field means any."""
    notes: tuple[str, ...] = ()
    """Anything else, in words: data for a drafter, at most `MOST_NOTES`."""

    def allows(self, cell: Cell) -> bool:
        """Whether images may be made for a cell."""
        return not any(unwanted.contains(cell) for unwanted in self.skip)

    def without_skipped(self, protocol: Protocol) -> Protocol:
        """Return a protocol less the cells that are to be left alone."""
        kept: Sequence[CellRequest] = [request for request in protocol.cells if self.allows(request.cell)]
        return replace(protocol, cells=tuple(kept))


def read_constraints(session: Session) -> Constraints:
    """Return what a person wished in this run so far."""
    found = session.read(0, _KIND)
    return from_json(Constraints, found[-1]) if found else Constraints()


def write_constraints(session: Session, wishes: Constraints) -> None:
    """Write new wishes down; the former ones stay for `undo_constraints`."""
    former = session.read(0, _KIND) or []
    session.write(0, _KIND, [*former, wishes])


def undo_constraints(session: Session) -> bool:
    """Take the last wish back; False where there is none."""
    former = session.read(0, _KIND) or []
    session.write(0, _KIND, former[:-1])
    return bool(former)


def parse_cells(text: str, collection: Collection) -> tuple[Cell, ...]:
    """Return the cells that words such as `fog` or `trawlers at night` name; empty where they name none."""
    from atlantis_core.run.goals import read_goal

    return read_goal(text, collection).cells if text.strip() else ()


def check_constraints(wishes: Constraints, protocol: Protocol) -> None:
    """Refuse a protocol that goes against a person's wish.

    Raises:
        InvalidProtocol: Names the first cell that is to be left alone.
    """
    for request in protocol.cells:
        if not wishes.allows(request.cell):
            cell = request.cell
            raise InvalidProtocol(
                f"{cell.class_name!r} x {cell.facet}={cell.value} is to be left alone: a person said so"
            )
