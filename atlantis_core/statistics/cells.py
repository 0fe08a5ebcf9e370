"""The cell table: training images, queries and hits of every class x facet value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from atlantis_core.records import Cell

if TYPE_CHECKING:
    from atlantis_core.metrics.outcomes import QueryOutcomes
    from atlantis_core.records import Collection, LabelledImage


@dataclass(frozen=True, slots=True)
class CellTally:
    """What is known of one cell."""

    cell: Cell
    support: int
    """Training images in the cell."""
    queries: int
    """Validation queries with a partner; 0 where nothing was asked."""
    hits: float
    """Queries answered right at rank 1, averaged over seeds."""
    returned: Mapping[str, float]
    """Wrong label returned first -> how often, averaged over seeds."""
    class_support: int
    """Training images of the whole class."""


@dataclass(frozen=True, slots=True)
class CellTable:
    """All cells of one facet that hold a training image or a query."""

    facet: str
    """Empty for the table of whole classes."""
    cells: tuple[CellTally, ...]
    typical_support: float
    """Median support of the cells."""
    typical_class_support: float
    """Median training images of the classes that have a cell here."""


def cell_tables(collection: Collection, outcomes: Sequence[QueryOutcomes]) -> tuple[CellTable, ...]:
    """Tally every facet; a collection without facets gets the one table of whole classes.

    Where training has none of the classes asked about (the regime `unseen`), cells are of all classes
    together and their `class_name` is empty: validation classes may not be targeted, so they are not named.

    Args:
        collection: With the validation images that were the queries.
        outcomes: One per seed, of the same task.

    Raises:
        ValueError: There are no outcomes, or a query is not in the collection.
    """
    by_class = _is_by_class(collection, outcomes)
    return tuple(_table(collection, outcomes, facet, by_class) for facet in collection.facets or ("",))


def cell_table(collection: Collection, outcomes: Sequence[QueryOutcomes], facet: str) -> CellTable:
    """Tally one facet; without a facet, whole classes. Otherwise as `cell_tables`."""
    return _table(collection, outcomes, facet, _is_by_class(collection, outcomes))


def _is_by_class(collection: Collection, outcomes: Sequence[QueryOutcomes]) -> bool:
    """Whether cells are of single classes, because training has those that were asked about."""
    if not outcomes:
        raise ValueError("no query outcomes: measure a model first")
    asked = {identity for one in outcomes for identity in one.ids}
    unknown = asked - {image.id for image in collection.images}
    if unknown:
        raise ValueError(f"{len(unknown)} queries are not of collection {collection.name!r}: {min(unknown)!r}")
    trained = {image.label for image in collection.of_split("train")}
    return any(image.label in trained for image in collection.images if image.id in asked)


def _cell_of(image: LabelledImage, facet: str, by_class: bool) -> Cell | None:
    """Return the image's cell in a facet, None where it has no value."""
    name = image.label if by_class else ""
    if not facet:
        return Cell(name)
    value = image.facets.get(facet)
    return None if value is None else Cell(name, facet, value)


def _table(collection: Collection, outcomes: Sequence[QueryOutcomes], facet: str, by_class: bool) -> CellTable:
    """Tally one facet."""
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
    return CellTable(
        facet,
        tallies,
        typical_support=float(median(t.support for t in tallies)) if tallies else 0.0,
        typical_class_support=float(median(class_support[c] for c in {t.cell.class_name for t in tallies}))
        if tallies
        else 0.0,
    )
