"""By which distance an index is searched, and which of Chroma's own leads there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.base.errors import SetupError
from atlantis_core.metrics.distances import Hyperbolic, check_distance

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CANDIDATES = 20  # per wanted hit, where Chroma's distance only leads near ours
_MIN_CANDIDATES = 200


def to_chroma_space(distance: str) -> str:
    """Return Chroma's distance for one of ours: cosine as it is; hyperbolic through Euclidean, then sorted anew."""
    return "cosine" if distance == "cosine" else "l2"


def count_candidates(distance: str, top: int) -> int:
    """Return how many hits to ask Chroma for, to have the `top` nearest among them."""
    return top if distance == "cosine" else max(_MIN_CANDIDATES, _CANDIDATES * top)


def compute_distances(
    queries: NDArray[np.float32], vectors: NDArray[np.float32], distance: str
) -> NDArray[np.float32]:
    """Return distances (Q, N), exact to float32.

    Args:
        queries: (Q, D), of unit length where the distance is cosine.
        vectors: (N, D), likewise.
        distance: `cosine` (1 minus the cosine) or `hyperbolic:C` (geodesic, in the ball of curvature -C).

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
        raise SetupError(f"these vectors are no embeddings of the model: {error}") from error
    scores = kind.finish(torch.from_numpy(left @ right.T)).numpy()
    return (scores / np.float32(-(kind.curvature**0.5))).astype(np.float32)


def to_query_vectors(vectors: object, dims: int, distance: str) -> NDArray[np.float32]:
    """Return query vectors as (Q, D) float32, of unit length where the distance is cosine.

    Args:
        vectors: One vector (D) or several (Q, D).
        dims: D of the index.
        distance: Of the index.

    Raises:
        SetupError: They are no such numbers.
    """
    try:
        rows = np.atleast_2d(np.asarray(vectors, dtype=np.float32))
    except (TypeError, ValueError) as error:
        raise SetupError("a query is a vector of numbers, or a list of such vectors") from error
    if rows.ndim != 2 or rows.shape[1] != dims:
        raise SetupError(f"this index holds vectors of {dims} numbers, the query has {rows.shape[-1]}")
    if not np.isfinite(rows).all():
        raise SetupError("a query vector holds NaN or infinity")
    if distance != "cosine":
        return rows
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if not lengths.all():
        raise SetupError("a query vector is all zeros and has no direction")
    units: NDArray[np.float32] = rows / lengths
    return units
