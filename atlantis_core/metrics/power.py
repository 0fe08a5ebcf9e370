"""What a paired comparison can prove, and what it would take to prove more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from atlantis_core.metrics.variance_components import ANCHOR_FREEDOM, FLIP_VARIANCE, GainVariance
from atlantis_core.records import Forecast

if TYPE_CHECKING:
    from atlantis_core.metrics.variance_components import Spread

WORTH = 0.02
"""The gain that is worth keeping: forecasts say what it takes to prove it, and a gain below it is refuted."""

POWER = 0.8
"""Forecasts are for 4 times of 5."""

SHARE_LEFT = 0.5
"""Prior share of the arms' variance between seeds that pairing leaves."""

QUERY_VARIANCE = 0.03
"""Prior variance of a query's lasting change between two arms."""

_MOST_SEEDS = 100
_MOST_QUERIES = 1_000_000


def find_power(gain: float, error: float, freedom: float, level: float) -> float:
    """Return how often a true gain is proven at a one-sided level, from the noncentral t distribution."""
    from scipy import special  # not `scipy.stats`: seconds to import

    critical = -float(special.stdtrit(freedom, level))
    if gain / error > critical + 10:  # where the distribution is not computed any more
        return 1.0
    return 1.0 - float(special.nctdtr(freedom, gain / error, critical))


def find_provable_gain(variance: GainVariance, seeds: int, level: float) -> float:
    """Return the smallest gain that is proven 4 times of 5; at most 1."""
    error, freedom = variance.total(seeds) ** 0.5, variance.freedom(seeds)
    low, high = 0.0, 1.0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (low, middle) if find_power(middle, error, freedom, level) >= POWER else (middle, high)
    return high


def find_seeds(variance: GainVariance, gain: float, level: float) -> int | None:
    """Return how many seeds prove a gain 4 times of 5; None if more than 100 would be needed."""

    def is_enough(seeds: int) -> bool:
        parts = _with_seeds(variance, seeds)
        return find_power(gain, parts.total(seeds) ** 0.5, parts.freedom(seeds), level) >= POWER

    return next((seeds for seeds in range(2, _MOST_SEEDS + 1) if is_enough(seeds)), None)


def _with_seeds(variance: GainVariance, seeds: int) -> GainVariance:
    return GainVariance(
        variance.seeds, seeds - 1 + ANCHOR_FREEDOM, variance.queries, max(1.0, variance.queries_freedom)
    )


@dataclass(frozen=True, slots=True)
class Design:
    """What is known before any candidate is trained."""

    queries: int
    classes: int
    spread: Spread
    """Of one arm's Recall@1 between seeds, on these queries."""
    trainings: int = 0
    """From how many trainings the spread was learned."""

    def expect_variance(self, seeds: int, queries: int | None = None) -> GainVariance:
        """Return the variance to expect with other numbers; more queries average out flips, nothing else."""
        asked = queries or self.queries
        flips = min(FLIP_VARIANCE / self.queries, 0.9 * self.spread.variance)
        spread = self.spread.variance - flips * (1 - self.queries / asked)
        freedom = max(1.0, asked - self.classes)
        return GainVariance(2 * SHARE_LEFT * spread, seeds - 1 + self.spread.anchor, QUERY_VARIANCE / asked, freedom)


def forecast(design: Design, seeds: int, max_seeds: int, levels: tuple[float, ...]) -> Forecast:
    """Say what a comparison can prove with `seeds` to `max_seeds` seeds; `levels` has the error of each look."""
    first, last = (design.expect_variance(number) for number in (seeds, max_seeds))
    return Forecast(
        queries=design.queries,
        classes=design.classes,
        seeds=seeds,
        max_seeds=max_seeds,
        seed_sd=design.spread.variance**0.5,
        trainings=design.trainings,
        gain=find_provable_gain(first, seeds, levels[0]),
        gain_at_most=find_provable_gain(last, max_seeds, levels[-1]),
        worth=WORTH,
        seeds_needed=find_seeds(last, WORTH, levels[-1]),
        queries_needed=_find_queries(design, max_seeds, levels[-1]),
    )


def _find_queries(design: Design, seeds: int, level: float) -> int | None:
    """Return how many queries prove a gain worth keeping with so many seeds; None where no number does."""

    def is_enough(queries: int) -> bool:
        return find_provable_gain(design.expect_variance(seeds, queries), seeds, level) <= WORTH

    if not is_enough(_MOST_QUERIES):
        return None
    low, high = 0, _MOST_QUERIES
    while high - low > max(1, high // 50):
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high
