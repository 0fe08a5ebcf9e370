"""Projects embeddings onto a plane so that neighbours stay neighbours (t-SNE)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.base.errors import SetupError

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEWEST = 5
"""With fewer images t-SNE has no neighbourhoods to preserve, so they are only projected by PCA."""

_DIMENSIONS = 50  # principal components given to t-SNE; van der Maaten and Hinton take 30
_PERPLEXITY = 30.0
_SPREAD = 1e-4  # standard deviation of the initial layout along its first axis


def project_to_plane(
    embeddings: NDArray[np.float32], distances: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Return positions (N, 2), each axis centred and the wider one of length 1.

    t-SNE (van der Maaten and Hinton, JMLR 9, 2008), initialised with principal components. Near positions are near
    embeddings; large distances and the sizes and shapes of clusters mean little. The result is deterministic.

    `distances` (N, N) are for t-SNE; None takes Euclidean distances, which rank unit vectors as the cosine does.

    Raises:
        SetupError: All embeddings are the same point.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    points = embeddings.astype(np.float64)
    if len(points) < 2 or float(points.std(axis=0).max()) < 1e-6:
        raise SetupError(f"all {len(points)} embeddings are the same point, so a map would show nothing")
    # Threads add in any order, and t-SNE amplifies a difference in the last bit.
    with threadpool_limits(limits=1):
        parts = min(_DIMENSIONS, len(points) - 1, points.shape[1])
        main = PCA(max(parts, 1), svd_solver="full").fit_transform(points)
        start = np.pad(main, ((0, 0), (0, max(0, 2 - main.shape[1]))))[:, :2]
        if len(points) < FEWEST:
            return _scale_to_unit(start)
        layout = TSNE(
            init=start / start[:, 0].std() * _SPREAD,
            perplexity=min(_PERPLEXITY, (len(points) - 1) / 3),
            metric="euclidean" if distances is None else "precomputed",
            random_state=0,
            n_jobs=1,
        ).fit_transform(main if distances is None else distances)
    return _scale_to_unit(np.asarray(layout, np.float64))


def _scale_to_unit(positions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Move and scale positions into the square from -1/2 to 1/2."""
    low, high = positions.min(axis=0), positions.max(axis=0)
    scaled: NDArray[np.float64] = (positions - (low + high) / 2) / max(float((high - low).max()), 1e-12)
    return scaled
