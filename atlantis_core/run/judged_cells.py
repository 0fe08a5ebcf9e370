"""What a round is judged on: the cells of its protocol, or all that the goal is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlantis_core.run.remedies import parse_remedy

if TYPE_CHECKING:
    from atlantis_core.records import Cell, Protocol
    from atlantis_core.run.session import Session


def list_judged_cells(session: Session, protocol: Protocol) -> tuple[Cell, ...] | None:
    """Return the cells whose queries decide a round; None for every query.

    Images are made for the cells of the protocol. A remedy that changes what is found for all classes is judged on
    everything that the goal is about: what it costs elsewhere counts, and its gain has all these queries to show.
    """
    if parse_remedy(protocol.remedy)[0].is_for_cells:
        return tuple(request.cell for request in protocol.cells)
    return session.goal.cells or None
