"""Class centres of real images, the reference of several scorers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from atlantis_core.base.errors import ToolError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CHUNK_ROWS = 512
"""Rows per chunk: data that fits the processor's cache is ten times as fast."""


@dataclass(frozen=True, slots=True)
class ClassCentres:
    """The mean embedding of each class.

    All methods raise `ToolError` for labels that no real image has, and for embeddings of another dimension.
    """

    labels: NDArray[np.int64]
    """Classes, ascending, (C,)."""
    points: NDArray[np.float64]
    """Their mean embeddings, (C, D)."""

    @classmethod
    def of(cls, embeddings: NDArray[np.float32] | NDArray[np.float64], labels: NDArray[np.int64]) -> Self:
        """Average real embeddings (N, D) by their labels (N,).

        Raises:
            ToolError: There are no embeddings, or not one label for each.
        """
        if embeddings.ndim != 2 or not len(embeddings) or labels.shape != (len(embeddings),):
            raise ToolError(
                f"a scorer needs real embeddings (N, D) with N > 0 and N labels, not {embeddings.shape} "
                f"with {labels.shape}; embed the real training images first"
            )
        classes, row_of = np.unique(labels, return_inverse=True)
        counts = np.bincount(row_of)
        # Sorted by class, since `np.add.at` takes 50 times as long.
        by_class = embeddings[np.argsort(row_of, kind="stable")]
        sums = np.add.reduceat(by_class, np.cumsum(counts) - counts, axis=0, dtype=np.float64)
        return cls(classes.astype(np.int64), sums / counts[:, None])

    def rows(self, labels: NDArray[np.int64]) -> NDArray[np.intp]:
        """Return the row of each label, (M,)."""
        rows = np.searchsorted(self.labels, labels).clip(0, len(self.labels) - 1)
        unknown = np.unique(labels[self.labels[rows] != labels])
        if unknown.size:
            raise ToolError(
                f"no real image has class {', '.join(map(str, unknown.tolist()))}; a scorer judges only "
                "classes it was fitted on: drop these candidates, or fit it on real images of these classes"
            )
        return rows

    def distances(self, embeddings: NDArray[np.float32] | NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the Euclidean distance of each of (M, D) embeddings to each centre, (M, C)."""
        points = self.to_double(embeddings)
        squares = (points**2).sum(1)[:, None] - 2 * points @ self.points.T + (self.points**2).sum(1)
        return np.asarray(np.sqrt(np.maximum(squares, 0)), dtype=np.float64)

    def distances_to_own(
        self, embeddings: NDArray[np.float32] | NDArray[np.float64], labels: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return the Euclidean distance of each of (M, D) embeddings to the centre of its label, (M,)."""
        rows, points = self.rows(labels), self.to_double(embeddings)
        squares = np.empty(len(rows))
        for start in range(0, len(rows), _CHUNK_ROWS):
            part = slice(start, start + _CHUNK_ROWS)
            offsets = points[part] - self.points[rows[part]]
            squares[part] = np.einsum("ij,ij->i", offsets, offsets)
        return np.sqrt(squares)

    def to_double(self, embeddings: NDArray[np.float32] | NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (M, D) embeddings in double precision, after checking their dimension."""
        if embeddings.ndim != 2 or embeddings.shape[1] != self.points.shape[1]:
            raise ToolError(
                f"candidate embeddings have shape {embeddings.shape}, real ones {self.points.shape[1]} dimensions; "
                "embed both with the same model"
            )
        return embeddings.astype(np.float64)
