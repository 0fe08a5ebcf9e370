"""A running mean of the weights: what is kept of a training in place of its last step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


class Average:
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

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Put the mean into the parameters for a while."""
        kept = [parameter.detach().clone() for parameter in self.parameters]
        self.apply()
        try:
            yield
        finally:
            _copy(kept, self.parameters)

    def apply(self) -> None:
        """Put the mean into the parameters for good."""
        _copy(self.means, self.parameters)


def _copy(sources: Sequence[Tensor], targets: Sequence[Tensor]) -> None:
    import torch

    with torch.no_grad():
        for source, target in zip(sources, targets, strict=True):
            target.copy_(source)
