"""95 % intervals of a proportion and of a mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.records import Interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DRAWN_AT_ONCE = 2**20  # observations drawn at once, 24 bytes each
_Z = 1.959963984540054  # two-sided 95 % quantile of the normal distribution


def wilson_interval(hits: float, count: int) -> Interval:
    """Return a proportion with its 95 % Wilson score interval (Wilson, JASA 22, 1927).

    It stays in [0, 1] and, unlike the normal approximation, does not shrink to a point at 0 or 1. Hits are fractional
    if averaged over seeds.

    Raises:
        ValueError: There are no observations, and so no proportion, or more hits than observations.
    """
    if not count or not 0 <= hits <= count + 1e-9:
        raise ValueError(f"{hits!r} hits among {count!r} observations")
    value = min(hits / count, 1.0)
    spread = 1 + _Z**2 / count
    centre = (value + _Z**2 / (2 * count)) / spread
    half = _Z * (value * (1 - value) / count + _Z**2 / (4 * count**2)) ** 0.5 / spread
    return Interval(value, max(0.0, min(value, centre - half)), min(1.0, max(value, centre + half)), count)


def bootstrap_means(values: NDArray[np.float64], seed: int, rounds: int = 2000) -> list[Interval]:
    """Return means with their 95 % percentile bootstrap intervals (Efron, Annals of Statistics 7, 1979).

    `values` (N, M) are M figures of N independent observations, e.g. hits at M values of K by query. All figures use
    the same resamples. If all observations are equal, the interval is a point.
    """
    count = len(values)
    if not count:
        raise ValueError("no values to resample")
    generator = np.random.default_rng(seed)
    # A resample is a count per observation; computed in batches, so that memory stays below rounds x N.
    at_once = max(1, _DRAWN_AT_ONCE // count)
    parts = []
    for start in range(0, rounds, at_once):
        many = min(at_once, rounds - start)
        drawn = generator.integers(0, count, (many, count)) + count * np.arange(many)[:, None]
        times = np.bincount(drawn.ravel(), minlength=many * count).reshape(many, count)
        parts.append(times @ values / count)
    low, high = np.quantile(np.concatenate(parts), (0.025, 0.975), axis=0)
    means = np.ascontiguousarray(values.T).mean(axis=1)  # contiguous: equal to the last bit to one figure alone
    bounds = zip(means.tolist(), low.tolist(), high.tolist(), strict=True)
    return [Interval(mean, least, most, count) for mean, least, most in bounds]
