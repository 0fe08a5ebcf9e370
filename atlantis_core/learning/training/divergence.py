"""Telling a training that went wrong from one that is only slow: it becomes a crashed trial, not a crash."""

from __future__ import annotations

import math
from statistics import fmean
from typing import TYPE_CHECKING

from atlantis_core.base.errors import TrainingFailed

if TYPE_CHECKING:
    from torch import Tensor

_WINDOW = 20
"""Steps whose mean loss is compared; at the end of a short training half of its steps."""
_MAX_LOSS_RATIO = 5.0
"""How many times its first mean a loss may reach. Of the bundled student and a random trunk under every loss, none
of the trainings of 4, 8 and 40 steps ended above 1.1 times its beginning. Single steps differ up to fourfold."""
_MIN_SPREAD = 1e-3
"""Spread of a batch's embeddings, as a share of their length, below which all pictures are one point; in those
trainings it was 0.018 and more."""


class DivergenceMonitor:
    """Looks at every step of one training."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.collapsed = 0

    def check(self, loss: float, norm: float, embeddings: Tensor) -> None:
        """Take in a step, before its gradients are applied.

        Args:
            loss: Of the batch.
            norm: Of all gradients together, before clipping.
            embeddings: Of the batch (B, D).

        Raises:
            TrainingFailed: The numbers are not finite, the loss rises out of bounds, or all embeddings are one.
        """
        step = len(self.losses)
        self.losses.append(loss)
        if not math.isfinite(loss) or not math.isfinite(norm):
            raise TrainingFailed(f"the loss is {loss} and the gradient {norm} at step {step}")
        if step >= 2 * _WINDOW:
            self._check_rise(_WINDOW)
        self.collapsed = self.collapsed + 1 if is_collapsed(embeddings) else 0
        if self.collapsed >= _WINDOW:
            raise TrainingFailed(
                f"all images have had one embedding for {_WINDOW} steps at step {step}; it collapsed"
            )

    def conclude(self, embeddings: Tensor) -> None:
        """Look at what a training has come to, however short it was.

        Args:
            embeddings: By which the pictures of its last batch (B, D) are searched from now on.

        Raises:
            TrainingFailed: The loss ends out of bounds, or all embeddings are one or not finite.
        """
        window = min(_WINDOW, len(self.losses) // 2)
        if window > 1:
            self._check_rise(window)
        if not embeddings.isfinite().all():
            raise TrainingFailed("the embeddings are not finite after the last step")
        if is_collapsed(embeddings):
            raise TrainingFailed("all images have one embedding after the last step; it collapsed")

    def _check_rise(self, window: int) -> None:
        first, last = fmean(self.losses[:window]), fmean(self.losses[-window:])
        if last > _MAX_LOSS_RATIO * max(abs(first), 1.0):
            step = len(self.losses) - 1
            raise TrainingFailed(f"the loss rose from {first:.3g} to {last:.3g} at step {step}; lower the rates")


def is_collapsed(embeddings: Tensor) -> bool:
    """Whether embeddings (B, D) are so alike that rounding decides which are near."""
    return _relative_spread(embeddings) < _MIN_SPREAD


def _relative_spread(embeddings: Tensor) -> float:
    """Return the root mean square distance from the mean, as a share of the root mean square length."""
    centred = embeddings - embeddings.mean(dim=0)
    return float((centred.square().sum() / embeddings.square().sum().clamp_min(1e-30)).sqrt().item())
