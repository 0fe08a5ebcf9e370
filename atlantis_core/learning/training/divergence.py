"""Detect trainings that diverge or collapse; they become crashed trials instead of crashing the run."""

from __future__ import annotations

import math
from statistics import fmean
from typing import TYPE_CHECKING

from atlantis_core.base.errors import TrainingFailed

if TYPE_CHECKING:
    from torch import Tensor

_WINDOW = 20
"""Steps whose mean losses are compared; in a short training, half of its steps."""
_MAX_LOSS_RATIO = 5.0
"""Largest ratio of the last mean loss to the first. Trainings of 4, 8 and 40 steps, of the bundled student and of a
random backbone under every loss, ended at 1.1 or below; single steps differ up to fourfold."""
_MIN_SPREAD = 1e-3
"""Spread of a batch's embeddings (root mean square distance from their mean, relative to that from 0) below which
they have collapsed; it was 0.018 or more in those trainings."""


class DivergenceMonitor:
    """Checks every step of one training."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.collapsed = 0

    def check(self, loss: float, norm: float, embeddings: Tensor) -> None:
        """Check a step before its gradients are applied.

        Args:
            loss: Loss of the batch.
            norm: Norm of all gradients before clipping.
            embeddings: Embeddings of the batch (B, D).

        Raises:
            TrainingFailed: Loss or gradients are not finite, the loss explodes, or the embeddings collapse.
        """
        step = len(self.losses)
        self.losses.append(loss)
        if not math.isfinite(loss) or not math.isfinite(norm):
            raise TrainingFailed(f"the loss {loss} or the gradient norm {norm} is not finite at step {step}")
        if step >= 2 * _WINDOW:
            self._check_rise(_WINDOW)
        self.collapsed = self.collapsed + 1 if is_collapsed(embeddings) else 0
        if self.collapsed >= _WINDOW:
            raise TrainingFailed(
                f"the embeddings collapsed: all images have had the same one for {_WINDOW} steps at step {step}"
            )

    def conclude(self, embeddings: Tensor) -> None:
        """Check the result of a training, however short it was.

        Args:
            embeddings: Final embeddings of the last batch (B, D).

        Raises:
            TrainingFailed: The loss exploded, or the embeddings are not finite or have collapsed.
        """
        window = min(_WINDOW, len(self.losses) // 2)
        if window > 1:
            self._check_rise(window)
        if not embeddings.isfinite().all():
            raise TrainingFailed("the embeddings are not finite after the last step")
        if is_collapsed(embeddings):
            raise TrainingFailed("the embeddings collapsed: all images have the same one after the last step")

    def _check_rise(self, window: int) -> None:
        first, last = fmean(self.losses[:window]), fmean(self.losses[-window:])
        if last > _MAX_LOSS_RATIO * max(abs(first), 1.0):
            step = len(self.losses) - 1
            raise TrainingFailed(
                f"the loss rose from {first:.3g} to {last:.3g} at step {step}; lower lr_head and lr_trunk"
            )


def is_collapsed(embeddings: Tensor) -> bool:
    """Whether embeddings (B, D) are so similar that rounding decides which are near."""
    centred = embeddings - embeddings.mean(dim=0)
    spread = (centred.square().sum() / embeddings.square().sum().clamp_min(1e-30)).sqrt()
    return float(spread.item()) < _MIN_SPREAD
