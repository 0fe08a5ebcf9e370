"""Groups of gaps that share facet value and cause: what a remedy does is measured on each."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from atlantis_core.records import Cell, GapGroup, GroupGain
from atlantis_core.run.measurements import compare_in_cells

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from atlantis_core.records import Candidate, Cause, Gap
    from atlantis_core.run.measurements import ArmOutcomes
    from atlantis_core.run.session import Session


def group_cells(gaps: Iterable[Gap], drafted: Iterable[Cell]) -> tuple[GapGroup, ...]:
    """Group gaps by facet value and cause, the group of the worst gap first.

    A drafted cell outside all gaps joins the first group of its facet value; where there is none, such cells form a
    group of their own at the end.
    """
    found: dict[tuple[str, str, Cause | None], list[Cell]] = {}
    for gap in gaps:
        found.setdefault((gap.cell.facet, gap.cell.value, gap.cause), []).append(gap.cell)
    gap_cells = [cell for cells in found.values() for cell in cells]
    for cell in drafted:
        if not any(one.contains(cell) for one in gap_cells):
            own = (cell.facet, cell.value)
            found.setdefault(next((key for key in found if key[:2] == own), (*own, None)), []).append(cell)
    return tuple(GapGroup(*key, tuple(cells)) for key, cells in found.items())


def is_in_group(group: GapGroup, cell: Cell) -> bool:
    """Whether a cell belongs to a group; in the regime `unseen` the group's cells name no class."""
    return any(one.contains(cell) for one in group.cells)


def find_group(groups: Sequence[GapGroup], cell: Cell) -> GapGroup | None:
    """Return the first group that a cell belongs to, if any."""
    return next((group for group in groups if is_in_group(group, cell)), None)


def measure_groups(
    session: Session,
    groups: Sequence[GapGroup],
    before: ArmOutcomes,
    after: ArmOutcomes,
    spread: float,
    made: Sequence[Candidate] = (),
    kept: Sequence[Candidate] = (),
) -> tuple[GroupGain, ...]:
    """Compare two arms on the queries of each group, and count the images that were made and kept for it.

    `spread` is the prior spread between seeds.
    """
    of_made, of_kept = (Counter(find_group(groups, one.cell) for one in images) for images in (made, kept))
    return tuple(
        GroupGain(
            group,
            compare_in_cells(session, before, after, group.cells, spread),
            of_made[group],
            of_kept[group],
        )
        for group in groups
    )
