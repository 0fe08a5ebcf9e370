"""Distances by which a gallery is ranked: cosine, Euclidean and hyperbolic.

Each distance turns embeddings into factors; `finish` turns the matrix product of the factors into scores, of which
higher is nearer. So one tiled matrix product serves all distances.
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
"""Distance name -> `module:Class`; `hyperbolic:0.1` is the ball of curvature -0.1."""

CURVATURES = (1e-6, 1e6)
"""Bounds of c, the lower one exclusive: in flatter balls rounding decides the ranks."""
_IN_BOUNDS = f"C must be above {CURVATURES[0]:g} and at most {CURVATURES[1]:g}"


class Distance(Protocol):
    """A distance that `rank_gallery` can rank by."""

    def factors(self, queries: NDArray[np.float32], gallery: NDArray[np.float32]) -> tuple[Factor, Factor]:
        """Return factors (Q, F) and (G, F) of embeddings (Q, D) and (G, D), for `finish`.

        Raises:
            ValueError: The distance is not defined for such embeddings.
        """

    def finish(self, product: torch.Tensor) -> torch.Tensor:
        """Return float32 scores (q, g) of a product (q, g), higher is nearer; may overwrite the product."""


class Cosine:
    """Cosine similarity of unit-norm embeddings; the score is the cosine."""

    def factors(self, queries: NDArray[np.float32], gallery: NDArray[np.float32]) -> tuple[Factor, Factor]:
        """Return the embeddings unchanged, (Q, D) and (G, D) in float32.

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

    On unit-norm embeddings it ranks like the cosine.
    """

    def factors(self, queries: NDArray[np.float32], gallery: NDArray[np.float32]) -> tuple[Factor, Factor]:
        """Return factors (Q, D + 2) and (G, D + 2) of x.y - |x|^2/2 - |y|^2/2, in float32.

        The gallery's mean is subtracted first, to reduce cancellation.
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
    eq. 1, there c = 1). Products are computed in float64, because float32 would cancel near the rim of the ball.
    """

    def __init__(self, curvature: float | str = 1.0) -> None:
        """Set c; `hyperbolic:0.1` is c = 0.1.

        Raises:
            ValueError: It is not a number within `CURVATURES`.
        """
        self.curvature, (low, high) = float(curvature), CURVATURES
        if not low < self.curvature <= high:
            raise ValueError(f"curvature {curvature!r}: {_IN_BOUNDS} (the ball's curvature is -c)")

    def factors(self, queries: NDArray[np.float32], gallery: NDArray[np.float32]) -> tuple[Factor, Factor]:
        """Return float64 factors (Q, D + 2) and (G, D + 2) of minus half of |x - y|^2 c / ((1 - c|x|^2)(1 - c|y|^2)).

        Raises:
            ValueError: An embedding is outside the ball of radius 1 / sqrt(c).
        """
        left, right = (part.astype(np.float64) * self.curvature**0.5 for part in (queries, gallery))
        stretch = []
        for what, points in (("query", left), ("gallery", right)):
            room = 1 - _squares(points)
            if room.min() <= 0:
                radius = self.curvature**-0.5
                raise ValueError(f"{what} embeddings must be inside the ball of radius {radius:g}; map them into it")
            stretch.append(1 / room[:, None])
        first, second = _bilinear(left, right)
        return first * stretch[0], second * stretch[1]

    def finish(self, product: torch.Tensor) -> torch.Tensor:
        """Return minus arcosh(1 - 4 product) for a product (q, g): minus the distance times sqrt(c), at most 0."""
        return product.mul_(-4).add_(1).clamp_(min=1).acosh_().neg_().float()


def check_distance(text: str) -> Distance:
    """Return the distance `cosine`, `euclidean` or `hyperbolic:C`; a `SetupError` if it is unknown."""
    short, _, argument = text.partition(":")
    if short in {"cosine", "euclidean"} and argument:
        raise SetupError(f"distance {text!r}: {short} takes no argument; write {short}")
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
    """Return factors (Q, D + 2) and (G, D + 2) of minus half the squared Euclidean distance."""
    ones = np.ones((len(left), 1)), np.ones((len(right), 1))
    first = np.concatenate([left, -_squares(left)[:, None] / 2, ones[0]], axis=1)
    return first, np.concatenate([right, ones[1], -_squares(right)[:, None] / 2], axis=1)
