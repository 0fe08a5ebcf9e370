"""Partial pooling: cells with few queries borrow strength from their group."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_GROUP_SD = 0.2  # prior spread of group deficits around 0
_LEAST_SPREAD = 0.05  # cells of one group are never taken to be exactly alike


def pool_deficits(
    deficit: NDArray[np.float64], variance: NDArray[np.float64], group: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return posterior mean and standard deviation of every cell's deficit, both (N,).

    Two-stage normal model, empirical Bayes: cell ~ N(group, t^2), group ~ N(0, 0.2^2), with t^2 by the moment
    estimator of DerSimonian and Laird (Controlled Clinical Trials 7, 1986). A cell with few queries moves to
    the mean of its group, and a group with little evidence moves to 0.

    Args:
        deficit: (N,) expected minus observed recall; higher is worse.
        variance: (N,) sampling variance of `deficit`, above 0.
        group: (N,) group number; cells that may share a cause.
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
    trust = between / (between + variance)  # share of the cell's own word
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
