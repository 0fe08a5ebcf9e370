"""Computing all scores tile by tile: each score is computed once, counted while in the CPU cache, and dropped.

If the queries are the gallery, the score matrix is symmetric and a tile serves both its rows and its columns.
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

_SIDE = 1024  # rows and columns of a tile: 4 MiB of scores; larger tiles miss the cache, smaller ones cost calls
_MAX_SCORES = 2**22  # in memory at once while the positives are found
_MAX_POSITIVES = 2**22  # with counters in memory at once, about 60 bytes each


@dataclass(frozen=True, slots=True, eq=False)
class ReplacedScores:
    """Scores of some gallery entries, query by query, in place of what their embeddings give."""

    columns: NDArray[np.int64]
    """(Q, M) gallery rows, each at most once per query; below 0 for fewer than M."""
    scores: NDArray[np.float32]
    """(Q, M) their scores; -inf excludes an entry, as positive and as negative."""

    def ordered(self, queries: NDArray[np.int64], column_of: NDArray[np.int64]) -> ReplacedScores:
        """Return the same for queries (Q,) in another order, with gallery row g moved to `column_of[g]` (G + 1,)."""
        columns = np.where(self.columns < 0, -1, column_of[self.columns])
        return ReplacedScores(columns[queries], self.scores[queries])

    def write(self, tile: NDArray[np.float32], rows: slice, first_column: int) -> None:
        """Write the scores of a tile (r, c) of these rows and the columns from `first_column` on."""
        column = self.columns[rows] - first_column
        row, place = np.nonzero((self.columns[rows] >= 0) & (column >= 0) & (column < tile.shape[1]))
        tile[row, column[row, place]] = self.scores[rows][row, place]


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
    """(Q,) column of the query itself, below 0 if none."""
    tie: float
    """Scores that differ by less are ties."""
    symmetric: bool
    """Queries and gallery are the same images: row i and column i are one image."""
    ignoring: tuple[ExclusionRule, ...] = ()
    """Exclusion rules, in this order of queries and gallery."""
    replaced: ReplacedScores | None = None

    def scores(self, rows: slice, columns: slice) -> torch.Tensor:
        """Return the scores (r, c) of a tile, float32, higher is nearer."""
        import torch

        tile = self.distance.finish(torch.from_numpy(self.left[rows]) @ torch.from_numpy(self.right[columns]).T)
        if self.replaced is not None:
            self.replaced.write(tile.numpy(), rows, columns.start)
        return tile

    def same_class(self, rows: slice, columns: slice) -> NDArray[np.bool_]:
        """Return whether the image is of the query's class, (r, c)."""
        same: NDArray[np.bool_] = self.labels[rows, None] == self.gallery_labels[None, columns]
        return same

    def own(self, rows: slice, columns: slice) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the rows and columns, each (m,), where a query meets itself, relative to the tile."""
        column = self.itself[rows]
        row = np.flatnonzero((column >= columns.start) & (column < columns.stop))
        return row, column[row] - columns.start

    def class_columns(self, rows: slice) -> slice:
        """Return the columns of the classes of some rows."""
        ends = self.labels[rows.start], self.labels[rows.stop - 1]
        low = np.searchsorted(self.gallery_labels, ends[0], side="left")
        return slice(int(low), int(np.searchsorted(self.gallery_labels, ends[1], side="right")))


def count_ranks(search: TiledSearch, no_hit: int) -> tuple[NDArray[Any], ...]:
    """Return `RankCounters.results` of all queries, each (Q,), in their order; `no_hit` is `first_hit` for none."""
    groups = list(_query_groups(search))
    parts = [
        _count_group_ranks(search, rows, symmetric=search.symmetric and len(groups) == 1).results(no_hit)
        for rows in groups
    ]
    return tuple(np.concatenate(columns) for columns in zip(*parts, strict=True))


def _query_groups(search: TiledSearch) -> Iterator[slice]:
    """Split the queries so that the counters of a group's positives fit in bounded memory."""
    low = np.searchsorted(search.gallery_labels, search.labels, side="left")
    total = np.cumsum(np.searchsorted(search.gallery_labels, search.labels, side="right") - low)
    start = 0
    while start < len(total):
        budget = _MAX_POSITIVES + (total[start - 1] if start else 0)
        stop = max(start + 1, int(np.searchsorted(total, budget, side="right")))
        yield slice(start, stop)
        start = stop


def _count_group_ranks(search: TiledSearch, group: slice, *, symmetric: bool) -> RankCounters:
    """Return the counters of a group of queries after all tiles."""
    from atlantis_core.base.parallel import map_on_cores

    counters = _open_counters(search, group)
    columns = list(_ranges(0, len(search.right), _SIDE))

    def job(rows: slice) -> None:
        inside = slice(rows.start - group.start, rows.stop - group.start)
        for block in columns:
            if symmetric and block.start < rows.start:
                continue
            tile = _negative_scores(search, rows, block)
            counters.add_tile(inside, tile.numpy(), block.start)
            if symmetric and block != rows:
                counters.add_tile(block, tile.T.contiguous().numpy(), rows.start)

    for _ in map_on_cores(job, _ranges(group.start, group.stop, _SIDE)):
        pass
    return counters


def _negative_scores(search: TiledSearch, rows: slice, columns: slice) -> torch.Tensor:
    """Return a tile in which positives, the query itself and excluded images score -inf."""
    tile = search.scores(rows, columns)
    cells = tile.numpy()
    own = search.class_columns(rows)
    if own.start < columns.stop and columns.start < own.stop:
        cells[search.same_class(rows, columns)] = -np.inf
    cells[search.own(rows, columns)] = -np.inf
    for rule in search.ignoring:
        if not rule.own_class_only:
            cells[rule.cells(rows, columns)] = -np.inf
    return tile


def _open_counters(search: TiledSearch, group: slice) -> RankCounters:
    """Find the positives of a group of queries and start their counters."""
    row_parts, score_parts, column_parts = [], [], []
    for rows in _ranges(group.start, group.stop, max(1, min(_SIDE, _MAX_SCORES // len(search.right)))):
        columns = search.class_columns(rows)
        positive = search.same_class(rows, columns)
        positive[search.own(rows, columns)] = False
        for rule in search.ignoring:
            positive &= ~rule.cells(rows, columns)
        scores = search.scores(rows, columns).numpy()
        row, column = np.nonzero(positive & (scores > -np.inf))
        score_parts.append(scores[row, column])
        row_parts.append(row + rows.start - group.start)
        column_parts.append(column + columns.start)
    row, score, column = (np.concatenate(parts) for parts in (row_parts, score_parts, column_parts))
    return RankCounters(row, score, column, group.stop - group.start, search.tie)


def _ranges(start: int, stop: int, side: int) -> Iterator[slice]:
    return (slice(at, min(at + side, stop)) for at in range(start, stop, side))
