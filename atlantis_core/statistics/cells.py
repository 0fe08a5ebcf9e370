"""Cell tables: training images, queries and hits of every class x facet value, and which cells are scarce."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.records import Cell

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlantis_core.metrics.outcomes import QueryOutcomes
    from atlantis_core.records import Collection, LabelledImage

_SCARCE_BELOW = 0.5  # of the typical support


@dataclass(frozen=True, slots=True)
class CellTally:
    """Counts of one cell."""

    cell: Cell
    support: int
    """Training images in the cell."""
    queries: int
    """Validation queries with a positive."""
    hits: float
    """Queries with a positive at rank 1, averaged over seeds."""
    returned: Mapping[str, float]
    """Class of a negative at rank 1 -> number of queries, averaged over seeds."""
    class_support: int
    """Training images of the class."""


@dataclass(frozen=True, slots=True)
class CellTable:
    """All cells of one facet that contain a training image or a query."""

    facet: str
    """Empty for the table of whole classes."""
    cells: tuple[CellTally, ...]
    typical_support: float
    """Median support of the cells."""
    typical_class_support: float
    """Median training images of the classes that have a cell here."""


def cell_tables(collection: Collection, outcomes: Sequence[QueryOutcomes]) -> tuple[CellTable, ...]:
    """Return the table of every facet, or the one table of whole classes if there are no facets.

    If no query class has training images (the regime `unseen`), cells span all classes and their `class_name` is
    empty: validation classes may not be targeted, so they are not named.

    The queries are validation images of the collection; outcomes are one per seed, of the same task.
    """
    by_class = _is_by_class(collection, outcomes)
    return tuple(_table(collection, outcomes, facet, by_class) for facet in collection.facets or ("",))


def cell_table(collection: Collection, outcomes: Sequence[QueryOutcomes], facet: str) -> CellTable:
    """Return the table of one facet, or of whole classes if `facet` is empty; see `cell_tables`."""
    return _table(collection, outcomes, facet, _is_by_class(collection, outcomes))


def _is_by_class(collection: Collection, outcomes: Sequence[QueryOutcomes]) -> bool:
    """Whether cells are of single classes: training has images of a query class."""
    if not outcomes:
        raise ValueError("no query outcomes: measure a model first")
    queries = {identity for one in outcomes for identity in one.ids}
    unknown = queries - {image.id for image in collection.images}
    if unknown:
        raise ValueError(f"{len(unknown)} queries are not of collection {collection.name!r}: {min(unknown)!r}")
    trained = {image.label for image in collection.of_split("train")}
    return any(image.label in trained for image in collection.images if image.id in queries)


def _cell_of(image: LabelledImage, facet: str, by_class: bool) -> Cell | None:
    """Return the image's cell in a facet; None if it has no value."""
    name = image.label if by_class else ""
    if not facet:
        return Cell(name)
    value = image.facets.get(facet)
    return None if value is None else Cell(name, facet, value)


def _table(collection: Collection, outcomes: Sequence[QueryOutcomes], facet: str, by_class: bool) -> CellTable:
    train = collection.of_split("train")
    cell_by_id = {image.id: _cell_of(image, facet, by_class) for image in collection.images}
    support = Counter(cell for image in train if (cell := _cell_of(image, facet, by_class)))
    class_support = Counter(image.label if by_class else "" for image in train)
    queries: Counter[Cell] = Counter()
    hits: Counter[Cell] = Counter()
    returned: dict[Cell, Counter[str]] = {}
    for one in outcomes:
        for identity, hit, label in zip(one.ids, one.hit, one.returned, strict=True):
            cell = cell_by_id[identity]
            if cell is None:
                continue
            queries[cell] += 1
            hits[cell] += int(hit)
            if not hit:
                returned.setdefault(cell, Counter())[label] += 1
    seeds = len(outcomes)
    cells = sorted(set(support) | set(queries), key=lambda c: (c.class_name, c.value))
    tallies = tuple(
        CellTally(
            cell=cell,
            support=support[cell],
            queries=round(queries[cell] / seeds),
            hits=hits[cell] / seeds,
            returned={label: n / seeds for label, n in returned.get(cell, Counter()).most_common()},
            class_support=class_support[cell.class_name],
        )
        for cell in cells
    )
    class_supports = [class_support[name] for name in {cell.class_name for cell in cells}]
    return CellTable(facet, tallies, _median(tally.support for tally in tallies), _median(class_supports))


def _median(counts: Iterable[int]) -> float:
    return float(median(list(counts) or [0]))


def find_scarce_cells(table: CellTable) -> NDArray[np.bool_]:
    """Return which cells are scarce, (N,): they have less than half the typical number of training images.

    If every cell with queries is scarce (all queries are of a visit without training images, say), a cell's support
    does not distinguish the classes. Then a cell is scarce if its class is.
    """
    queried = np.array([tally.queries > 0 for tally in table.cells], np.bool_)
    support = np.array([tally.support for tally in table.cells], np.float64)
    scarce = support < _SCARCE_BELOW * table.typical_support
    if queried.any() and not scarce[queried].all() and table.typical_support > 0:
        return scarce
    class_support = np.array([tally.class_support for tally in table.cells], np.float64)
    return class_support < _SCARCE_BELOW * table.typical_class_support
