"""Seeds that come one after the other: after each one a gain is proven, refuted, or still undecided.

A test that is repeated after every seed errs more often than it says. So the error is spent over the looks in
proportion to the seeds (alpha spending: Lan and DeMets, Biometrika 70, 1983): after s of at most S seeds no more
than error * s / S has been used, with exact bounds for sums of independent normal gains (Armitage, McPherson and
Rowe, J. R. Stat. Soc. A 132, 1969). In simulation (`bench/null_rounds.py --rules`) this costs 2 to 6 points of power
beside one test with all the seeds and saves a third to a half of them. Spending like O'Brien and Fleming keeps 3
points more and asks for more seeds; predicting the last test's rejection (Holmes and Walker, arXiv 2602.13872) keeps
as much and saves little; a mixture e-process, which needs no last seed, finds half as much.

Giving up when a proof is unlikely spends no error.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from atlantis_core.metrics.power import WORTH, find_seeds
from atlantis_core.metrics.variance_components import GainVariance
from atlantis_core.records import Comparison, GainVerdict

_REFUTING_ERROR = 0.05  # how often a gain that is worth keeping may be called refuted
_LEAST_CHANCE = 0.1  # of a proof with the last seed, for which another one is trained
_GRID = 1201


@dataclass(frozen=True, slots=True)
class Look:
    """What is known after some seeds."""

    verdict: GainVerdict
    wants_seed: bool
    """Whether another seed may well change the verdict."""
    missing: str
    """What would decide an undecided case, in words; else empty."""


@lru_cache(maxsize=256)
def look_levels(error: float, first: int, last: int) -> tuple[float, ...]:
    """Return the one-sided level of the test after each of `first` to `last` seeds; together they err `error`.

    Raises:
        ValueError: The numbers are not in order.
    """
    from scipy import special

    if not 1 <= first <= last or not 0 < error < 0.5:
        raise ValueError(f"no levels for an error of {error!r} over {first!r} to {last!r} seeds")
    bound = -float(special.ndtri(error * (first / last))) * first**0.5
    sums = np.linspace(-8 * first**0.5, bound, _GRID)
    density = np.exp(-(sums**2) / (2 * first)) / (2 * np.pi * first) ** 0.5
    levels = [error * (first / last)]
    for seeds in range(first + 1, last + 1):
        weights = density * _trapezoid(sums)
        bound = _find_bound(sums, weights, error / last)
        levels.append(float(special.ndtr(-bound / seeds**0.5)))
        following = np.linspace(-8 * seeds**0.5, bound, _GRID)
        density = np.exp(-((following[:, None] - sums) ** 2) / 2) @ weights / (2 * np.pi) ** 0.5
        sums = following
    return tuple(levels)


def _trapezoid(grid: NDArray[np.float64]) -> NDArray[np.float64]:
    weights = np.full(len(grid), grid[1] - grid[0])
    weights[[0, -1]] /= 2
    return weights


def _find_bound(sums: NDArray[np.float64], weights: NDArray[np.float64], error: float) -> float:
    """Return what the next sum exceeds with probability `error`, by bisection."""
    from scipy import special

    low, high = -50.0, 50.0
    for _ in range(60):
        middle = (low + high) / 2
        is_exceeded = float(special.ndtr(sums - middle) @ weights) > error
        low, high = (middle, high) if is_exceeded else (low, middle)
    return high


def take_look(comparison: Comparison, error: float, first: int, last: int) -> Look:
    """Judge a comparison after one of `first` to `last` seeds, with `error` for all looks together."""
    seeds = min(max(comparison.seeds, first), last)  # fewer where a training of the control crashed
    level = look_levels(error, first, last)[seeds - first]
    if comparison.gain > 0 and comparison.p_value <= level:
        return Look("proven", False, "")
    if not comparison.freedom:
        return Look("undecided", False, "")
    if _refuting_p_value(comparison) <= look_levels(_REFUTING_ERROR, first, last)[seeds - first]:
        return Look("refuted", False, "")
    wants = seeds < last and _chance_of_proof(comparison, seeds, last, look_levels(error, first, last)[-1])
    return Look("undecided", bool(wants), _say_missing(comparison, level))


def may_be_proven(comparison: Comparison, error: float, first: int, last: int) -> bool:
    """Whether a gain is proven now, or would be with the last seed if its estimate stays: an even chance."""
    if take_look(comparison, error, first, last).verdict == "proven":
        return True
    if not comparison.freedom or comparison.seeds >= last:
        return False
    return comparison.gain >= _find_needed_gain(comparison, last, look_levels(error, first, last)[-1])


def _find_needed_gain(comparison: Comparison, last: int, level: float) -> float:
    """Return the gain that the test with the last seed would prove."""
    from scipy import special

    error = (comparison.seed_variance / last + comparison.query_variance) ** 0.5
    return -float(special.ndtri(level)) * float(error)


def _refuting_p_value(comparison: Comparison) -> float:
    """Return how likely so small a gain is if the true one is worth keeping."""
    from scipy import special

    variance = comparison.seed_variance / comparison.seeds + comparison.query_variance
    return float(special.stdtr(comparison.freedom, (comparison.gain - WORTH) / variance**0.5))


def _chance_of_proof(comparison: Comparison, seeds: int, last: int, level: float) -> bool:
    """Whether the last seed may still prove the gain, as likely as not very unlikely (predictive, flat prior)."""
    from scipy import special

    needed = _find_needed_gain(comparison, last, level)
    spread = (comparison.seed_variance * (1 / seeds - 1 / last)) ** 0.5
    if spread == 0:  # both arms search the same trainings alike in all seeds: another one changes nothing
        return comparison.gain >= needed
    return float(special.ndtr((comparison.gain - needed) / spread)) >= _LEAST_CHANCE


def _say_missing(comparison: Comparison, level: float) -> str:
    gain = max(comparison.gain, WORTH)
    parts = comparison.seed_variance, comparison.freedom, comparison.query_variance, float(comparison.queries)
    variance = GainVariance(*parts)
    seeds = find_seeds(variance, gain, level)
    if seeds is None:
        return f"a gain of {100 * gain:.1f} points would take more than 100 seeds: it needs more queries"
    return f"a gain of {100 * gain:.1f} points would take about {max(seeds, comparison.seeds + 1)} seeds"
