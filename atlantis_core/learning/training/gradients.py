"""One step's loss and gradients: the whole batch at once, or in pieces, in one process or several."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atlantis_core.learning.training.distributed import ProcessGroup, SingleProcess

if TYPE_CHECKING:
    from torch import Tensor, nn

    from atlantis_core.learning.losses.interface import LossModule
    from atlantis_core.learning.models.split_backbone import Stages
    from atlantis_core.learning.recipe import Recipe


@dataclass(frozen=True, slots=True)
class GradientComputer:
    """Computes loss and gradients as a recipe says."""

    embed: Callable[[Tensor], Tensor]
    """Activations (B, ...) -> embeddings (B, D), float32."""
    loss: LossModule
    trained: list[Any]
    """Parameters of trunk and head; those of the loss are the same in every process and are not added up."""
    chunk: int
    """Images whose graph is held at once; 0: all."""
    fleet: ProcessGroup

    def __call__(self, activations: Tensor, labels: Tensor) -> tuple[float, Tensor]:
        """Leave gradients in the parameters.

        Args:
            activations: This process's share of the batch.
            labels: Class numbers (B,) of the whole batch.

        Returns:
            The loss of the whole batch, and its embeddings (B, D) without gradient.
        """
        if self.chunk or not isinstance(self.fleet, SingleProcess):
            return self._in_pieces(activations, labels)
        embeddings = self.embed(activations)
        loss = self.loss(embeddings, labels)
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.item()), embeddings.detach()

    def _in_pieces(self, activations: Tensor, labels: Tensor) -> tuple[float, Tensor]:
        """Cache the gradient of the embeddings (Gao et al. 2021, section 3), then pass it on piece by piece.

        The batch is embedded twice, the first time without a graph; nothing in the model is random, so both give
        the same.
        """
        import torch

        pieces = torch.split(activations, self.chunk or len(activations))
        with torch.no_grad():
            own = torch.cat([self.embed(piece) for piece in pieces])
        embeddings = self.fleet.gather(own).requires_grad_()
        loss = self.loss(embeddings, labels)
        loss.backward()  # type: ignore[no-untyped-call]
        assert embeddings.grad is not None  # it is a leaf of the loss
        received = torch.split(self.fleet.own(embeddings.grad), self.chunk or len(activations))
        for piece, gradient in zip(pieces, received, strict=True):
            self.embed(piece).backward(gradient)  # type: ignore[no-untyped-call]
        self.fleet.add(self.trained)
        return float(loss.item()), embeddings.detach()


def make_embedder(stages: Stages, head: nn.Module, recipe: Recipe) -> Callable[[Tensor], Tensor]:
    """Return the way from activations (B, ...) to embeddings (B, D).

    The trained blocks compute in the recipe's precision, compiled if it says so; the head, whose distances need
    the digits, in float32.
    """
    import torch

    upper: Any = torch.compile(stages.upper) if recipe.compiled else stages.upper

    def embed(activations: Tensor) -> Tensor:
        with _autocast(recipe, activations.device.type):
            features = upper(activations)
        placed: Tensor = head(features.float())
        return placed

    return embed


def _autocast(recipe: Recipe, device: str) -> AbstractContextManager[Any]:
    import torch

    return torch.autocast(device, torch.bfloat16) if recipe.precision == "bfloat16" else nullcontext()
