"""What is kept of a training in place of its last step: a running mean, or a mixture with where it began."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


class MovingAverage:
    """Exponential moving average of parameters (Polyak and Juditsky 1992; the warm-up is TensorFlow's).

    Args:
        parameters: What is averaged; each is read at every step.
        decay: Of the mean, in 0..1; early on min(decay, (1 + n) / (10 + n)), so that the start is soon forgotten.
    """

    def __init__(self, parameters: Sequence[Tensor], decay: float) -> None:
        self.parameters = list(parameters)
        self.decay = decay
        self.steps = 0
        self.means = [parameter.detach().clone() for parameter in parameters]

    def update(self) -> None:
        """Take the parameters as they are now into the mean."""
        import torch

        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        with torch.no_grad():
            for mean, parameter in zip(self.means, self.parameters, strict=True):
                mean.lerp_(parameter.detach(), 1 - decay)

    def apply(self) -> None:
        """Put the mean into the parameters."""
        copy_into(self.means, self.parameters)


class StartingWeights:
    """Where the trunk began, of which a share goes into what is kept.

    Wortsman et al. 2022, "Robust fine-tuning of zero-shot models", equation 1: fine-tuned weights half-way back to
    where they came from forget less of what the training images do not show, such as classes that are not trained on.

    Args:
        parameters: Of the trunk, before the first step.
        share: Of the beginning in the mixture, in 0..1.
    """

    def __init__(self, parameters: Sequence[Tensor], share: float) -> None:
        self.parameters = list(parameters)
        self.share = share
        self._first = [parameter.detach().clone() for parameter in parameters]

    def mix(self) -> None:
        """Move the parameters back by their share of the way."""
        import torch

        with torch.no_grad():
            for first, parameter in zip(self._first, self.parameters, strict=True):
                parameter.lerp_(first, self.share)


def copy_into(sources: Sequence[Tensor], targets: Sequence[Tensor]) -> None:
    """Copy tensors into parameters of the same shapes (N of each)."""
    import torch

    with torch.no_grad():
        for source, target in zip(sources, targets, strict=True):
            target.copy_(source)
