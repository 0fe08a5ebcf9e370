"""Deficits: how far the Recall@1 of a cell is below what its class and its facet value predict.

1. `expected_recall`: the observed recall of cell (c, v) is modelled as m + a_c + b_v + noise, a two-way table with
   random effects (Searle, Casella, McCulloch, *Variance Components*, 1992, chapter 7: effects are shrunken to 0, by a
   spread that EM estimates). Cells far from the model have less weight (Huber, Annals of Mathematical Statistics 35,
   1964); otherwise a few missed cells would look like a difficult facet value. Effects are estimated from cells that
   are *not scarce*, so the prediction is the recall of a cell if it were supported like the rest. A class or a facet
   value without such cells has the effect 0, and everything it misses counts as deficit. A cell is excluded from its
   own prediction: the only cell of a class (no facets, or a single visit) is compared with the average class.
2. `pool_deficits`: cells with few queries borrow strength from their group.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlantis_core.statistics.cells import CellTally

_CELL_SD = 0.1  # spread of cells around the additive model, in recall; bounds the weight of cells with many queries
_FIRST_SD = 0.2  # initial spread of class and of facet-value effects
_LEAST_SD = 0.05  # lower bound of the estimated spread: a few classes may show none by chance
_HUBER = 1.0  # standard deviations from the model beyond which a cell has less weight
_SWEEPS = 30
_GROUP_SD = 0.2  # prior spread of group deficits around 0
_LEAST_SPREAD = 0.05  # cells of a group are never taken to be exactly alike


def cell_deficits(
    cells: Sequence[CellTally], scarce: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the pooled deficit of every cell with queries and its standard deviation, both (N,); higher is worse."""
    queries = np.array([tally.queries for tally in cells], np.int64)
    hits = np.array([tally.hits for tally in cells], np.float64)
    classes = np.unique([tally.cell.class_name for tally in cells], return_inverse=True)[1]
    values = np.unique([tally.cell.value for tally in cells], return_inverse=True)[1]
    expected, doubt = expected_recall(hits / queries, queries, classes, values, ~scarce)
    # One more hit and one more miss (Agresti, Coull 1998): three misses of three are not certainty.
    smooth = (hits + 1) / (queries + 2)
    return pool_deficits(expected - hits / queries, smooth * (1 - smooth) / queries + doubt, values * 2 + scarce)


def expected_recall(
    recall: NDArray[np.float64],
    queries: NDArray[np.int64],
    classes: NDArray[np.int64],
    values: NDArray[np.int64],
    usable: NDArray[np.bool_],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the expected Recall@1 of every cell and the variance of that estimate, both (N,).

    Args:
        recall: (N,) observed Recall@1.
        queries: (N,) number of queries, at least 1.
        classes: (N,) class number.
        values: (N,) facet-value number.
        usable: (N,) cells to estimate effects from; if none, all cells are used.
    """
    used = usable if usable.any() else np.ones_like(usable)
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
    """Return each cell's group effect, shrunken by its `spread`, and the updated spread (EM step)."""
    total = np.bincount(group, weights=weight)
    effect = np.bincount(group, weights=weight * residual) / (total + 1 / spread**2)
    known = total > 0
    variance = np.mean(effect[known] ** 2 + 1 / (total[known] + 1 / spread**2))
    return effect[group], max(_LEAST_SD, float(np.sqrt(variance)))


def _leave_one_out_effect(
    residual: NDArray[np.float64], weight: NDArray[np.float64], group: NDArray[np.int64], spread: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each cell's group effect estimated from the other cells of the group, shrunken, and its variance."""
    summed = np.bincount(group, weights=weight * residual)[group] - weight * residual
    # Rounding may leave a difference of equal sums below 0.
    total = np.maximum(np.bincount(group, weights=weight)[group] - weight, 0.0)
    prior = 1 / spread**2
    return summed / (total + prior), total / (total + prior) ** 2


def pool_deficits(
    deficit: NDArray[np.float64], variance: NDArray[np.float64], group: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the posterior mean and standard deviation of every cell's deficit, both (N,).

    Two-stage normal model, empirical Bayes: cell ~ N(group, t^2), group ~ N(0, 0.2^2), with t^2 by the moment
    estimator of DerSimonian and Laird (Controlled Clinical Trials 7, 1986). A cell with few queries moves to the
    mean of its group, and a group with little evidence moves to 0.

    Args:
        deficit: (N,) expected minus observed recall; higher is worse.
        variance: (N,) sampling variance of `deficit`, above 0.
        group: (N,) group numbers; cells of a group may share a cause.
    """
    mean, spread = np.zeros(len(deficit)), np.zeros(len(deficit))
    for number in np.unique(group):
        rows = np.flatnonzero(group == number)
        mean[rows], spread[rows] = _pool_group(deficit[rows], variance[rows])
    return mean, spread


def _pool_group(
    deficit: NDArray[np.float64], variance: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    between = _between_cell_variance(deficit, variance)
    weight = 1 / (variance + between)
    precision = weight.sum() + 1 / _GROUP_SD**2
    centre = float((weight * deficit).sum() / precision)
    trust = between / (between + variance)  # weight of the cell's own deficit
    mean = trust * deficit + (1 - trust) * centre
    posterior = trust * variance + (1 - trust) ** 2 / precision
    return mean, np.sqrt(posterior)


def _between_cell_variance(deficit: NDArray[np.float64], variance: NDArray[np.float64]) -> float:
    """Return t^2, the variance between the cells of a group."""
    weight = 1 / variance
    centre = np.average(deficit, weights=weight)
    excess = float((weight * (deficit - centre) ** 2).sum()) - (len(deficit) - 1)
    scale = float(weight.sum() - (weight**2).sum() / weight.sum())
    return max(_LEAST_SPREAD**2, excess / scale if scale > 0 else 0.0)
