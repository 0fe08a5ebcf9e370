"""What is known of the gain of each remedy on each group of gaps: a normal model with shrinkage across both.

The gain of remedy r on group g, once images enough are made, is m_g + c + a_r + b_g + e_rg: a prior mean from the
group's deficit, and normal effects of all, of the remedy, of the group and of the pair (crossed random effects:
Searle, Casella, McCulloch, *Variance Components*, 1992). n images bring it to the share n / (n + h) (a hyperbola, as
response curves of dose and of training-set size are drawn). A pilot of n images observes that share, with its error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

EFFECT_SD = 0.03
"""Standard deviation of each of the four effects, in Recall@1, once images enough are made."""

DEFICIT_SHARE = 0.25
"""Share of a deficit that images are expected to close."""

HALF_PER_CELL = 12.0
"""Images of a cell that bring half of what more could: half of those at which they matter beside the real ones."""


@dataclass(frozen=True, slots=True)
class Observation:
    """A measured gain."""

    gain: float
    """In Recall@1."""
    variance: float
    images: float


@dataclass(frozen=True, slots=True)
class Option:
    """One remedy on one group of gaps: what images can be spent on."""

    remedy: str
    group: str
    cells: int
    weight: float
    """Share of all groups' queries that are in this one."""
    deficit: float
    """Mean deficit of the group in Recall@1."""
    observed: tuple[Observation, ...] = ()

    def saturation(self, images: float) -> float:
        """Return the share of the possible gain that some images bring, from 0 to 1."""
        return images / (images + HALF_PER_CELL * self.cells)


def infer_gains(options: Sequence[Option]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean (N,) and covariance (N, N) of the gains that images enough would bring, given all observations."""
    same_remedy = np.array([[one.remedy == other.remedy for other in options] for one in options])
    same_group = np.array([[one.group == other.group for other in options] for one in options])
    mean = np.array([DEFICIT_SHARE * max(one.deficit, 0.0) for one in options])
    covariance = EFFECT_SD**2 * (1.0 + same_remedy + same_group + (same_remedy & same_group))
    for row, option in enumerate(options):
        for seen in option.observed:
            share = option.saturation(seen.images)
            error = seen.gain - share * mean[row]
            column = covariance[:, row].copy()
            weight = share / (share**2 * column[row] + seen.variance)
            mean = mean + weight * error * column
            covariance = covariance - share * weight * np.outer(column, column)
    return mean, covariance
