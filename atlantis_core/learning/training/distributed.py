"""Train on several devices: every process embeds its share of a batch and computes the loss of the complete batch.

So pairs across processes count as in a single process; averaging the gradients of separate losses would lose them.
Processes are started by `accelerate launch`; Hugging Face's accelerate moves the tensors.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import SetupError
from atlantis_core.base.parallel import process_rank_and_count
from atlantis_core.learning.inputs.pk_sampler import Batch

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class ProcessGroup:
    """The processes of one training."""

    accelerator: Any = None
    """accelerate's `Accelerator`; None for a single process."""

    @property
    def count(self) -> int:
        """Number of processes."""
        return 1 if self.accelerator is None else int(self.accelerator.num_processes)

    @property
    def is_main(self) -> bool:
        """Whether this process writes files."""
        return self.accelerator is None or bool(self.accelerator.is_main_process)

    @property
    def rank(self) -> int:
        """Number of this process, from 0."""
        return 0 if self.accelerator is None else int(self.accelerator.process_index)

    def own_part(self, batch: Batch) -> Batch:
        """Return the part of a batch that this process embeds.

        Raises:
            SetupError: The batch cannot be divided equally.
        """
        if len(batch.images) % self.count:
            raise SetupError(
                f"a batch of {len(batch.images)} images cannot be divided equally among {self.count} processes; "
                "change classes_per_batch or images_per_class"
            )
        rows = self._own_rows(len(batch.images))
        return Batch(batch.images[rows], batch.views[rows], batch.labels[rows])

    def own_gradients(self, gradients: Tensor) -> Tensor:
        """Return this process's rows (B / processes, D) of gradients (B, D)."""
        return gradients[self._own_rows(len(gradients))]

    def gather(self, embeddings: Tensor) -> Tensor:
        """Return the embeddings (B, D) of the complete batch, in order, from each process's (B / processes, D)."""
        if self.accelerator is None:
            return embeddings
        gathered: Tensor = self.accelerator.gather(embeddings.contiguous())
        return gathered

    def sum_gradients(self, parameters: Iterable[Any]) -> None:
        """Replace the gradients of parameters by their sums over all processes."""
        if self.accelerator is None:
            return
        for parameter in parameters:
            if parameter.grad is not None:
                parameter.grad = self.accelerator.reduce(parameter.grad, reduction="sum")

    def wait(self) -> None:
        """Wait until every process has arrived here."""
        if self.accelerator is not None:
            self.accelerator.wait_for_everyone()

    def _own_rows(self, total: int) -> slice:
        size = total // self.count
        return slice(self.rank * size, (self.rank + 1) * size)


def current_process_group() -> ProcessGroup:
    """Return the processes that `accelerate launch` started, or this process alone."""
    if process_rank_and_count()[1] == 1:
        return ProcessGroup()
    from accelerate import Accelerator  # type: ignore[import-untyped]

    return ProcessGroup(Accelerator())
