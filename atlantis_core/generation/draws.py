"""Random numbers for one edit of one image, independent of batch and order."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

_Item = TypeVar("_Item")


def derive_seed(*parts: object) -> int:
    """Hash the parts into a 63-bit seed, the same on every machine."""
    digest = hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


class RandomDraws:
    """A stream of random numbers that depends on its seed alone."""

    def __init__(self, seed: int) -> None:
        import torch

        self._generator = torch.Generator().manual_seed(seed)

    def uniform(self, low: float, high: float) -> float:
        """Draw a number between `low` and `high`."""
        import torch

        return low + (high - low) * float(torch.rand((), generator=self._generator))

    def chance(self, probability: float) -> bool:
        """Return True with this probability."""
        return self.uniform(0, 1) < probability

    def integer(self, low: int, high: int) -> int:
        """Draw an integer from `low` to `high`, both included."""
        return min(high, low + int(self.uniform(0, high - low + 1)))

    def pick(self, items: Sequence[_Item]) -> _Item:
        """Draw one item."""
        return items[self.integer(0, len(items) - 1)]

    def flat(self, *shape: int) -> Tensor:
        """Draw a tensor of this shape, uniform between 0 and 1."""
        import torch

        return torch.rand(shape, generator=self._generator)

    def normal(self, *shape: int) -> Tensor:
        """Draw a tensor of this shape, standard normal."""
        import torch

        return torch.randn(shape, generator=self._generator)
