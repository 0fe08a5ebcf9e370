"""Measure on validation queries during training, keep the best weights, and stop when they no longer improve."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from atlantis_core.learning.training.weight_averaging import copy_into

if TYPE_CHECKING:
    from torch import Tensor

    from atlantis_core.learning.retriever import Retriever


class Validation(Protocol):
    """Measures a retriever on validation queries; never on the sealed test split."""

    @property
    def key(self) -> str:
        """Content hash of queries and gallery, since the kept weights depend on them."""

    def __call__(self, retriever: Retriever) -> float:
        """Return one metric, such as Recall@1; higher is better."""


class BestWeights:
    """The best weights of a training; it stops after `patience` measurements in a row without an improvement."""

    def __init__(self, parameters: Sequence[Tensor], patience: int) -> None:
        self.parameters = list(parameters)
        self.patience = patience
        self.measured: list[tuple[int, float]] = []
        self.kept = [parameter.detach().clone() for parameter in parameters]

    @property
    def best(self) -> tuple[int, float]:
        """Step and metric of the best measurement; the earliest of equals."""
        return max(self.measured, key=lambda item: (item[1], -item[0]), default=(0, -math.inf))

    def consider(self, steps: int, value: float) -> bool:
        """Record a measurement of the current parameters; return whether to continue."""
        if value > self.best[1]:
            self.kept = [parameter.detach().clone() for parameter in self.parameters]
        self.measured.append((steps, value))
        since = [at for at, _ in self.measured if at > self.best[0]]
        return len(since) < self.patience

    def apply(self) -> None:
        """Copy the best weights into the parameters."""
        copy_into(self.kept, self.parameters)
