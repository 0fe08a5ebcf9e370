"""The vectors of an index in memory, and the nearest of them by comparing with each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.searching.index_distances import compute_distances

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlantis_core.searching.chroma import ChromaCollection


@dataclass(frozen=True, slots=True, eq=False)
class IndexVectors:
    """Images of an index by id, for exact answers."""

    ids: tuple[str, ...]
    rows: NDArray[np.float32]
    """(N, D)"""

    def only(self, ids: Sequence[str]) -> IndexVectors:
        """Return those of some ids, in the order that they have here."""
        allowed = set(ids)
        kept = [row for row, name in enumerate(self.ids) if name in allowed]
        return IndexVectors(tuple(self.ids[row] for row in kept), self.rows[kept])


def read_vectors(shelf: ChromaCollection, dims: int, ids: Sequence[str] | None = None) -> IndexVectors:
    """Read the vectors of some images of an index, or of all.

    Args:
        shelf: The index, open.
        dims: D.
        ids: Of the images; None takes all.

    Raises:
        SetupError: The index cannot be read.
    """
    names: list[str] = []
    parts = [np.zeros((0, dims), np.float32)]
    for found, rows in shelf.pages(shelf.ids() if ids is None else ids, "embeddings"):
        names.extend(found)
        parts.append(np.asarray(rows, np.float32))
    return IndexVectors(tuple(names), np.concatenate(parts))


def find_nearest(
    queries: NDArray[np.float32], vectors: NDArray[np.float32], distance: str, top: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return rows (Q, k) and distances (Q, k) of the nearest of N vectors, nearest first; k is at most N.

    Args:
        queries: (Q, D)
        vectors: (N, D)
        distance: See `spaces.distances_between`.
        top: k, where there are so many.
    """
    far = compute_distances(queries, vectors, distance)
    count = min(top, len(vectors))
    if not count:
        return np.zeros((len(queries), 0), np.int64), np.zeros((len(queries), 0), np.float32)
    part = np.argpartition(far, count - 1, axis=1)[:, :count]
    rows = np.take_along_axis(part, np.argsort(np.take_along_axis(far, part, 1), axis=1, kind="stable"), 1)
    return rows.astype(np.int64), np.take_along_axis(far, rows, 1)
