"""What a loss is built from, and what a built loss is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    from torch import Tensor, nn


class LossModule(Protocol):
    """A module; its parameters, the proxies if it has any, are trained at `lr` and thrown away afterwards."""

    lr: float

    def __call__(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of embeddings (B, D) with class numbers (B,)."""
        ...

    def parameters(self) -> Any:
        """Iterate over what is trained with the model."""
        ...

    def to(self, device: Any) -> Any:
        """Move it to a device."""
        ...


@dataclass(frozen=True, slots=True)
class LossContext:
    """What a loss may need to know of the training it is for."""

    temperature: float
    """The recipe's."""
    num_classes: int
    """Class numbers run from 0 to here."""
    embed_dim: int
    """Dimensions that the head gives."""
    seed: int
    """Where proxies start."""
    curvature: float = 0.0
    """c of a hyperbolic head."""

    def proxies(self, per_class: int = 1) -> Tensor:
        """Return random unit vectors (num_classes * per_class, embed_dim), those of a class side by side."""
        import torch

        generator = torch.Generator().manual_seed(self.seed)
        drawn = torch.randn(self.num_classes * per_class, self.embed_dim, generator=generator)
        return torch.nn.functional.normalize(drawn, dim=1)


class LossOptions(Protocol):
    """A loss by name: its fields are its options."""

    head: ClassVar[str | None]
    """The only head that its embeddings can come from; None: any."""
    needs_pairs: ClassVar[bool]
    """Whether it learns nothing from batches with one image a class; one with proxies does."""

    def build(self, setting: LossContext) -> LossModule:
        """Return the loss for one training."""
        ...


def make_loss_module(
    function: Callable[[Tensor, Tensor], Tensor], trained: nn.Module | None = None, lr: float = 0.0
) -> LossModule:
    """Wrap a function of embeddings (B, D) and labels (B,), and the module whose parameters it trains."""
    from torch import nn

    class Loss(nn.Module):
        """The function, with what it trains."""

        def __init__(self) -> None:
            super().__init__()
            self.trained, self.lr = trained, lr

        def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
            return function(embeddings, labels)

    return Loss()
