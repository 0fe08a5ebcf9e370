"""Rank counters: the number of negatives ahead of each positive, counted tile by tile without sorting.

Positives are few, so their scores are computed first and sorted in descending order. A negative is ahead of a
positive if its score is at least the positive's less the tie. Two results are needed per query: the number of
negatives ahead of the best positive (every Recall@K), and the ranks of the positives among the first R (AP@R). A
positive with R negatives ahead is closed, and so are all weaker ones. So a query has one threshold, which rises as
tiles are added, and one comparison per score finds everything that can still matter.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

TIE = 2.0**-20
"""Scores that differ by less are ties: 1e-6, a few float32 roundings of a unit-norm product."""

MAX_COLUMNS = 2040
"""Most columns counted at once: eight bytes are added as one integer, and each byte counts to 255."""

_FIRST_COLUMNS = 64  # counted before the first threshold; later pieces are 4 x the columns seen so far + 64


class RankCounters:
    """Counters of a group of queries; threads may add tiles at the same time."""

    def __init__(
        self,
        rows: NDArray[np.int64],
        scores: NDArray[np.float32],
        columns: NDArray[np.int64],
        queries: int,
        tie: float,
    ) -> None:
        """Start from the positives of queries 0..`queries`-1: `rows` (P,) are their queries, ascending.

        `scores` and `columns` (P,) are in the same order. Scores that differ by less than `tie` are ties.
        """
        by_score = np.argsort(_sort_keys(rows, scores), kind="stable")
        self._row, self._score, self._column = rows, scores[by_score], columns[by_score]
        self.positives = np.bincount(rows, minlength=queries)
        self._start = np.concatenate([[0], np.cumsum(self.positives)])
        self._order = np.arange(1, len(rows) + 1) - self._start[rows]
        self._level = self._score - np.float32(tie)
        self._keys = _sort_keys(rows, self._level)
        # Negatives by the best positive that they are ahead of; exact for open positives.
        self._ahead = np.zeros(len(rows), np.int64)
        self._open = self.positives.copy()
        self._threshold = np.full(queries, np.inf, np.float32)
        self._top = np.full(queries, np.iinfo(np.int64).min)
        self._top_column = np.full(queries, -1)
        self._seen = np.zeros(queries, np.int64)
        self._lock = Lock()
        self._close(slice(0, queries))

    def add_tile(self, rows: slice, scores: NDArray[np.float32], first_column: int) -> None:
        """Count a tile of negatives: scores (r, c) of the columns from `first_column` on.

        Images that are not negatives score -inf; of tied negatives the lowest column is the top-1.
        """
        width, at = scores.shape[1], 0
        while at < width:
            seen = int(self._seen[rows.start])
            piece = min(width - at, 4 * seen + _FIRST_COLUMNS, MAX_COLUMNS)
            self._count(rows, scores[:, at : at + piece])
            at += piece
        self._update_top(rows, scores, first_column)

    def _count(self, rows: slice, scores: NDArray[np.float32]) -> None:
        """Count the negatives ahead in a piece of a tile, and raise the thresholds."""
        with self._lock:
            threshold, single = self._threshold[rows].copy(), self._open[rows] <= 1
        width = scores.shape[1]
        mask = np.empty((len(scores), -(-width // 8) * 8), np.bool_)
        mask[:, width:] = False
        np.greater_equal(scores, threshold[:, None], out=mask[:, :width])
        eights = mask.view(np.int64).sum(axis=1)
        count = eights.view(np.uint8).reshape(-1, 8).sum(axis=1, dtype=np.int64)
        added = self._count_by_positive(rows, scores, mask, np.flatnonzero(~single & (count > 0)))
        once = np.flatnonzero(single & (count > 0))
        with self._lock:
            self._ahead[self._span(rows)] += added
            self._ahead[self._start[rows][once]] += count[once]
            self._seen[rows] += width
            self._close(rows)

    def _count_by_positive(
        self, rows: slice, scores: NDArray[np.float32], mask: NDArray[np.bool_], picked: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return, for every positive of the rows, how many negatives are ahead of it but not of a better one."""
        row, column = np.nonzero(mask[picked])
        row = picked[row]
        span = self._span(rows)
        position = np.searchsorted(self._keys[span], _sort_keys(row + rows.start, scores[row, column]))
        return np.bincount(position, minlength=span.stop - span.start)

    def _close(self, rows: slice) -> None:
        """Close positives that can no longer be among the first R; set the thresholds."""
        first = self._start[rows]
        span = self._span(rows)
        alive = self._rank(rows) <= self.positives[self._row[span]]
        open_count = np.bincount(self._row[span][alive] - rows.start, minlength=len(first))
        self._open[rows] = open_count
        some = self.positives[rows] > 0
        self._threshold[rows][some] = self._level[(first + np.maximum(open_count, 1) - 1)[some]]

    def _rank(self, rows: slice) -> NDArray[np.int64]:
        """Return the ranks of the rows' positives after the tiles so far; 1 is first."""
        span = self._span(rows)
        total = np.concatenate([[0], np.cumsum(self._ahead[span])])
        before = total[self._start[self._row[span]] - span.start]
        rank: NDArray[np.int64] = total[1:] - before + self._order[span]
        return rank

    def _update_top(self, rows: slice, scores: NDArray[np.float32], first_column: int) -> None:
        """Update the nearest negative; of tied ones, the lowest column."""
        best = scores.max(axis=1)
        real = np.isfinite(best)
        level = np.floor(np.where(real, best, 0).astype(np.float64) / TIE + 0.5).astype(np.int64)
        known, column = self._top[rows], self._top_column[rows]
        near = np.flatnonzero(real & ((level > known) | ((level == known) & (column > first_column))))
        if not len(near):
            return
        bound = np.minimum(((level[near] - 0.5) * TIE).astype(np.float32), best[near])
        found = first_column + (scores[near] >= bound[:, None]).argmax(axis=1)
        with self._lock:
            known, column = self._top[rows], self._top_column[rows]
            wins = (level[near] > known[near]) | ((level[near] == known[near]) & (found < column[near]))
            known[near[wins]], column[near[wins]] = level[near[wins]], found[wins]

    def _span(self, rows: slice) -> slice:
        """Return the index range of the rows' positives."""
        return slice(int(self._start[rows.start]), int(self._start[rows.stop]))

    def results(self, no_hit: int) -> tuple[NDArray[Any], ...]:
        """Return first hit, positives, nearest column, AP@R and R-precision, each (queries,), in query order.

        AP@R = 1/R * sum over i <= R of P(i), P(i) being the precision at i if the i-th is a positive, else 0
        (Musgrave et al., "A Metric Learning Reality Check", ECCV 2020, section 3.2).
        """
        queries = len(self.positives)
        has = self.positives > 0
        first = self._start[:-1][has]
        first_hit = np.full(queries, no_hit)
        first_hit[has] = self._ahead[first]
        rank = self._rank(slice(0, queries))
        alive = rank <= self.positives[self._row]
        relevant = np.maximum(self.positives, 1)
        precision = np.bincount(self._row[alive], (self._order / rank)[alive], queries) / relevant
        nearest = np.where(first_hit == 0, self._nearest_positive(has), self._top_column)
        return first_hit, self.positives, nearest, precision, self._open / relevant

    def _nearest_positive(self, has: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return the column of the nearest positive; of tied ones, the lowest."""
        best = np.full(len(self.positives), np.iinfo(np.int64).max)
        tied = self._score >= self._level[self._start[self._row]]
        np.minimum.at(best, self._row[tied], self._column[tied])
        return np.where(has, best, -1)


def _sort_keys(rows: NDArray[np.int64], scores: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return integers that sort by row, then by descending score; equal scores give equal integers."""
    bits = (scores + np.float32(0)).view(np.int32).astype(np.int64)  # + 0 turns -0.0 into 0.0
    rising = bits ^ ((bits >> 63) & 0x7FFFFFFF)
    return (rows.astype(np.int64) << 32) - rising
