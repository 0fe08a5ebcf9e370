"""Potential Field metric learning: embeddings and proxies attract their class and repel others, less with distance.

Bhatnagar and Ahuja, "Potential Field Based Deep Metric Learning" (CVPR 2025, arXiv:2405.18560), equations 1, 2
and 6. The authors published no code and the paper was not available: the equations come from four third-party
accounts that agree (docs/decisions/0009-heads-and-losses.md). None gives the scale of U; here it is divided by its
number of terms, which does not move its minima.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from atlantis_core.base.option_strings import check_range
from atlantis_core.learning.losses.interface import LossContext, LossModule, make_loss_module
from atlantis_core.learning.recipe import MAX_LEARNING_RATE

if TYPE_CHECKING:
    from torch import Tensor

_MIN_DISTANCE = 0.01  # in units of delta: repulsion grows no further below it, and so stays finite


def mean_potential(points: Tensor, labels: Tensor, delta: float, alpha: float) -> Tensor:
    """Return the potential energy U of points (N, D) with class numbers (N,), per ordered pair.

    A point of the same class at distance r contributes -1 / max(r, delta)^alpha: attraction, beyond delta only.
    A point of another class contributes 1 / min(r, delta)^alpha: repulsion within delta only.
    """
    import torch

    exact = points.double()  # squares of short distances cancel in single precision
    squares = exact.square().sum(1)
    apart = torch.addmm(squares[:, None] + squares, exact, exact.T, alpha=-2).to(points.dtype)
    same = labels[:, None] == labels
    bounded = torch.where(same, apart.clamp_min(delta**2), apart.clamp((_MIN_DISTANCE * delta) ** 2, delta**2))
    energy = bounded.pow(-alpha / 2) * (1 - 2 * same.to(points.dtype))
    others = ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    return energy[others].mean()


@dataclass(frozen=True, slots=True)
class PotentialField:
    """Energy of a batch with all proxies, on the unit sphere; memory is quadratic in their total number."""

    head: ClassVar[str | None] = "sphere"
    needs_pairs: ClassVar[bool] = False

    delta: float = 0.2
    """Radius: attraction acts beyond it, repulsion within it; the paper uses 0.1 to 0.3."""
    alpha: float = 4.0
    """How fast the field fades with distance; best from 3 to 6 in the paper."""
    proxies: int = 15
    """Proxies per class; the paper uses 15 for CUB and Cars, 2 for thousands of classes."""
    lr: float = 0.05
    """Peak learning rate of the proxies; the paper uses 100 times the model's."""

    def __post_init__(self) -> None:
        check_range("loss 'potential_field': delta", self.delta, 0, 2)
        check_range("loss 'potential_field': alpha", self.alpha, 0)
        check_range("loss 'potential_field': proxies", self.proxies, 0)
        check_range("loss 'potential_field': lr", self.lr, 0, MAX_LEARNING_RATE)

    def build(self, context: LossContext) -> LossModule:
        """Return the loss; the seed decides the initial proxies."""
        import torch
        from torch import nn

        trained = nn.ParameterList([nn.Parameter(context.proxies(self.proxies))])
        numbers = torch.arange(context.num_classes).repeat_interleave(self.proxies)

        def loss(embeddings: Tensor, labels: Tensor) -> Tensor:
            proxies = nn.functional.normalize(trained[0], dim=1)
            points = torch.cat([embeddings, proxies.to(embeddings.dtype)])
            return mean_potential(points, torch.cat([labels, numbers.to(labels.device)]), self.delta, self.alpha)

        return make_loss_module(loss, trained, self.lr)
