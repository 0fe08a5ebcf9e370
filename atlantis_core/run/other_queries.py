"""What a remedy costs the queries that it is not judged on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlantis_core.run.measurements import compare_arms, counted_queries, queries_in_cells

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from atlantis_core.records import Cell, Comparison
    from atlantis_core.run.measurements import ArmOutcomes
    from atlantis_core.run.session import Session

TOLERATED_LOSS = 0.01
"""Recall@1 that a kept round may lose over all queries, and over those that it is not judged on."""


def compare_others(
    session: Session,
    control: ArmOutcomes,
    candidate: ArmOutcomes,
    cells: Iterable[Cell] | None,
    spread: float,
    history: Sequence[ArmOutcomes] = (),
) -> Comparison | None:
    """Compare two arms on the queries outside the judged cells, as `compare_arms` does.

    None if every query is judged (`cells` is None), or if none or all of them are in the cells.
    """
    inside = set(queries_in_cells(session, cells or ()))
    counted = counted_queries(control)
    others = counted - inside
    if not others or others == counted:
        return None
    return compare_arms(session, control, candidate, sorted(others), spread, history)


def harms_others(others: Comparison | None) -> bool:
    """Whether the other queries lose more than is tolerated, and their interval leaves no doubt that they lose."""
    return others is not None and others.gain < -TOLERATED_LOSS and others.high < 0
