"""Which cells moved between two arms, and which confusions are new.

How surely a group of queries moved is given by the paired score statistic z = sum(d) / sqrt(sum(d^2)), d being each
query's change of hits, averaged over seeds. With one seed it is McNemar's, (won - lost) / sqrt(won + lost)
(Psychometrika 12, 1947). It ranks what is shown, and proves nothing: seeds move whole classes, and the largest of
many moves are partly luck.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.records import Cell, MovedCell, NewConfusion

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlantis_core.metrics.paired_outcomes import PairedOutcomes
    from atlantis_core.records import LabelledImage

CLEAR_Z = 1.645
"""One group that nothing changed stays below it with 95 %; among many, see `least_z`."""


def least_z(groups: int) -> float:
    """Return the z from which one of so many groups is listed: by chance alone, one on average rises above it."""
    return max(CLEAR_Z, NormalDist().inv_cdf(1 - 1 / groups)) if groups > 1 else CLEAR_Z


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """Queries of a cell."""

    cell: Cell
    rows: NDArray[np.int64]
    total: float
    """Sum of the queries' mean changes."""
    squares: float
    """Sum of their squares."""

    @property
    def z(self) -> float:
        return self.total / self.squares**0.5 if self.squares else 0.0


def tally_classes(paired: PairedOutcomes, images: Mapping[str, LabelledImage]) -> list[MovedCell]:
    """Return every class of the queries before and after, by name; `images` has the queries by id."""
    return [_describe(paired, group) for group in _group_classes(paired, images)]


def tally_values(paired: PairedOutcomes, images: Mapping[str, LabelledImage]) -> list[MovedCell]:
    """Return every facet value of the queries before and after, by facet and name."""
    return [_describe(paired, group) for groups in _group_values(paired, images) for group in groups]


