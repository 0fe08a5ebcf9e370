"""The walk over all scores, tile by tile: each is computed once, compared while in the cache, and forgotten.

Where the queries are the gallery the matrix is symmetric, and a tile serves its rows and its columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from atlantis_core.metrics.rank_counters import RankCounters

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from atlantis_core.metrics.distances import Distance, Factor
    from atlantis_core.metrics.exclusions import ExclusionRule

_SIDE = (
    1024  # rows and columns of a tile: 4 MiB of scores; larger ones fall out of the cache, smaller ones cost calls
)
_CELLS = 2**22  # scores held at once while right images are looked up
_MAX_POSITIVES = 2**22  # right images whose counters are held at once, about 60 bytes each


@dataclass(frozen=True, slots=True, eq=False)
class TiledSearch:
    """Queries and gallery, each sorted by class number."""

    distance: Distance
    left: Factor
    """(Q, F)"""
    labels: NDArray[np.int64]
    """(Q,) ascending."""
    right: Factor
    """(G, F)"""
    gallery_labels: NDArray[np.int64]
    """(G,) ascending."""
    itself: NDArray[np.int64]
    """(Q,) column that is the query itself, below 0 if none."""
    tie: float
    """Scores closer than this are equal."""
    symmetric: bool
    """Queries and gallery are the same images, each excluding itself: row i and column i are one image."""
    ignoring: tuple[ExclusionRule, ...] = ()
    """What queries leave out besides themselves, in this order of queries and gallery."""

    def scores(self, rows: slice, columns: slice) -> torch.Tensor:
        """Return the scores (r, c) of some rows and columns, float32, higher is nearer."""
        import torch

        return self.distance.finish(torch.from_numpy(self.left[rows]) @ torch.from_numpy(self.right[columns]).T)

    def same_class(self, rows: slice, columns: slice) -> NDArray[np.bool_]:
        """Return where the image is of the query's class, (r, c)."""
        same: NDArray[np.bool_] = self.labels[rows, None] == self.gallery_labels[None, columns]
        return same

    def own(self, rows: slice, columns: slice) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the rows and columns, each (m,), in which a query meets itself, counted from the tile's corner."""
        column = self.itself[rows]
        row = np.flatnonzero((column >= columns.start) & (column < columns.stop))
        return row, column[row] - columns.start

    def class_columns(self, rows: slice) -> slice:
        """Return the columns that hold the classes of some rows."""
        ends = self.labels[rows.start], self.labels[rows.stop - 1]
        low = np.searchsorted(self.gallery_labels, ends[0], side="left")
        return slice(int(low), int(np.searchsorted(self.gallery_labels, ends[1], side="right")))


def count_ranks(field: TiledSearch, no_hit: int) -> tuple[NDArray[Any], ...]:
    """Return the columns of `Standings.results` for all queries, each (Q,), in their order.

    Args:
        field: Queries and gallery.
        no_hit: `first_hit` of a query without a right image.
    """
    groups = list(_query_groups(field))
    parts = [
        _count_group_ranks(field, rows, symmetric=field.symmetric and len(groups) == 1).results(no_hit)
        for rows in groups
    ]
    return tuple(np.concatenate(columns) for columns in zip(*parts, strict=True))


def _query_groups(field: TiledSearch) -> Iterator[slice]:
    """Cut the queries so that the counters of a part's right images fit in bounded memory."""
    low = np.searchsorted(field.gallery_labels, field.labels, side="left")
    total = np.cumsum(np.searchsorted(field.gallery_labels, field.labels, side="right") - low)
    start = 0
    while start < len(total):
        budget = _MAX_POSITIVES + (total[start - 1] if start else 0)
        stop = max(start + 1, int(np.searchsorted(total, budget, side="right")))
        yield slice(start, stop)
        start = stop


def _count_group_ranks(field: TiledSearch, group: slice, *, symmetric: bool) -> RankCounters:
    """Return the standings of some queries."""
    from atlantis_core.base.parallel import map_on_cores

    standings = _open_counters(field, group)
    columns = list(_ranges(0, len(field.right), _SIDE))

    def job(rows: slice) -> None:
        inside = slice(rows.start - group.start, rows.stop - group.start)
        for block in columns:
            if symmetric and block.start < rows.start:
                continue
            tile = _negative_scores(field, rows, block)
            standings.feed(inside, tile.numpy(), block.start)
            if symmetric and block != rows:
                standings.feed(block, tile.T.contiguous().numpy(), rows.start)

    for _ in map_on_cores(job, _ranges(group.start, group.stop, _SIDE)):
        pass
    return standings


def _negative_scores(field: TiledSearch, rows: slice, columns: slice) -> torch.Tensor:
    """Return a tile in which right images, the query itself and what it leaves out score -inf."""
    tile = field.scores(rows, columns)
    cells = tile.numpy()
    own = field.class_columns(rows)
    if own.start < columns.stop and columns.start < own.stop:
        cells[field.same_class(rows, columns)] = -np.inf
    cells[field.own(rows, columns)] = -np.inf
    for rule in field.ignoring:
        if not rule.own_class_only:
            cells[rule.cells(rows, columns)] = -np.inf
    return tile


def _open_counters(field: TiledSearch, group: slice) -> RankCounters:
    """Look up the right images of some queries and open their counters."""
    row_parts, score_parts, column_parts = [], [], []
    for rows in _ranges(group.start, group.stop, max(1, min(_SIDE, _CELLS // len(field.right)))):
        columns = field.class_columns(rows)
        right = field.same_class(rows, columns)
        right[field.own(rows, columns)] = False
        for rule in field.ignoring:
            right &= ~rule.cells(rows, columns)
        row, column = np.nonzero(right)
        score_parts.append(field.scores(rows, columns).numpy()[row, column])
        row_parts.append(row + rows.start - group.start)
        column_parts.append(column + columns.start)
    row, score, column = (np.concatenate(parts) for parts in (row_parts, score_parts, column_parts))
    return RankCounters(row, score, column, group.stop - group.start, field.tie)


def _ranges(start: int, stop: int, side: int) -> Iterator[slice]:
    """Cut a range into pieces."""
    return (slice(at, min(at + side, stop)) for at in range(start, stop, side))
