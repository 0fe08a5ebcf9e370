"""Interfaces of losses: named options that build a loss module for one training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    from torch import Tensor, nn


class LossModule(Protocol):
    """A loss. Its parameters, such as proxies, are trained at `lr` and discarded after training."""

    lr: float

    def __call__(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of embeddings (B, D) with class numbers (B,)."""

    def parameters(self) -> Any:
        """Iterate over the parameters that are trained with the model."""

    def to(self, device: Any) -> Any:
        """Move the loss to a device."""


@dataclass(frozen=True, slots=True)
class LossContext:
    """The facts of a training that a loss may need."""

    temperature: float
    num_classes: int
    """Class numbers are 0 .. num_classes - 1."""
    embed_dim: int
    seed: int
    """Seed of the initial proxies."""
    curvature: float = 0.0
    """c of a hyperbolic head; 0 for other heads."""

    def proxies(self, per_class: int = 1) -> Tensor:
        """Return random unit vectors (num_classes * per_class, embed_dim), ordered by class."""
        import torch

        generator = torch.Generator().manual_seed(self.seed)
        drawn = torch.randn(self.num_classes * per_class, self.embed_dim, generator=generator)
        return torch.nn.functional.normalize(drawn, dim=1)


class LossOptions(Protocol):
    """A named loss; its fields are its options."""

    head: ClassVar[str | None]
    """Kind of head that the loss needs; None means any."""
    needs_pairs: ClassVar[bool]
    """Whether the loss needs two images of a class in a batch; losses with proxies do not."""

    def build(self, context: LossContext) -> LossModule:
        """Build the loss for one training."""


def make_loss_module(
    function: Callable[[Tensor, Tensor], Tensor], trained: nn.Module | None = None, lr: float = 0.0
) -> LossModule:
    """Make a loss from a function of embeddings (B, D) and labels (B,), and the module that is trained with it."""
    from torch import nn

    class Loss(nn.Module):
        """The function as a module, with its trained parameters."""

        def __init__(self) -> None:
            super().__init__()
            self.trained, self.lr = trained, lr

        def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
            return function(embeddings, labels)

    return Loss()
