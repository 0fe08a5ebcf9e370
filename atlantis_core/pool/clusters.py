"""Groups of unlabelled photos that a model sees as the same thing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ALL_PAIRS = 5000
"""Up to this many photos all pairs are compared; beyond, only near ones may be joined, which needs less memory."""
_GRAPH_NEIGHBOURS = 20


def cluster_photos(embeddings: NDArray[np.float32], distance: float) -> NDArray[np.int64]:
    """Return the cluster of each of P photos (P, D), unit vectors: (P,), numbered by size, the largest first.

    Average linkage: two groups are joined while their photos' mean cosine distance is below `distance`.
    """
    if len(embeddings) < 2:
        return np.zeros(len(embeddings), np.int64)
    from sklearn.cluster import AgglomerativeClustering

    found = AgglomerativeClustering(
        n_clusters=None,
        metric="cosine",
        linkage="average",
        distance_threshold=distance,
        connectivity=_near_graph(embeddings) if len(embeddings) > _ALL_PAIRS else None,
    ).fit_predict(embeddings)
    return number_by_size(found)


def usual_distance(embeddings: NDArray[np.float32], labels: NDArray[np.str_]) -> float:
    """Return the cosine distance at which photos are as likely of one class as of two, by labelled photos (N, D).

    Photos of one class have a mean distance within it, and one to the nearest other class; the median over classes
    of the point halfway is where joining should stop.
    """
    names, numbers = np.unique(labels, return_inverse=True)
    if len(names) < 2:
        return 1.0
    sums = np.zeros((len(names), embeddings.shape[1]))
    np.add.at(sums, numbers, embeddings)
    counts = np.bincount(numbers)
    centres = sums / counts[:, None]
    between = 1 - centres @ centres.T  # of unit vectors, the product of two means is the mean product
    within = np.diag(between) * counts / np.maximum(counts - 1, 1)  # without the photo's distance of 0 to itself
    np.fill_diagonal(between, np.inf)
    return float(np.median((within + between.min(axis=1)) / 2))


def number_by_size(clusters: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the clusters renumbered: 0 is the largest; of equal ones the one that comes first."""
    _, first, inverse, sizes = np.unique(clusters, return_index=True, return_inverse=True, return_counts=True)
    order = np.lexsort((first, -sizes))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return rank[inverse]


def _near_graph(embeddings: NDArray[np.float32]) -> object:
    from sklearn.neighbors import kneighbors_graph

    return kneighbors_graph(embeddings, _GRAPH_NEIGHBOURS, metric="cosine", include_self=False)