def find_moved_cells(
    paired: PairedOutcomes, images: Mapping[str, LabelledImage], most: int, *, by_class: bool = True
) -> tuple[MovedCell, ...]:
    """Return the cells that moved most surely: at most `most` risen and `most` fallen, the surest first.

    Main effects (a class, a facet value) come first, then crossings: at most half as many in each direction, and only
    those that moved clearly more than the rest of their class and than the rest of their value. A group that contains
    all queries says no more than the whole, and is left out.

    Args:
        paired: Outcomes before and after.
        images: The queries by id.
        most: As above.
        by_class: Whether classes may be named; without, facet values alone are returned.
    """
    classes, values = _group_classes(paired, images), _group_values(paired, images)
    mains = [group for groups in ([*values, classes] if by_class else values) for group in groups]
    crossings = _group_crossings(paired, images, [groups[0].cell.facet for groups in values]) if by_class else []
    clear = _keep_clear(crossings, mains)
    found = [*_surest(paired, mains, most, len(mains)), *_surest(paired, clear, most // 2, len(crossings))]
    return tuple(_describe(paired, group) for group in found)


def find_new_confusions(
    paired: PairedOutcomes, images: Mapping[str, LabelledImage], most: int
) -> tuple[NewConfusion, ...]:
    """Return wrong classes that surely come first more often than before, at most `most`, the surest first."""
    labels = np.array([images[identity].label for identity in paired.ids], np.str_)
    counts = [_count_confused(labels, side) for side in (paired.returned_before, paired.returned_after)]
    changes = [  # by seed: (query row, class returned) -> change
        {key: (key in new) - (key in old) for key in old | new} for old, new in zip(*counts, strict=True)
    ]
    sums: dict[tuple[str, str], list[float]] = {}
    for row, returned in sorted(set().union(*changes)):
        change = sum(one.get((row, returned), 0) for one in changes) / len(changes)
        both = sums.setdefault((str(labels[row]), returned), [0.0, 0.0])
        both[0] += change
        both[1] += change**2
    surest = {pair: total / squares**0.5 for pair, (total, squares) in sums.items() if squares}
    risen = sorted((pair for pair, z in surest.items() if z >= CLEAR_Z), key=lambda pair: (-surest[pair], pair))
    return tuple(_describe_confusion(labels, counts, *pair) for pair in risen[:most])


def _count_confused(labels: NDArray[np.str_], returned: NDArray[np.str_]) -> list[set[tuple[int, str]]]:
    """Return for each seed of `returned` (S, Q) the rows whose top-1 is of another class, with that class."""
    return [{(int(row), str(one[row])) for row in np.flatnonzero((one != labels) & (one != ""))} for one in returned]


def _describe_confusion(
    labels: NDArray[np.str_], counts: Sequence[Sequence[set[tuple[int, str]]]], name: str, returned: str
) -> NewConfusion:
    rows = set(np.flatnonzero(labels == name).tolist())
    before, after = (
        [sum(row in rows and label == returned for row, label in seed) for seed in side] for side in counts
    )
    more = sum(new > old for old, new in zip(before, after, strict=True))
    return NewConfusion(name, returned, len(rows), float(np.mean(before)), float(np.mean(after)), more)


def _group_classes(paired: PairedOutcomes, images: Mapping[str, LabelledImage]) -> list[_Group]:
    return _group(paired, [Cell(images[identity].label) for identity in paired.ids])


def _group_values(paired: PairedOutcomes, images: Mapping[str, LabelledImage]) -> list[list[_Group]]:
    """Return the groups of every facet."""
    facets = [images[identity].facets for identity in paired.ids]
    return [
        _group(paired, [Cell("", name, one[name]) if name in one else None for one in facets])
        for name in sorted({name for one in facets for name in one})
    ]


def _group(paired: PairedOutcomes, cells: Sequence[Cell | None]) -> list[_Group]:
    """Group queries by their cells, sorted; those of no cell are in no group."""
    change = paired.change.mean(axis=0)
    rows: dict[Cell, list[int]] = {}
    for row, cell in enumerate(cells):
        if cell is not None:
            rows.setdefault(cell, []).append(row)
    return [
        _Group(cell, np.array(own), float(change[own].sum()), float((change[own] ** 2).sum()))
        for cell, own in sorted(rows.items(), key=lambda pair: (pair[0].class_name, pair[0].facet, pair[0].value))
    ]


def _group_crossings(
    paired: PairedOutcomes, images: Mapping[str, LabelledImage], facets: Sequence[str]
) -> list[_Group]:
    """Return the groups of every class with every value of each facet."""
    owned = [images[identity] for identity in paired.ids]
    found = []
    for facet in facets:
        found += _group(
            paired, [Cell(one.label, facet, one.facets[facet]) if facet in one.facets else None for one in owned]
        )
    return found


def _keep_clear(crossings: Sequence[_Group], mains: Sequence[_Group]) -> list[_Group]:
    """Return the crossings that moved clearly more than the rest of their class and than the rest of their value."""
    wider = {group.cell: group for group in mains}
    return [
        group
        for group in crossings
        if _moved_more(group, wider[Cell(group.cell.class_name)])
        and _moved_more(group, wider[Cell("", group.cell.facet, group.cell.value)])
    ]


def _moved_more(part: _Group, whole: _Group) -> bool:
    """Whether a part moved clearly more, in its direction, than the rest of the whole; not without a rest."""
    inside, outside = len(part.rows), len(whole.rows) - len(part.rows)
    if not outside:
        return False
    apart = part.total / inside - (whole.total - part.total) / outside
    spread = (part.squares / inside**2 + max(0.0, whole.squares - part.squares) / outside**2) ** 0.5
    return bool(spread > 0 and apart * (1 if part.total > 0 else -1) >= CLEAR_Z * spread)


def _surest(paired: PairedOutcomes, groups: Sequence[_Group], most: int, of: int) -> Iterator[_Group]:
    """Yield the groups, of so many, that surely rose, then those that surely fell, at most `most` of each."""
    moved = [one for one in groups if abs(one.z) >= least_z(of) and len(one.rows) < len(paired.ids)]
    for sign in (1, -1):
        same = [one for one in moved if sign * one.z > 0]
        yield from sorted(same, key=lambda one: (-abs(one.z), len(one.rows)))[:most]


def _describe(paired: PairedOutcomes, group: _Group) -> MovedCell:
    rows, change = group.rows, paired.change[:, group.rows]
    by_query, by_seed = change.sum(axis=0), change.sum(axis=1)
    return MovedCell(
        cell=group.cell,
        queries=len(rows),
        before=float(paired.hit_before[:, rows].mean()),
        after=float(paired.hit_after[:, rows].mean()),
        won=int((by_query > 0).sum()),
        lost=int((by_query < 0).sum()),
        agreeing=int((by_seed * change.sum() > 0).sum()),
    )
