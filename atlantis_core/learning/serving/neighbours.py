"""The nearest reference photos and entries of many vectors, exact, in tiles of bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlantis_core.learning.serving.interface import Entries, Photos

_ROWS, _COLUMNS = 512, 8192  # of a tile: 16 MiB of cosines


def nearest_cosines(
    vectors: NDArray[np.float32], labels: NDArray[np.int64], reference: Photos, k: int
) -> NDArray[np.float32]:
    """Return (N, k) cosines of vectors (N, D) of classes (N,) to their nearest reference photos, descending.

    Reference photos of a vector's own class do not count: they are near because they should be. With fewer than k
    others the rest of the row is -inf.
    """
    import torch

    from atlantis_core.base.parallel import map_on_cores

    found = np.full((len(vectors), k), -np.inf, np.float32)

    def fill(start: int) -> None:
        rows = slice(start, start + _ROWS)
        best = torch.from_numpy(found[rows])
        left = torch.from_numpy(vectors[rows])
        for column in range(0, len(reference), _COLUMNS):
            block = slice(column, column + _COLUMNS)
            tile = left @ torch.from_numpy(reference.vectors[block]).T
            own = labels[rows, None] == reference.labels[None, block]
            tile.numpy()[own & (labels[rows, None] >= 0)] = -np.inf
            best = torch.cat([best, tile], dim=1).topk(k, dim=1).values
        found[rows] = best.numpy()

    for _ in map_on_cores(fill, range(0, len(vectors), _ROWS)):
        pass
    return found


def nearest_entries(
    vectors: NDArray[np.float32], entries: Entries, k: int, own: NDArray[np.int64] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return rows and scores, each (N, k), of the entries that score highest for vectors (N, D), best first.

    `own` (N,) is an entry that a vector does not find, or -1. With fewer than k entries the rest is -1 and -inf.
    """
    import torch

    from atlantis_core.base.parallel import map_on_cores

    rows, scores = np.full((len(vectors), k), -1), np.full((len(vectors), k), -np.inf, np.float32)
    right = torch.from_numpy(entries.vectors * entries.scale[:, None])
    shift = torch.from_numpy(entries.shift)

    def fill(start: int) -> None:
        span = slice(start, start + _ROWS)
        best, at = torch.from_numpy(scores[span]), torch.from_numpy(rows[span])
        left = torch.from_numpy(vectors[span])
        for column in range(0, len(entries), _COLUMNS):
            block = slice(column, column + _COLUMNS)
            tile = torch.addmm(shift[None, block], left, right[block].T)
            if own is not None:
                inside = np.flatnonzero((own[span] >= column) & (own[span] < column + tile.shape[1]))
                tile.numpy()[inside, own[span][inside] - column] = -np.inf
            near = tile.topk(min(k, tile.shape[1]), dim=1)
            found = torch.cat([best, near.values], dim=1).topk(k, dim=1)
            at = torch.cat([at, near.indices + column], dim=1).gather(1, found.indices)
            best = found.values
        rows[span], scores[span] = np.where(best.numpy() > -np.inf, at.numpy(), -1), best.numpy()

    for _ in map_on_cores(fill, range(0, len(vectors), _ROWS)):
        pass
    return rows, scores


def mean_of_nearest(cosines: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (N,) means of the finite values of (N, k) cosines; a row without any gets the mean of the others."""
    known = np.isfinite(cosines)
    counts = known.sum(axis=1)
    sums = np.where(known, cosines, 0).sum(axis=1, dtype=np.float64)
    usual = sums[counts > 0] / counts[counts > 0]
    filled = np.where(counts > 0, sums / np.maximum(counts, 1), usual.mean() if len(usual) else 0.0)
    return filled.astype(np.float32)
