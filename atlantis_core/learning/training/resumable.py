"""Trainings that can be stopped at any moment and resume from their last checkpoint."""

from __future__ import annotations

import csv
import time
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from atlantis_core.base.atomic_file import write_atomically

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from atlantis_core.base.ports import Progress

CHECKPOINT_EVERY = 100


class Training(Protocol):
    """A training whose steps depend only on their number and the weights."""

    @property
    def modules(self) -> nn.Module:
        """Modules to save in a checkpoint."""
        ...

    @property
    def optimiser(self) -> torch.optim.Optimizer:
        """Optimiser, saved in the checkpoint too."""
        ...

    def step(self, step: int) -> float:
        """Train one step; return the loss."""
        ...


def train(
    name: str, training: Training, steps: int, folder: Path, progress: Progress, deadline: float | None
) -> bool:
    """Train up to `steps`, saving a checkpoint and a line of the loss curve every 100 steps.

    Args:
        name: Name of checkpoint and loss curve: `name.pt`, `name.csv`.
        training: The training.
        steps: Total steps, including those of earlier calls.
        folder: Folder of the checkpoint.
        progress: Called after every step.
        deadline: Value of `time.monotonic()` after which to stop; None for no limit.

    Returns:
        Whether all steps are done.
    """
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = folder / f"{name}.pt"
    first = restore_checkpoint(training, checkpoint)
    losses: list[float] = []
    for step in range(first, steps):
        losses.append(training.step(step))
        progress(name, step + 1, steps)
        last = step + 1 == steps
        over = deadline is not None and time.monotonic() > deadline
        if (step + 1) % CHECKPOINT_EVERY == 0 or last or over:
            _save(training, checkpoint, step + 1)
            _log_loss(folder / f"{name}.csv", step + 1, float(np.mean(losses)))
            losses = []
        if over and not last:
            return False
    return True


def take_step(loss: Tensor, modules: nn.Module, optimiser: torch.optim.Optimizer) -> float:
    """Take one optimiser step with gradients clipped to norm 1; return the loss."""
    import torch

    optimiser.zero_grad()
    torch.autograd.backward(loss)
    torch.nn.utils.clip_grad_norm_(modules.parameters(), 1.0)
    optimiser.step()
    return float(loss.detach())


def restore_checkpoint(training: Training, checkpoint: Path) -> int:
    """Load a checkpoint, if there is one; return the number of finished steps."""
    import torch

    if not checkpoint.exists():
        return 0
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    training.modules.load_state_dict(state["modules"])
    training.optimiser.load_state_dict(state["optimiser"])
    return int(state["step"])


def _save(training: Training, checkpoint: Path, step: int) -> None:
    import torch

    state = {
        "modules": training.modules.state_dict(),
        "optimiser": training.optimiser.state_dict(),
        "step": step,
    }
    with write_atomically(checkpoint) as part:
        torch.save(state, part)


def _log_loss(file: Path, step: int, loss: float) -> None:
    with file.open("a", encoding="utf-8", newline="") as lines:
        csv.writer(lines, lineterminator="\n").writerow([step, f"{loss:.5f}"])
