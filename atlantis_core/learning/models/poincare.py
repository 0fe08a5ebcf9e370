"""The Poincare ball of curvature -c: all points shorter than 1 / sqrt(c).

Formulas: Ganea et al., "Hyperbolic Neural Networks" (2018), section 2; clipping: Guo et al., "Clipped Hyperbolic
Classifiers Are Super-Hyperbolic Classifiers" (2022), section 4. Values and gradients stay finite for every finite
input, the origin, the boundary and coincident points included (tests/atlantis_core/learning/models/test_poincare.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

BORDER = 1e-3
"""Points stay this share of the radius inside the border, as in the released Hyp-ViT (hyptorch `project`)."""

_TINY = 1e-6  # shorter vectors count as this long: below, the gradient's direction is rounding error
_THIN = 1e-5  # least 1 - c |x|^2; points of `expmap0` stay above 2e-3


def clip_norm(vectors: Tensor, radius: float) -> Tensor:
    """Shorten (..., D) vectors to at most `radius`, keeping their direction.

    Without clipping, long features end at the border, where the gradient of `expmap0` vanishes.
    """
    import torch

    lengths = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True).clamp_min(_TINY)
    shortened: Tensor = vectors * (radius / lengths).clamp_max(1.0)
    return shortened


def expmap0(vectors: Tensor, c: float) -> Tensor:
    """Map (..., D) tangent vectors at the origin into the ball: tanh(sqrt(c) |v|) v / (sqrt(c) |v|)."""
    import torch

    scaled = c**0.5 * torch.linalg.vector_norm(vectors, dim=-1, keepdim=True).clamp_min(_TINY)
    point: Tensor = vectors * (torch.tanh(scaled).clamp_max(1 - BORDER) / scaled)
    return point


def distances(points: Tensor, others: Tensor, c: float) -> Tensor:
    """Return the geodesic distances (N, M) between points (N, D) and others (M, D) of the ball.

    d(x, y) = 2 / sqrt(c) artanh(sqrt(c) |(-x) (+)_c y|), which with the identity
    c |(-x) (+)_c y|^2 = u / (u + w), u = c |x - y|^2, w = (1 - c |x|^2) (1 - c |y|^2), is
    2 / sqrt(c) arsinh(sqrt(u / w)): this needs no (N, M, D) tensor, and no artanh of values near 1.
    Squares are computed in double precision, since |x|^2 + |y|^2 - 2 x.y cancels for near points.
    """
    import torch

    first, second = points.double(), others.double()
    first_squares, second_squares = first.square().sum(-1), second.square().sum(-1)
    apart = torch.addmm(first_squares[:, None] + second_squares, first, second.T, alpha=-2).clamp_min(_TINY**2)
    within = (1 - c * first_squares).clamp_min(_THIN)[:, None] * (1 - c * second_squares).clamp_min(_THIN)
    ratio = (c * apart / within).to(points.dtype)
    geodesic: Tensor = 2 / c**0.5 * torch.asinh(ratio.sqrt())
    return geodesic
