"""By what a gallery is sorted: cosine, Euclidean or hyperbolic distance.

Each distance turns embeddings into factors whose matrix product, finished, is a score: higher is nearer. So one
walk over tiles of a product serves all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

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


class Distance(Protocol):
    """What a ranking needs of a distance."""

    def factors(self, queries: NDArray[np.float32], gallery: NDArray[np.float32]) -> tuple[Factor, Factor]:
        """Return (Q, F) and (G, F) whose product `finish` makes scores of.

        Raises:
            ValueError: The distance is not defined for such embeddings.
        """

    def finish(self, product: torch.Tensor) -> torch.Tensor:
        """Return float32 scores, higher is nearer; may overwrite the product."""


class Cosine:
    """Cosine similarity of unit-norm embeddings; the score is the cosine."""

    def factors(self, queries: NDArray[np.float32], gallery: NDArray[np.float32]) -> tuple[Factor, Factor]:
        """Return the embeddings (Q, D) and (G, D) as they are.

        Raises:
            ValueError: One is not of unit norm.
        """
        for what, embeddings in (("query", queries), ("gallery", gallery)):
            if len(embeddings) and float(_squares(embeddings).max()) > 1.01:
                raise ValueError(f"{what} embeddings must have unit norm; divide each by its length")
        return queries.astype(np.float32, copy=False), gallery.astype(np.float32, copy=False)

    def finish(self, product: torch.Tensor) -> torch.Tensor:
        """Return the product, which is the score."""
        return product


class Euclidean:
    """Euclidean distance; the score is minus half its square, in units of the largest squared distance to the mean.

    On unit-norm embeddings it ranks as the cosine does.
    """

    def factors(self, queries: NDArray[np.float32], gallery: NDArray[np.float32]) -> tuple[Factor, Factor]:
        """Return factors (Q, D + 2), (G, D + 2) of x.y - |x|^2/2 - |y|^2/2, moved to the mean: little cancels."""
        centre = gallery.mean(axis=0, dtype=np.float64)
        left, right = queries - centre, gallery - centre
        largest = max(float(_squares(left).max()), float(_squares(right).max()), 1e-30) ** 0.5
        first, second = _bilinear(left / largest, right / largest)
        return first.astype(np.float32), second.astype(np.float32)

    def finish(self, product: torch.Tensor) -> torch.Tensor:
        """Return the product, which is the score."""
        return product


class Hyperbolic:
    """Geodesic distance in the Poincare ball of curvature -c; the score is minus the distance times sqrt(c).

    d(x, y) = arcosh(1 + 2c |x - y|^2 / ((1 - c|x|^2)(1 - c|y|^2))) / sqrt(c) (Nickel and Kiela, NeurIPS 2017,
    eq. 1, there c = 1). Products are taken in float64: towards the rim of the ball float32 would cancel.
    """

    def __init__(self, curvature: float | str = 1.0) -> None:
        """Take c > 0; `hyperbolic:0.1` is c = 0.1.

        Raises:
            ValueError: It is not a positive number.
        """
        self.curvature = float(curvature)
        if not 0 < self.curvature < float("inf"):
            raise ValueError(f"curvature {curvature!r}: c must be above 0 (the ball's curvature is -c)")

    def factors(self, queries: NDArray[np.float32], gallery: NDArray[np.float32]) -> tuple[Factor, Factor]:
        """Return float64 factors (Q, D + 2) and (G, D + 2) of minus half of |x - y|^2 c / ((1 - c|x|^2)(1 - c|y|^2)).

        Raises:
            ValueError: A point lies outside the ball.
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
        """Return minus arcosh(1 - 4 product)."""
        return product.mul_(-4).add_(1).clamp_(min=1).acosh_().neg_().float()


def _squares(points: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return (N,) squared norms."""
    squares: NDArray[np.float64] = np.square(points, dtype=np.float64).sum(axis=1)
    return squares


def _bilinear(left: NDArray[np.float64], right: NDArray[np.float64]) -> tuple[Factor, Factor]:
    """Return factors of minus half the squared Euclidean distance."""
    ones = np.ones((len(left), 1)), np.ones((len(right), 1))
    first = np.concatenate([left, -_squares(left)[:, None] / 2, ones[0]], axis=1)
    return first, np.concatenate([right, ones[1], -_squares(right)[:, None] / 2], axis=1)
