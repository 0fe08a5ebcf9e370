"""Embeddings laid out on a plane so that neighbours stay neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.base.errors import SetupError

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEWEST = 5
"""With fewer images t-SNE has no neighbourhoods to keep; they are only projected."""

_DIMENSIONS = 50  # what t-SNE sees of flat embeddings; van der Maaten and Hinton take 30
_PERPLEXITY = 30.0
_SPREAD = 1e-4  # of the start along its first axis


def project_to_plane(
    embeddings: NDArray[np.float32], distances: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Return places (N, 2), each axis centred and the wider one of length 1.

    Principal components, then t-SNE (van der Maaten and Hinton, JMLR 9, 2008) from them. Near places are near
    embeddings; far places, sizes and shapes of clusters mean little. Nothing is left to chance: the start decides.

    Args:
        embeddings: (N, D), finite.
        distances: (N, N) by which neighbours are found; None takes the Euclidean ones, which rank unit vectors as
            the cosine does.

    Raises:
        SetupError: All embeddings are one point.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    points = embeddings.astype(np.float64)
    if len(points) < 2 or float(points.std(axis=0).max()) < 1e-6:
        raise SetupError(f"all {len(points)} embeddings are one point, so there is nothing to lay out on a map")
    # Threads add up in any order, and t-SNE makes much of the last bit.
    with threadpool_limits(limits=1):
        parts = min(_DIMENSIONS, len(points) - 1, points.shape[1])
        main = PCA(max(parts, 1), svd_solver="full").fit_transform(points)
        start = np.pad(main, ((0, 0), (0, max(0, 2 - main.shape[1]))))[:, :2]
        if len(points) < FEWEST:
            return _framed(start)
        layout = TSNE(
            init=start / start[:, 0].std() * _SPREAD,
            perplexity=min(_PERPLEXITY, (len(points) - 1) / 3),
            metric="euclidean" if distances is None else "precomputed",
            random_state=0,
            n_jobs=1,
        ).fit_transform(main if distances is None else distances)
    return _framed(np.asarray(layout, np.float64))


def _framed(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Move and scale places into the square from -1/2 to 1/2."""
    low, high = places.min(axis=0), places.max(axis=0)
    framed: NDArray[np.float64] = (places - (low + high) / 2) / max(float((high - low).max()), 1e-12)
    return framed
