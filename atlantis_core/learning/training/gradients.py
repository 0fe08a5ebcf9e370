"""Compute loss and gradients of a batch: at once or in chunks, in one process or several."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from atlantis_core.learning.training.distributed import ProcessGroup

if TYPE_CHECKING:
    from torch import Tensor, nn

    from atlantis_core.learning.losses.interface import LossModule
    from atlantis_core.learning.models.split_backbone import Stages
    from atlantis_core.learning.recipe import Recipe


@dataclass(frozen=True, slots=True)
class GradientComputer:
    """Computes loss and gradients of one batch."""

    embed: Callable[[Tensor], Tensor]
    """Activations (B, ...) -> embeddings (B, D), float32."""
    loss: LossModule
    trained: list[Any]
    """Parameters of backbone and head. Those of the loss have equal gradients in every process, so are not summed."""
    chunk: int = 0
    """Images whose graph is in memory at once; 0 means all."""
    processes: ProcessGroup = field(default_factory=ProcessGroup)

    def __call__(self, activations: Tensor, labels: Tensor) -> tuple[float, Tensor]:
        """Compute all gradients; return the loss of the complete batch, and its embeddings (B, D) without gradient.

        `activations` are this process's part of the batch; `labels` (B,) are those of the complete batch.
        """
        if self.chunk or self.processes.count > 1:
            return self._compute_in_chunks(activations, labels)
        embeddings = self.embed(activations)
        loss = self.loss(embeddings, labels)
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.item()), embeddings.detach()

    def _compute_in_chunks(self, activations: Tensor, labels: Tensor) -> tuple[float, Tensor]:
        """Cache the gradient of the embeddings (Gao et al. 2021, section 3), then propagate it chunk by chunk.

        The batch is embedded twice, first without a graph; both give equal embeddings, since nothing in the model is
        random.
        """
        import torch

        chunks = torch.split(activations, self.chunk or len(activations))
        with torch.no_grad():
            own = torch.cat([self.embed(chunk) for chunk in chunks])
        embeddings = self.processes.gather(own).requires_grad_()
        loss = self.loss(embeddings, labels)
        loss.backward()  # type: ignore[no-untyped-call]
        assert embeddings.grad is not None  # it is a leaf of the loss
        gradients = torch.split(self.processes.own_gradients(embeddings.grad), self.chunk or len(activations))
        for chunk, gradient in zip(chunks, gradients, strict=True):
            self.embed(chunk).backward(gradient)  # type: ignore[no-untyped-call]
        self.processes.sum_gradients(self.trained)
        return float(loss.item()), embeddings.detach()


def make_embedder(stages: Stages, head: nn.Module, recipe: Recipe) -> Callable[[Tensor], Tensor]:
    """Return the function from activations (B, ...) to embeddings (B, D).

    The trained blocks run in the recipe's precision, compiled if it says so. The head runs in float32, whose digits
    its distances need.
    """
    import torch

    upper: Any = torch.compile(stages.upper) if recipe.compiled else stages.upper

    def embed(activations: Tensor) -> Tensor:
        precision: AbstractContextManager[Any] = nullcontext()
        if recipe.precision == "bfloat16":
            precision = torch.autocast(activations.device.type, torch.bfloat16)
        with precision:
            features = upper(activations)
        embeddings: Tensor = head(features.float())
        return embeddings

    return embed
