"""k-reciprocal re-ranking: entries that are among each other's neighbours come first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from atlantis_core.base.errors import SetupError
from atlantis_core.learning.serving.interface import Entries, ServedGallery, check_count
from atlantis_core.learning.serving.neighbours import nearest_entries

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array


@dataclass(frozen=True, slots=True)
class Rerank:
    """k-reciprocal encoding (Zhong et al., "Re-ranking Person Re-identification", CVPR 2017, sections 3.2 to 3.4).

    Unlike there, every query is encoded alone: it is a neighbour of an entry if it is nearer than the entry's k1-th
    neighbour, and entries are encoded among themselves. So a query's answer does not depend on other queries.
    """

    order: ClassVar[int] = 60
    needs_reference: ClassVar[bool] = False

    k1: int = 20
    """Neighbours that must find each other."""
    k2: int = 6
    """Neighbours over which encodings are averaged, the entry itself among them."""
    weight: float = 0.3
    """Weight of the distance by score beside the Jaccard distance: lambda."""
    top: int = 100
    """First entries that are ordered again."""

    def __post_init__(self) -> None:
        for name in ("k1", "k2", "top"):
            check_count(f"serving 'rerank': {name}", getattr(self, name), 1000)
        if not 0 <= self.weight <= 1:
            raise SetupError(f"serving 'rerank': weight is from 0 to 1, not {self.weight!r}")

    def fit(self, served: ServedGallery) -> ServedGallery:
        """Return the gallery with the encodings of its entries.

        Raises:
            SetupError: Prototypes are among the entries.
        """
        if served.left_out is not None:
            raise SetupError("serving 'rerank' orders photos by their neighbours; leave out prototypes or rerank")
        return replace(served, reranking=_fit_reranked(served.entries, self))


@dataclass(frozen=True, slots=True, eq=False)
class _Reranked:
    entries: Entries
    options: Rerank
    farthest: NDArray[np.float32]
    """(E,) cosine of every entry to its k1-th neighbour."""
    half: csr_array
    """(E, E) which entries are among each other's k1 / 2 neighbours."""
    encodings: csr_array
    """(E, E) rows of sum 1."""
    raw: csr_array
    """(E, E) the same before they are averaged over k2 neighbours."""

    def rerank(
        self, vectors: NDArray[np.float32], own_entry: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the first entries (Q, M) and scores (Q, M); the last of them keeps its score, so all stay ahead."""
        rows, scores = nearest_entries(vectors, self.entries, self.options.top, own_entry)
        encodings = self._encode(vectors, own_entry)
        final = np.zeros_like(scores)
        for query in range(len(vectors)):
            found = rows[query] >= 0
            dense = encodings[[query]].toarray()[0]
            others = self.encodings[rows[query, found]]
            shared = others.copy()
            shared.data = np.minimum(others.data, dense[others.indices])
            common = shared.sum(axis=1)
            jaccard = 1 - common / (dense.sum() + others.sum(axis=1) - common)
            mixed = (1 - self.options.weight) * jaccard + self.options.weight * (1 - scores[query, found])
            final[query, found] = scores[query, found].min() + (mixed.max() - mixed)
        return rows, final

    def _encode(self, vectors: NDArray[np.float32], own_entry: NDArray[np.int64]) -> csr_array:
        """Return encodings (Q, E) of queries: averaged over the query and its nearest entries."""
        plain = replace(self.entries, scale=np.ones_like(self.entries.scale), shift=np.zeros_like(self.entries.shift))
        near, cosines = nearest_entries(vectors, plain, self.options.k1, own_entry)
        mutual = (near >= 0) & (cosines >= self.farthest[near])
        raw = _weigh(_expand(_matrix(near, mutual, len(self.entries)), self.half), vectors, self.entries.vectors)
        friends = near[:, : self.options.k2 - 1]
        total = raw + _matrix(friends, friends >= 0, len(self.entries)) @ self.raw
        averaged: csr_array = (total / (1 + (friends >= 0).sum(axis=1))[:, None]).tocsr()
        return averaged


def _fit_reranked(entries: Entries, options: Rerank) -> _Reranked:
    count = len(entries)
    plain = replace(entries, scale=np.ones_like(entries.scale), shift=np.zeros_like(entries.shift))
    near, cosines = nearest_entries(entries.vectors, plain, options.k1, np.arange(count))
    half = _mutual(near[:, : max(1, options.k1 // 2)], count)
    raw = _weigh(_expand(_mutual(near, count), half), entries.vectors, entries.vectors)
    first = np.concatenate([np.arange(count)[:, None], near[:, : options.k2 - 1]], axis=1)
    averaged = _matrix(first, first >= 0, count) @ raw / (first >= 0).sum(axis=1)[:, None]
    return _Reranked(entries, options, cosines[:, -1], half, averaged.tocsr(), raw)


def _matrix(columns: NDArray[np.int64], chosen: NDArray[np.bool_], width: int) -> csr_array:
    """Return a matrix (N, width) of ones where `columns` (N, k) are chosen, and zeros elsewhere."""
    from scipy.sparse import csr_array

    rows = np.nonzero(chosen)[0]
    return csr_array((np.ones(len(rows)), (rows, columns[chosen])), shape=(len(columns), width))


def _mutual(near: NDArray[np.int64], count: int) -> csr_array:
    """Return (E, E), which entries are among each other's neighbours (E, k); each is its own."""
    from scipy.sparse import eye_array

    found = (_matrix(near, near >= 0, count) + eye_array(count)).tocsr()
    mutual: csr_array = found.multiply(found.T).tocsr()
    return mutual


def _expand(mutual: csr_array, half: csr_array) -> csr_array:
    """Add to each row's neighbours those of a neighbour that shares more than two thirds of its own (equation 5)."""
    from scipy.sparse import csr_array

    shared = mutual.multiply(mutual @ half.T).tocoo()
    enough = shared.data > 2 / 3 * half.sum(axis=1)[shared.col]
    chosen = csr_array((np.ones(enough.sum()), (shared.row[enough], shared.col[enough])), shape=mutual.shape)
    expanded: csr_array = ((mutual + chosen @ half) > 0).tocsr()
    return expanded


def _weigh(neighbours: csr_array, left: NDArray[np.float32], right: NDArray[np.float32]) -> csr_array:
    """Return encodings: exp(-d) of every neighbour, d being 1 less the cosine, in rows of sum 1 (equation 7)."""
    from scipy.sparse import csr_array

    found = neighbours.tocoo()
    weights = np.exp(np.einsum("nd,nd->n", left[found.row], right[found.col]).astype(np.float64) - 1)
    total = np.bincount(found.row, weights, found.shape[0])
    return csr_array((weights / total[found.row], (found.row, found.col)), shape=found.shape)
