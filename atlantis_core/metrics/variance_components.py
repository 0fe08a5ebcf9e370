"""What a mean gain over seeds and queries varies by: seeds, queries, and both together.

A model of crossed random effects for *these* classes (a fixed set): d[s, q] = gain of the query's class + seed s +
class-by-seed + query q (of its class) + rest. With S seeds and Q queries the variance of the mean is
`seeds / S + queries`: `seeds` is the variance of one seed's gain, which contains everything that a training draws
(the shift common to all queries, that of each class, and single flips), and `queries` what drawing other queries of
the same classes would change. Each alone contains the rest once; it is subtracted once (Owen, Ann. Appl. Stat. 1,
2007; Cameron, Gelbach and Miller, J. Bus. Econ. Stat. 29, 2011).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLASS_SD = 0.08
"""Prior standard deviation of a class's Recall@1 between trainings (harbor)."""

FLIP_VARIANCE = 0.12
"""Prior variance of a query's top-1 outcome between trainings, as if a quarter of the queries changed."""

PRIOR_FREEDOM = 2.0
"""Degrees of freedom of the prior of one arm's spread between seeds."""

ANCHOR_FREEDOM = 2.0
"""Degrees of freedom that the arms' spread counts for beside the spread of the paired gains themselves; twice that
where other arms (`Spread.others` of at least 8) have shown it."""

_LEAST_LEFT = 0.2  # of an arm's variance, pairing is never believed to leave less
_LEAST_QUERIES = 0.5  # of what queries vary by, the seeds' part is never believed to contain more than the rest


@dataclass(frozen=True, slots=True)
class Spread:
    """Variance of one arm's Recall@1 between seeds, and how well it is known."""

    variance: float
    freedom: float
    others: float = 0.0
    """Degrees of freedom of `freedom` that arms which are not compared have given."""

    @property
    def anchor(self) -> float:
        """Degrees of freedom that it counts for beside the spread of paired gains."""
        return ANCHOR_FREEDOM * (1 + min(1.0, self.others / 8))


def prior_spread(queries: int, class_sizes: NDArray[np.float64], seed_sd: float) -> Spread:
    """Return the spread before any training: a common shift of `seed_sd`, classes that shift, and single flips.

    For 420 queries of 7 classes 3.9 points (measured on 12 seeds of such a collection: 3.8); for 695 of 81 classes
    2.4 (measured 1.5), for 2,592 of 48 classes 2.2 (measured 1.1 to 1.6).
    """
    effective = float(class_sizes.sum() ** 2 / (class_sizes**2).sum())
    return Spread(seed_sd**2 + CLASS_SD**2 / effective + FLIP_VARIANCE / queries, PRIOR_FREEDOM)


def learn_spread(
    arms: Sequence[NDArray[np.float64]], prior: Spread, others: Sequence[NDArray[np.float64]] = ()
) -> Spread:
    """Pool the prior with the spread within each arm, (seeds,) values of Recall@1 (Smyth 2004, section 4).

    `arms` are those that are compared, `others` were trained with the same recipe on the same collection.
    """
    squares = sum(float(((arm - arm.mean()) ** 2).sum()) for arm in (*arms, *others))
    own, more = (float(sum(len(arm) - 1 for arm in part)) for part in (arms, others))
    total = own + more + prior.freedom
    return Spread((squares + prior.freedom * prior.variance) / total, total, more)


@dataclass(frozen=True, slots=True)
class GainVariance:
    """Variance of a mean gain, in two parts."""

    seeds: float
    """Of one seed's gain."""
    seeds_freedom: float
    queries: float
    """Of the mean over queries, without what seeds already contain."""
    queries_freedom: float

    def total(self, seeds: int) -> float:
        """Return the variance of the mean over that many seeds."""
        return self.seeds / seeds + self.queries

    def freedom(self, seeds: int) -> float:
        """Return the degrees of freedom of `total` (Welch and Satterthwaite)."""
        parts = ((self.seeds / seeds, self.seeds_freedom), (self.queries, self.queries_freedom))
        return self.total(seeds) ** 2 / sum(part**2 / freedom for part, freedom in parts)


