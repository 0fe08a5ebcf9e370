"""Potential Field metric learning: every embedding and proxy attracts its class and repels the others, fading.

Bhatnagar and Ahuja, "Potential Field Based Deep Metric Learning" (CVPR 2025, arXiv:2405.18560), equations 1, 2
and 6. The authors published no code and the paper itself could not be read here: the equations were taken from four
accounts by others that agree (docs/decisions/0009-heads-and-losses.md). None says how U is scaled; here it is
divided by its number of terms, which changes no minimum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from atlantis_core.base.option_strings import check_range
from atlantis_core.learning.losses.interface import LossContext, LossModule, make_loss_module
from atlantis_core.learning.recipe import MAX_LEARNING_RATE

if TYPE_CHECKING:
    from torch import Tensor

_NEAREST = 0.01  # of delta: nearer than this repulsion grows no further, so that it stays finite


def mean_potential(points: Tensor, labels: Tensor, delta: float, alpha: float) -> Tensor:
    """Return the potential energy U of points (N, D) with class numbers (N,), per ordered pair.

    A point of the same class at distance r contributes -1 / max(r, delta)^alpha: no force within delta, one that
    fades beyond. One of another class contributes 1 / min(r, delta)^alpha: a force within delta only.
    """
    import torch

    unit = points.double()  # the squares of short distances cancel in single precision
    squares = unit.square().sum(1)
    apart = torch.addmm(squares[:, None] + squares, unit, unit.T, alpha=-2).to(points.dtype)
    same = labels[:, None] == labels
    bounded = torch.where(same, apart.clamp_min(delta**2), apart.clamp((_NEAREST * delta) ** 2, delta**2))
    energy = bounded.pow(-alpha / 2) * (1 - 2 * same.to(points.dtype))
    others = ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    return energy[others].mean()


@dataclass(frozen=True, slots=True)
class PotentialField:
    """The energy of a batch and all proxies, on the unit sphere; memory is quadratic in proxies plus batch."""

    head: ClassVar[str | None] = "sphere"
    needs_pairs: ClassVar[bool] = False

    delta: float = 0.2
    """Radius within which a class has no attraction and beyond which it has no repulsion; the paper: 0.1 to 0.3."""
    alpha: float = 4.0
    """How fast the field fades; the paper: best from 3 to 6."""
    proxies: int = 15
    """Proxies of a class; the paper: 15 for CUB and Cars, 2 where classes are thousands."""
    lr: float = 0.05
    """Peak learning rate of the proxies; the paper has 100 times that of its model."""

    def __post_init__(self) -> None:
        check_range("loss 'potential_field': delta", self.delta, 0, 2)
        check_range("loss 'potential_field': alpha", self.alpha, 0)
        check_range("loss 'potential_field': proxies", self.proxies, 0)
        check_range("loss 'potential_field': lr", self.lr, 0, MAX_LEARNING_RATE)

    def build(self, setting: LossContext) -> LossModule:
        """Return the loss; its proxies start where the seed says."""
        import torch
        from torch import nn

        trained = nn.ParameterList([nn.Parameter(setting.proxies(self.proxies))])
        numbers = torch.arange(setting.num_classes).repeat_interleave(self.proxies)

        def loss(embeddings: Tensor, labels: Tensor) -> Tensor:
            proxies = nn.functional.normalize(trained[0], dim=1)
            points = torch.cat([embeddings, proxies.to(embeddings.dtype)])
            return mean_potential(points, torch.cat([labels, numbers.to(labels.device)]), self.delta, self.alpha)

        return make_loss_module(loss, trained, self.lr)
