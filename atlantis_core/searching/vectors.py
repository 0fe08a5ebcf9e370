"""Exact search: distances between query vectors and an index's vectors, and the nearest by comparing with each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.base.errors import SetupError
from atlantis_core.metrics.distances import Hyperbolic, check_distance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlantis_core.searching.chroma import ChromaCollection


@dataclass(frozen=True, slots=True, eq=False)
class IndexVectors:
    """The vectors of an index's images, in memory."""

    ids: tuple[str, ...]
    rows: NDArray[np.float32]
    """(N, D)"""

    def only(self, ids: Sequence[str]) -> IndexVectors:
        """Return the vectors of some ids, in the order they have here."""
        allowed = set(ids)
        kept = [row for row, name in enumerate(self.ids) if name in allowed]
        return IndexVectors(tuple(self.ids[row] for row in kept), self.rows[kept])


def read_vectors(chroma: ChromaCollection, dims: int, ids: Sequence[str] | None = None) -> IndexVectors:
    """Read the vectors (N, `dims`) of some images of an index, or of all (None)."""
    names: list[str] = []
    parts = [np.zeros((0, dims), np.float32)]
    for found, rows in chroma.pages(chroma.ids() if ids is None else ids, "embeddings"):
        names.extend(found)
        parts.append(np.asarray(rows, np.float32))
    return IndexVectors(tuple(names), np.concatenate(parts))


def to_query_vectors(vectors: object, dims: int, distance: str) -> NDArray[np.float32]:
    """Return one query vector (D) or several (Q, D) as (Q, D) float32, of unit length if the distance is cosine.

    Raises:
        SetupError: They are not such vectors.
    """
    try:
        rows = np.atleast_2d(np.asarray(vectors, dtype=np.float32))
    except (TypeError, ValueError) as error:
        raise SetupError("a query is a vector of numbers, or a list of such vectors") from error
    if rows.ndim != 2 or rows.shape[1] != dims:
        raise SetupError(f"vectors of this index have {dims} numbers, the query has {rows.shape[-1]}")
    if not np.isfinite(rows).all():
        raise SetupError("a query vector contains NaN or infinity")
    if distance != "cosine":
        return rows
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if not lengths.all():
        raise SetupError("a query vector is all zeros and has no direction")
    units: NDArray[np.float32] = rows / lengths
    return units


def compute_distances(
    queries: NDArray[np.float32], vectors: NDArray[np.float32], distance: str
) -> NDArray[np.float32]:
    """Return distances (Q, N) of queries (Q, D) and vectors (N, D), exact to float32.

    `cosine`, of vectors of unit length, is 1 minus the cosine; `hyperbolic:C` is geodesic, in a ball of curvature -C.

    Raises:
        SetupError: A point lies outside the ball.
    """
    if distance == "cosine":
        cosine: NDArray[np.float32] = queries @ vectors.T
        return np.maximum(1 - cosine, np.float32(0))
    import torch

    kind = check_distance(distance)
    assert isinstance(kind, Hyperbolic)
    try:
        left, right = kind.factors(queries, vectors)
    except ValueError as error:
        raise SetupError(f"these vectors are not embeddings of the index's model: {error}") from error
    scores = kind.finish(torch.from_numpy(left @ right.T)).numpy()
    return (scores / np.float32(-(kind.curvature**0.5))).astype(np.float32)


def find_nearest(
    queries: NDArray[np.float32], vectors: NDArray[np.float32], distance: str, top: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return rows (Q, k) and distances (Q, k) of the vectors nearest to each query, nearest first; k is at most N."""
    far = compute_distances(queries, vectors, distance)
    count = min(top, len(vectors))
    if not count:
        return np.zeros((len(queries), 0), np.int64), np.zeros((len(queries), 0), np.float32)
    part = np.argpartition(far, count - 1, axis=1)[:, :count]
    rows = np.take_along_axis(part, np.argsort(np.take_along_axis(far, part, 1), axis=1, kind="stable"), 1)
    return rows.astype(np.int64), np.take_along_axis(far, rows, 1)
