"""95 % intervals of a proportion and of a mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.records import Interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

_Z = 1.959963984540054  # two-sided 95 % quantile of the normal distribution


def wilson(hits: float, count: int) -> Interval:
    """Return a proportion with its 95 % Wilson score interval (Wilson, JASA 22, 1927).

    It stays inside [0, 1] and does not shrink to a point at 0 or 1, as the textbook interval does.

    Args:
        hits: Successes; a fraction where they are averaged over seeds.
        count: Observations. Without any the value is 0 and the interval is [0, 1].

    Raises:
        ValueError: `hits` is outside 0..count.
    """
    if not 0 <= hits <= count + 1e-9:
        raise ValueError(f"{hits!r} hits among {count!r} observations")
    if not count:
        return Interval(0.0, 0.0, 1.0, 0)
    value = min(hits / count, 1.0)
    spread = 1 + _Z**2 / count
    centre = (value + _Z**2 / (2 * count)) / spread
    half = _Z * (value * (1 - value) / count + _Z**2 / (4 * count**2)) ** 0.5 / spread
    return Interval(value, max(0.0, min(value, centre - half)), min(1.0, max(value, centre + half)), count)


def bootstrap(values: NDArray[np.float64], seed: int, rounds: int = 2000) -> Interval:
    """Return a mean with its 95 % percentile bootstrap interval (Efron, Annals of Statistics 7, 1979).

    Args:
        values: (N,) independent observations, e.g. average precision by query.
        seed: Decides the resamples.
        rounds: Resamples.

    Raises:
        ValueError: There is no observation.
    """
    (interval,) = bootstrap_columns(values[:, None], seed, rounds)
    return interval


def bootstrap_columns(values: NDArray[np.float64], seed: int, rounds: int = 2000) -> list[Interval]:
    """Return the mean of every column with its 95 % percentile bootstrap interval, the same resamples for all.

    Args:
        values: (N, M): M figures of N independent observations.
        seed: Decides the resamples.
        rounds: Resamples.

    Raises:
        ValueError: There is no observation.
    """
    if not len(values):
        raise ValueError("no values to resample")
    generator = np.random.default_rng(seed)
    # Row by row, so that memory does not grow with rounds x N.
    means = [values[generator.integers(0, len(values), len(values))].mean(axis=0) for _ in range(rounds)]
    low, high = np.quantile(means, (0.025, 0.975), axis=0)
    bounds = zip(values.mean(axis=0).tolist(), low.tolist(), high.tolist(), strict=True)
    return [Interval(value, least, most, len(values)) for value, least, most in bounds]
