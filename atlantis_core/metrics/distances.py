"""By what a gallery is sorted: cosine, Euclidean or hyperbolic distance.

Each distance turns embeddings into factors whose matrix product, finished, is a score: higher is nearer. So one
walk over tiles of a product serves all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from atlantis_core.base.errors import SetupError
from atlantis_core.base.registry import build_part

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    Factor = NDArray[np.floating[Any]]


DISTANCES = {
    "cosine": "atlantis_core.metrics.distances:Cosine",
    "euclidean": "atlantis_core.metrics.distances:Euclidean",
    "hyperbolic": "atlantis_core.metrics.distances:Hyperbolic",
}
"""Distance name -> `module:Class`; `hyperbolic:0.1` is a ball of curvature -0.1."""

CURVATURES = (1e-6, 1e6)
"""c lies above the first and is at most the second: in flatter balls rounding decides who is near, as if all were."""
_IN_BOUNDS = f"C must be above {CURVATURES[0]:g} and at most {CURVATURES[1]:g}"


class Distance(Protocol):
    """What a ranking needs of a distance."""

    def factors(self, queries: NDArray[np.float32], gallery: NDArray[np.float32]) -> tuple[Factor, Factor]:
        """Return (Q, F) and (G, F) whose product `finish` makes scores of.

        Args:
            queries: (Q, D) embeddings.
            gallery: (G, D) embeddings.

        Raises:
            ValueError: The distance is not defined for such embeddings.
        """

    def finish(self, product: torch.Tensor) -> torch.Tensor:
        """Return float32 scores (q, g) for a product (q, g), higher is nearer; may overwrite the product."""


class Cosine:
    """Cosine similarity of unit-norm embeddings; the score is the cosine."""

    def factors(self, queries: NDArray[np.float32], gallery: NDArray[np.float32]) -> tuple[Factor, Factor]:
        """Return the embeddings as they are, (Q, D) and (G, D) in float32.

        Raises:
            ValueError: An embedding is longer than 1.
        """
        for what, embeddings in (("query", queries), ("gallery", gallery)):
            if len(embeddings) and float(_squares(embeddings).max()) > 1.01:
                raise ValueError(f"{what} embeddings must have unit norm; divide each by its length")
        return queries.astype(np.float32, copy=False), gallery.astype(np.float32, copy=False)

    def finish(self, product: torch.Tensor) -> torch.Tensor:
        """Return the product (q, g), which is the cosine, in [-1, 1]."""
        return product


class Euclidean:
    """Euclidean distance; the score is minus half its square, in units of the largest squared distance to the mean.

    On unit-norm embeddings it ranks as the cosine does.
    """

    def factors(self, queries: NDArray[np.float32], gallery: NDArray[np.float32]) -> tuple[Factor, Factor]:
        """Return factors (Q, D + 2) and (G, D + 2) of x.y - |x|^2/2 - |y|^2/2, in float32.

        Embeddings are moved to the gallery's mean first, so that little cancels.
        """
        centre = gallery.mean(axis=0, dtype=np.float64)
        left, right = queries - centre, gallery - centre
        largest = max(float(_squares(left).max()), float(_squares(right).max()), 1e-30) ** 0.5
        first, second = _bilinear(left / largest, right / largest)
        return first.astype(np.float32), second.astype(np.float32)

    def finish(self, product: torch.Tensor) -> torch.Tensor:
        """Return the product (q, g), which is the score, at most 0."""
        return product


class Hyperbolic:
    """Geodesic distance in the Poincare ball of curvature -c; the score is minus the distance times sqrt(c).

    d(x, y) = arcosh(1 + 2c |x - y|^2 / ((1 - c|x|^2)(1 - c|y|^2))) / sqrt(c) (Nickel and Kiela, NeurIPS 2017,
    eq. 1, there c = 1). Products are taken in float64: towards the rim of the ball float32 would cancel.
    """

    def __init__(self, curvature: float | str = 1.0) -> None:
        """Take c; `hyperbolic:0.1` is c = 0.1.

        Raises:
            ValueError: It is no number within `CURVATURES`.
        """
        self.curvature, (low, high) = float(curvature), CURVATURES
        if not low < self.curvature <= high:
            raise ValueError(f"curvature {curvature!r}: {_IN_BOUNDS} (the ball's curvature is -c)")

    def factors(self, queries: NDArray[np.float32], gallery: NDArray[np.float32]) -> tuple[Factor, Factor]:
        """Return float64 factors (Q, D + 2) and (G, D + 2) of minus half of |x - y|^2 c / ((1 - c|x|^2)(1 - c|y|^2)).

        Raises:
            ValueError: An embedding lies outside the ball of radius 1 / sqrt(c).
        """
        left, right = (part.astype(np.float64) * self.curvature**0.5 for part in (queries, gallery))
        stretch = []
        for what, points in (("query", left), ("gallery", right)):
            room = 1 - _squares(points)
            if room.min() <= 0:
                radius = self.curvature**-0.5
                raise ValueError(f"{what} embeddings must lie inside the ball of radius {radius:g}; map them into it")
            stretch.append(1 / room[:, None])
        first, second = _bilinear(left, right)
        return first * stretch[0], second * stretch[1]

    def finish(self, product: torch.Tensor) -> torch.Tensor:
        """Return minus arcosh(1 - 4 product) for a product (q, g): minus the distance times sqrt(c), at most 0."""
        return product.mul_(-4).add_(1).clamp_(min=1).acosh_().neg_().float()


def check_distance(text: str) -> Distance:
    """Return a distance that a person named.

    Args:
        text: `cosine`, `euclidean` or `hyperbolic:C`, a ball of curvature -C.

    Raises:
        SetupError: There is no such distance, or it cannot be told what stands behind the colon.
    """
    short, _, told = text.partition(":")
    if short in {"cosine", "euclidean"} and told:
        raise SetupError(f"distance {text!r}: {short} takes nothing behind it; write {short}")
    try:
        found: Distance = build_part(DISTANCES, text, "distance", Distance)
    except ValueError as error:
        raise SetupError(f"distance {text!r}: {_IN_BOUNDS}; write it like hyperbolic:0.1") from error
    return found


def _squares(points: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return (N,) squared norms."""
    squares: NDArray[np.float64] = np.square(points, dtype=np.float64).sum(axis=1)
    return squares


def _bilinear(left: NDArray[np.float64], right: NDArray[np.float64]) -> tuple[Factor, Factor]:
    """Return factors of minus half the squared Euclidean distance."""
    ones = np.ones((len(left), 1)), np.ones((len(right), 1))
    first = np.concatenate([left, -_squares(left)[:, None] / 2, ones[0]], axis=1)
    return first, np.concatenate([right, ones[1], -_squares(right)[:, None] / 2], axis=1)