def gain_variance(
    before: NDArray[np.float64], after: NDArray[np.float64], classes: NDArray[np.int64], spread: Spread | None
) -> GainVariance:
    """Estimate the parts from (S, Q) hits of both arms; `classes` (Q,) numbers the classes.

    The spread of the S paired gains has S - 1 degrees of freedom. It is pooled with what the arms' own spread lets
    one expect: twice `spread`, times the share that pairing leaves, which the flips of single queries show (of many
    degrees of freedom: (S - 1)(Q - C)). `ANCHOR_FREEDOM` is the weight of that, as if so many more seeds had shown
    it. With one seed, a class's own gain and its luck in this training cannot be told apart, so that classes are then
    the sampling units.

    Without a `spread` both arms are the same trainings, searched in two ways: no training shifts one of them, and the
    gain of a seed varies by single flips at least; with one seed the interval is that of the queries alone.
    """
    seeds, queries = before.shape
    difference = after - before
    strata = collapse_singletons(classes)
    within = _within_class_variance(difference.mean(axis=0), strata)
    least = 1 / (queries + 2) ** 2  # as if one more query had changed (Agresti and Min, Biometrics 61, 2005)
    freedom = max(1.0, queries - 1.0 - int(strata.max()))
    if seeds == 1 and spread is None:
        return GainVariance(0.0, 1.0, within + least, freedom)
    if seeds == 1 and spread is not None:
        mean = difference.mean(axis=0)
        clustered, units = _clustered_variance(mean - mean.mean(), classes)
        wider = clustered > within + least
        own = max(within + least, clustered), units if wider else freedom
        return GainVariance(2 * spread.variance, spread.freedom, *own)
    flips = _flip_variance(difference, strata)
    expected = flips / queries if spread is None else 2 * spread.variance * _share_left(before, after, flips, strata)
    gains = difference.mean(axis=1)
    anchor = ANCHOR_FREEDOM if spread is None else spread.anchor
    total = seeds - 1 + anchor
    of_seeds = (float(((gains - gains.mean()) ** 2).sum()) + anchor * expected) / total
    of_queries = max(within - flips / (seeds * queries), _LEAST_QUERIES * within)
    return GainVariance(of_seeds, total, of_queries + least, freedom)


def _share_left(
    before: NDArray[np.float64], after: NDArray[np.float64], flips: float, strata: NDArray[np.int64]
) -> float:
    """Return which share of the arms' variance pairing leaves, by the flips of single queries."""
    arms = _flip_variance(before, strata) + _flip_variance(after, strata)
    return float(np.clip(flips / arms, _LEAST_LEFT, 1.0)) if arms else 1.0


def collapse_singletons(classes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return class numbers in which classes of one query are one stratum (Cochran, section 5A.12)."""
    sizes = np.bincount(classes)
    merged = np.where(sizes[classes] < 2, -1, classes)
    return np.unique(merged, return_inverse=True)[1].astype(np.int64)


def _within_class_variance(mean: NDArray[np.float64], strata: NDArray[np.int64]) -> float:
    """Return the variance of the mean of a stratified sample of queries, (Q,) (Cochran, section 5.3)."""
    sizes = np.bincount(strata).astype(np.float64)
    centred = mean - (np.bincount(strata, weights=mean) / sizes)[strata]
    squares = np.bincount(strata, weights=centred**2)
    total = float((squares * sizes / np.maximum(sizes - 1, 1)).sum())
    return total / len(mean) ** 2


def _flip_variance(values: NDArray[np.float64], strata: NDArray[np.int64]) -> float:
    """Return the mean square of what neither the query nor the class in this training explains, of (S, Q) values."""
    seeds, queries = values.shape
    members = np.eye(int(strata.max()) + 1)[strata]
    sizes = members.sum(axis=0)
    of_query = values - values.mean(axis=0)
    rest = of_query - ((of_query @ members) / sizes)[:, strata]
    freedom = float(max(1, (seeds - 1) * (queries - 1 - int(strata.max()))))
    return float((rest**2).sum()) / freedom


def _clustered_variance(residual: NDArray[np.float64], classes: NDArray[np.int64]) -> tuple[float, float]:
    """Return the variance of the mean if classes vary as one, and its degrees of freedom; 0 for a single class.

    Ratio estimator over clusters of unequal size (Cochran, section 9A.1); the effective number of classes less one.
    """
    sums, sizes = np.bincount(classes, weights=residual), np.bincount(classes).astype(np.float64)
    if len(sums) < 2:
        return 0.0, 1.0
    variance = len(sums) / (len(sums) - 1) * float((sums**2).sum()) / len(residual) ** 2
    effective = float(sizes.sum() ** 2 / (sizes**2).sum())
    return variance, max(1.0, effective - 1.0)
