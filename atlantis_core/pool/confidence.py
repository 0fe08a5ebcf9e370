"""How often a teacher's pseudo-labels are right, learnt from labelled photos that it was not trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PRIOR = 2.0
"""Photos, right as often as the average, that are added to each level, so that a few are not taken for certainty."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """The share of right pseudo-labels by confidence: a step function that never falls."""

    confidences: NDArray[np.float64]
    """Lower ends of the steps, ascending, (K,)."""
    rates: NDArray[np.float64]
    """Share of right ones from there on, (K,)."""
    num_photos: int
    """Held-out photos that it is learnt from."""

    @classmethod
    def learn(cls, confidences: NDArray[np.float64], right: NDArray[np.bool_]) -> Self:
        """Learn from M held-out photos: their confidences (M,) and whether their pseudo-labels are right (M,).

        Isotonic regression (Zadrozny and Elkan, *Transforming Classifier Scores into Accurate Multiclass Probability
        Estimates*, KDD 2002). Without any photo every rate is 0.
        """
        if not len(confidences):
            return cls(np.zeros(1), np.zeros(1), 0)
        from sklearn.isotonic import IsotonicRegression

        order = np.argsort(confidences, kind="stable")
        ascending = confidences[order]
        fitted = IsotonicRegression(y_min=0, y_max=1).fit_transform(ascending, right[order].astype(float))
        starts = np.flatnonzero(np.r_[True, np.diff(fitted) > 0])
        sizes = np.diff(np.r_[starts, len(fitted)])
        rates = (fitted[starts] * sizes + _PRIOR * right.mean()) / (sizes + _PRIOR)
        return cls(ascending[starts], np.maximum.accumulate(rates), len(confidences))

    def rate(self, confidences: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the expected share of right ones at each confidence (M,); below all steps that of the first."""
        steps = np.searchsorted(self.confidences, confidences, side="right") - 1
        found: NDArray[np.float64] = self.rates[steps.clip(min=0)]
        return found


def accept(rates: NDArray[np.float64], precision: float, least: float) -> NDArray[np.bool_]:
    """Return which of M photos to accept, (M,): as many as keep the mean expected rate at `precision`, best first.

    No photo is accepted below the rate `least`, whatever the others are.
    """
    order = np.argsort(-rates, kind="stable")
    means = np.cumsum(rates[order]) / np.arange(1, len(rates) + 1)
    accepted = np.zeros(len(rates), bool)
    accepted[order] = (means >= precision) & (rates[order] >= least)
    return accepted
