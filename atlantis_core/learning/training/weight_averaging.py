"""Weights kept instead of the last step's: their moving average, or a mixture with the initial weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


class MovingAverage:
    """Exponential moving average of parameters (Polyak and Juditsky 1992; the warm-up is TensorFlow's).

    Step n uses min(decay, (1 + n) / (10 + n)), so that the initial weights are soon forgotten.
    """

    def __init__(self, parameters: Sequence[Tensor], decay: float) -> None:
        self.parameters = list(parameters)
        self.decay = decay
        self.steps = 0
        self.means = [parameter.detach().clone() for parameter in parameters]

    def update(self) -> None:
        """Add the current parameters to the average."""
        import torch

        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        with torch.no_grad():
            for mean, parameter in zip(self.means, self.parameters, strict=True):
                mean.lerp_(parameter.detach(), 1 - decay)

    def apply(self) -> None:
        """Copy the average into the parameters."""
        copy_into(self.means, self.parameters)


class StartingWeights:
    """The backbone's initial weights, a share (0..1) of which is mixed into the kept weights.

    Wortsman et al. 2022, "Robust fine-tuning of zero-shot models", equation 1: fine-tuned weights mixed with the
    initial ones forget less about what the training images do not show, such as other classes.
    """

    def __init__(self, parameters: Sequence[Tensor], share: float) -> None:
        self.parameters = list(parameters)
        self.share = share
        self._initial = [parameter.detach().clone() for parameter in parameters]

    def mix(self) -> None:
        """Move the parameters towards their initial values by the share."""
        import torch

        with torch.no_grad():
            for initial, parameter in zip(self._initial, self.parameters, strict=True):
                parameter.lerp_(initial, self.share)


def copy_into(sources: Sequence[Tensor], targets: Sequence[Tensor]) -> None:
    """Copy N tensors into N parameters of the same shapes."""
    import torch

    with torch.no_grad():
        for source, target in zip(sources, targets, strict=True):
            target.copy_(source)
