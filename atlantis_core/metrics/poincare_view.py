"""Hyperbolic search as cosine search: vectors whose cosines sort a gallery exactly as geodesic distances do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.errors import TrainingFailed

if TYPE_CHECKING:
    from numpy.typing import NDArray

_THIN = 1e-5  # least 1 - c |x|^2, as in training


def as_cosines(
    queries: NDArray[np.float32], gallery: NDArray[np.float32], c: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return unit vectors (Q, D + 2) and (G, D + 2): for each query, nearer in the ball is of higher cosine.

    On the hyperboloid (Nickel and Kiela 2018, section 3.1) x is (x0, xs) with
    x0 = (1 + c |x|^2) / (1 - c |x|^2), xs = 2 sqrt(c) x / (1 - c |x|^2), and cosh(sqrt(c) d) = q0 g0 - qs.gs, an
    inner product. One more number makes all gallery vectors equally long, as in Bachrach et al. (2014); the length
    of a query changes no order. Queries and gallery are mapped differently, so that only cosines between the two
    mean anything. `rank` tells cosines apart to 1e-6, which is 1e-6 of the largest cosh in the collection.

    Args:
        queries: Points of the ball (Q, D).
        gallery: Points of the ball (G, D).
        c: The ball has curvature -c.

    Raises:
        TrainingFailed: An embedding is not finite; the model diverged.
    """
    asked, found = _hyperboloid(queries, c), _hyperboloid(gallery, c)
    asked[:, 0] *= -1
    squares = np.square(found).sum(axis=1)
    longest = squares.max(initial=0.0)
    found = np.column_stack([found, np.sqrt(np.maximum(longest - squares, 0.0))])
    asked = np.column_stack([asked, np.zeros(len(asked))])
    asked /= np.linalg.norm(asked, axis=1, keepdims=True)
    return asked.astype(np.float32), (found / np.sqrt(longest or 1.0)).astype(np.float32)


def _hyperboloid(points: NDArray[np.float32], c: float) -> NDArray[np.float64]:
    """Return (N, D + 1) points of the hyperboloid, x0 first."""
    if not np.isfinite(points).all():
        raise TrainingFailed("the model returned embeddings that are not finite; it diverged")
    wide = points.astype(np.float64)
    squares = c * np.square(wide).sum(axis=1, keepdims=True)
    stacked: NDArray[np.float64] = np.concatenate([1 + squares, 2 * np.sqrt(c) * wide], axis=1)
    stacked /= np.maximum(1 - squares, _THIN)
    return stacked
