"""Training on several devices: every process embeds its share of a batch, and all see the loss of the whole.

Pairs across processes count as they do in one process, which averaging gradients of separate losses would lose.
Processes are started by `accelerate launch`; Hugging Face's accelerate moves the tensors.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from atlantis_core.base.errors import SetupError
from atlantis_core.base.parallel import process_rank_and_count
from atlantis_core.learning.inputs.pk_sampler import Batch

if TYPE_CHECKING:
    from torch import Tensor


class ProcessGroup(Protocol):
    """The processes of one training."""

    @property
    def leads(self) -> bool:
        """Whether this process writes files."""
        ...

    def share(self, batch: Batch) -> Batch:
        """Return the part of a batch that this process embeds."""
        ...

    def gather(self, embeddings: Tensor) -> Tensor:
        """Return the embeddings (B, D) of the whole batch, in its order, given this process's share."""
        ...

    def own(self, gradients: Tensor) -> Tensor:
        """Return this process's rows of (B, D)."""
        ...

    def add(self, parameters: Iterable[Any]) -> None:
        """Add up the gradients of all processes, in place."""
        ...

    def wait(self) -> None:
        """Return when all processes have come here."""
        ...


class SingleProcess:
    """One process."""

    leads = True

    def share(self, batch: Batch) -> Batch:
        """Return all of it."""
        return batch

    def gather(self, embeddings: Tensor) -> Tensor:
        """Return them, (B, D)."""
        return embeddings

    def own(self, gradients: Tensor) -> Tensor:
        """Return all rows (B, D)."""
        return gradients

    def add(self, parameters: Iterable[Any]) -> None:
        """Change nothing."""

    def wait(self) -> None:
        """Return at once."""


@dataclass(frozen=True, slots=True)
class DistributedProcesses:
    """Several processes, as accelerate knows them."""

    accelerator: Any

    @property
    def leads(self) -> bool:
        """Whether this is the main process."""
        return bool(self.accelerator.is_main_process)

    def share(self, batch: Batch) -> Batch:
        """Return this process's stretch of the batch.

        Raises:
            SetupError: The batch cannot be cut into equal parts.
        """
        if len(batch.images) % self._count:
            raise SetupError(
                f"a batch of {len(batch.images)} images cannot be shared by {self._count} processes; "
                "change classes_per_batch or images_per_class"
            )
        rows = self._rows(len(batch.images))
        return Batch(batch.images[rows], batch.views[rows], batch.labels[rows])

    def gather(self, embeddings: Tensor) -> Tensor:
        """Return all rows (B, D), in the order of the processes, given (B / processes, D)."""
        gathered: Tensor = self.accelerator.gather(embeddings.contiguous())
        return gathered

    def own(self, gradients: Tensor) -> Tensor:
        """Return this process's stretch (B / processes, D)."""
        return gradients[self._rows(len(gradients))]

    def add(self, parameters: Iterable[Any]) -> None:
        """Sum gradients over the processes."""
        for parameter in parameters:
            if parameter.grad is not None:
                parameter.grad = self.accelerator.reduce(parameter.grad, reduction="sum")

    def wait(self) -> None:
        """Wait for the slowest."""
        self.accelerator.wait_for_everyone()

    @property
    def _count(self) -> int:
        return int(self.accelerator.num_processes)

    def _rows(self, total: int) -> Any:
        each = total // self._count
        return np.arange(total)[self.accelerator.process_index * each :][:each]


def current_process_group() -> ProcessGroup:
    """Return the processes that `accelerate launch` started, or this one alone."""
    if process_rank_and_count()[1] == 1:
        return SingleProcess()
    from accelerate import Accelerator  # type: ignore[import-untyped]

    return DistributedProcesses(Accelerator())
