"""What Recall@1 a cell should have: class effect plus facet-value effect, learnt from well-supported cells.

Observed recall of cell (c, v) is modelled as m + a_c + b_v + noise, a two-way table with random effects
(Searle, Casella, McCulloch, *Variance Components*, 1992, chapter 7: the effects are shrunken to 0,
by a spread that EM reads off the data). Cells far from the model weigh less (Huber, Annals of Mathematical
Statistics 35, 1964), or a few missed cells would pass for a hard facet value. Two twists:

- Only cells that are *not scarce* teach the effects, so the answer reads "what would this cell have if it
  were supported like its fellows". A class or a facet value that is scarce throughout teaches nothing, its
  effect stays 0, and all that it misses counts as deficit.
- A cell never teaches its own expectation. Where a class has a single cell (no facets; one visit only), what
  it misses is therefore its deficit against the average class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CELL_SD = 0.1  # spread of cells around the additive model, in recall; bounds the weight of well-asked cells
_FIRST_SD = 0.2  # spread of class and of facet-value effects, before the data speak
_LEAST_SD = 0.05  # and afterwards: a handful of classes may show no spread by chance
_HUBER = 1.0  # standard deviations off from which a cell teaches less: a few missed cells are no effect
_SWEEPS = 30


def expected_recall(
    recall: NDArray[np.float64],
    queries: NDArray[np.int64],
    classes: NDArray[np.int64],
    values: NDArray[np.int64],
    teaches: NDArray[np.bool_],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the expected Recall@1 of every cell and the variance of that estimate, both (N,).

    Args:
        recall: (N,) observed Recall@1.
        queries: (N,) number of queries, at least 1.
        classes: (N,) class number.
        values: (N,) facet-value number.
        teaches: (N,) cells that are not scarce; where there is none, all cells teach.
    """
    used = teaches if teaches.any() else np.ones_like(teaches)
    middle = float(np.median(recall[used]))
    noise = max(middle * (1 - middle), 0.05) / queries + _CELL_SD**2
    weight = np.where(used, 1 / noise, 0.0)
    robust, class_effect, value_effect = weight, np.zeros(len(recall)), np.zeros(len(recall))
    class_sd = value_sd = _FIRST_SD
    for _ in range(_SWEEPS):
        middle = float(np.average(recall - class_effect - value_effect, weights=robust))
        value_effect, value_sd = _effect(recall - middle - class_effect, robust, values, value_sd)
        class_effect, class_sd = _effect(recall - middle - value_effect, robust, classes, class_sd)
        off = np.abs(recall - middle - class_effect - value_effect) / np.sqrt(noise)
        robust = weight / np.maximum(1.0, off / _HUBER)
    others_value, value_variance = _leave_one_out_effect(recall - middle - class_effect, robust, values, value_sd)
    others_class, class_variance = _leave_one_out_effect(recall - middle - value_effect, robust, classes, class_sd)
    return np.clip(middle + others_class + others_value, 0, 1), class_variance + value_variance


def _effect(
    residual: NDArray[np.float64], weight: NDArray[np.float64], group: NDArray[np.int64], spread: float
) -> tuple[NDArray[np.float64], float]:
    """Return each cell's group effect, shrunken by its `spread`, and the spread that the effects show (EM step)."""
    total = np.bincount(group, weights=weight)
    effect = np.bincount(group, weights=weight * residual) / (total + 1 / spread**2)
    taught = total > 0
    shown = np.mean(effect[taught] ** 2 + 1 / (total[taught] + 1 / spread**2))
    return effect[group], max(_LEAST_SD, float(np.sqrt(shown)))


def _leave_one_out_effect(
    residual: NDArray[np.float64], weight: NDArray[np.float64], group: NDArray[np.int64], spread: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each cell's group effect as the group's other cells show it, shrunken, and its variance."""
    summed = np.bincount(group, weights=weight * residual)[group] - weight * residual
    # A difference of equal sums may end a rounding below 0.
    total = np.maximum(np.bincount(group, weights=weight)[group] - weight, 0.0)
    prior = 1 / spread**2
    return summed / (total + prior), total / (total + prior) ** 2
