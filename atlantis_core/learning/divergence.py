"""Telling a training that went wrong from one that is only slow: it becomes a crashed trial, not a crash."""

from __future__ import annotations

import math
from statistics import fmean
from typing import TYPE_CHECKING

from atlantis_core.errors import TrainingFailed

if TYPE_CHECKING:
    from torch import Tensor

_WINDOW = 20
"""Steps whose mean loss is compared."""
_ROSE = 5.0
"""How many times its first mean a loss may reach."""
_COLLAPSED = 1e-3
"""Spread of a batch's embeddings, as a share of their length, below which all pictures are one point."""


class Health:
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
            first, last = fmean(self.losses[:_WINDOW]), fmean(self.losses[-_WINDOW:])
            if last > _ROSE * max(abs(first), 1.0):
                raise TrainingFailed(f"the loss rose from {first:.3g} to {last:.3g} at step {step}; lower the rates")
        self.collapsed = self.collapsed + 1 if _spread(embeddings) < _COLLAPSED else 0
        if self.collapsed >= _WINDOW:
            raise TrainingFailed(
                f"all images have had one embedding for {_WINDOW} steps at step {step}; it collapsed"
            )


def _spread(embeddings: Tensor) -> float:
    """Return the root mean square distance from the mean, as a share of the root mean square length."""
    centred = embeddings - embeddings.mean(dim=0)
    return float((centred.square().sum() / embeddings.square().sum().clamp_min(1e-30)).sqrt().item())
