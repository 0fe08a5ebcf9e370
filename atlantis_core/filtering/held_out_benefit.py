"""Whether synthetic images in the gallery help real images that were held out to find their class.

Each real image is a query once; the other real images are the gallery, with or without the synthetic ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FOLDS = 10
"""Groups of real images that are held out together from the scorer; each query is held out alone from the gallery."""

MOST_QUERIES = 2000
"""Largest number of real images that are queries."""

SMOOTHING = 0.4
"""Width of the step from a miss to a hit, in standard deviations of the queries' leads without synthetic images."""

_NOWHERE = -9.0
"""Below any cosine."""


@dataclass(frozen=True, slots=True)
class HeldOutQueries:
    """Q real images as queries, against the other real images and M synthetic ones of C classes."""

    folds: NDArray[np.int64]
    """Fold of every real image, (N,)."""
    rows: NDArray[np.intp]
    """Which real images are queries: those whose class has another one, (Q,)."""
    own: NDArray[np.intp]
    """Column of a query's class, C if the class has no synthetic image, (Q,)."""
    real: NDArray[np.float64]
    """Cosines to the nearest other real image of the own class, and of any other class, (Q, 2)."""
    cosines: NDArray[np.float32]
    """To the synthetic images, (Q, M)."""
    columns: NDArray[np.intp]
    """Column of each synthetic image's class, (M,)."""

    @classmethod
    def of(
        cls,
        embeddings: NDArray[np.float64],
        labels: NDArray[np.int64],
        synthetic: NDArray[np.float64],
        synthetic_labels: NDArray[np.int64],
    ) -> Self:
        """Compare real images (N, D) with each other and with synthetic ones (M, D)."""
        folds, rows = _deal_folds(labels), _choose_queries(labels)
        classes, columns = np.unique(synthetic_labels, return_inverse=True)
        own = np.searchsorted(classes, labels[rows])
        has_synthetic = np.isin(labels[rows], classes)
        gallery, made = _normalise(embeddings), _normalise(synthetic)
        nearest = [_find_nearest_real(gallery, labels, row) for row in rows]
        cosines = (gallery[rows] @ made.T).astype(np.float32)
        own = np.where(has_synthetic, own, len(classes))
        return cls(folds, rows, own, np.array(nearest).reshape(-1, 2), cosines, columns)

    def find_best(self, kept: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return each query's cosine to the nearest kept synthetic image of each class, (Q, C + 1).

        `kept` is (Q, M), since the scorer that a query is held out from may choose others. The last column, of no
        class, is below any cosine, as is that of a class of which nothing is kept.
        """
        best = np.full((len(self.rows), int(self.columns.max()) + 2), _NOWHERE)
        for column in range(best.shape[1] - 1):
            members = np.flatnonzero(self.columns == column)
            best[:, column] = np.where(kept[:, members], self.cosines[:, members], _NOWHERE).max(axis=1)
        return best

    def measure_leads(self, best: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return by how much the own class leads in cosine, (Q,); above 0 it is found first. `best`: `find_best`."""
        here = np.arange(len(self.own))
        others = best.copy()
        others[here, self.own] = _NOWHERE
        own = np.maximum(self.real[:, 0], best[here, self.own])
        lead: NDArray[np.float64] = own - np.maximum(self.real[:, 1], others.max(axis=1))
        return lead

    def measure_leads_without(self, best: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the leads when a class has no synthetic image, for each class, (Q, C)."""
        leads = np.empty((len(best), best.shape[1] - 1))
        for column in range(leads.shape[1]):
            without = best.copy()
            without[:, column] = _NOWHERE
            leads[:, column] = self.measure_leads(without)
        return leads

    def measure_real_leads(self) -> NDArray[np.float64]:
        """Return the leads with no synthetic image at all, (Q,)."""
        return np.asarray(self.real[:, 0] - self.real[:, 1])

    def smooth(self, leads: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return soft hits, 0 to 1, of leads.

        A normal distribution function takes the place of the step at 0: a query that barely misses counts nearly as
        one that barely hits, so small sets of queries can be compared.
        """
        from scipy.special import ndtr

        width = SMOOTHING * float(self.measure_real_leads().std())
        return np.asarray(ndtr(leads / width) if width else (leads > 0).astype(np.float64))


def _deal_folds(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return a fold for each real image; images of a class lie in different folds as far as possible."""
    order = np.argsort(labels, kind="stable")
    rng, folds = np.random.default_rng(0), np.empty(len(labels), np.int64)
    _, starts = np.unique(labels[order], return_index=True)
    for place, members in enumerate(np.split(order, starts[1:])):
        folds[rng.permutation(members)] = (np.arange(len(members)) + place) % FOLDS
    return folds


def _choose_queries(labels: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return the rows of images whose class has two or more, a random sample if they are many."""
    _, classes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    rows = np.flatnonzero(counts[classes] > 1)
    if len(rows) > MOST_QUERIES:
        rows = np.sort(np.random.default_rng(0).choice(rows, MOST_QUERIES, replace=False))
    return rows


def _find_nearest_real(
    embeddings: NDArray[np.float64], labels: NDArray[np.int64], row: np.intp
) -> tuple[float, float]:
    cosines = embeddings @ embeddings[row]
    cosines[row] = _NOWHERE
    own = labels == labels[row]
    return float(cosines[own].max()), float(cosines[~own].max())


def _normalise(embeddings: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    return np.asarray(embeddings / np.maximum(lengths, 1e-12))
