"""Is the candidate better than the control? A one-sided paired test over queries and seeds.

D is the mean over seeds and queries of (hit of candidate - hit of control). Its variance has two parts.

`V_clusters`: both arms have the same queries, and queries of one class vary together, so classes are the sampling
units. Variance of a ratio estimator over clusters of unequal size (Cochran, *Sampling Techniques*, 3rd ed., section
9A.1): V = C/(C-1) * sum_c u_c^2 / Q^2, where u_c is the sum over the class's queries of (difference - D), and
differences are averaged over seeds. Degrees of freedom: Q^2 / sum_c n_c^2 - 1, the effective number of classes less
one. V is at least the variance of independent queries after Agresti and Min (Biometrics 61, 2005), as if one more
query had changed: without changes, a handful of queries proves little. With fewer than 6 classes the spread between
them cannot be estimated; V_clusters is then the variance of independent queries plus a prior: classes shift by 8
points at each training of either arm (as on harbor; 4 degrees of freedom), over S seeds and the effective classes.

`V_seeds`: training with another seed shifts all queries at once; more queries do not help. Arms are paired by seed:
`learning.inputs.pk_sampler` gives both the same batches except for the classes whose images differ, so that most of
their shifts cancel (on harbor the gain on the gap varied by 1.1 points between seeds; for independent arms it would
be 2.0). Two seeds give a poor estimate of a spread, so it is pooled with the prior of two independent arms that vary
by 1.75 points of Recall@1 each, with 4 degrees of freedom (Smyth, Stat. Appl. Genet. Mol. Biol. 3, 2004, section 4:
the average of prior and observed variance, weighted by their degrees of freedom). V_seeds = variance / S. It counts
the queries' part of the seed noise twice, which is conservative.

t = D / sqrt(V_clusters + V_seeds), degrees of freedom by Welch and Satterthwaite. Simulated error and power:
bench/paired_error.py, docs/results.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.base.errors import TrainingFailed
from atlantis_core.metrics.outcomes import QueryOutcomes, worst_outcomes
from atlantis_core.records import Comparison

if TYPE_CHECKING:
    from numpy.typing import NDArray

SEED_SD = 0.0175
"""Prior standard deviation of one arm's Recall@1 between seeds of one recipe."""

SCRATCH_SEED_SD = 0.03
"""The same for training from random weights."""

_PRIOR_FREEDOM = 4.0  # degrees of freedom of the priors
_FEWEST_CLASSES = 6  # fewer sampling units leave too few degrees of freedom for any test
_CLASS_SD = 0.08  # prior standard deviation of a class's Recall@1 between trainings, for few classes


def compare(
    control: Sequence[QueryOutcomes | None],
    candidate: Sequence[QueryOutcomes | None],
    labels: Mapping[str, str],
    select: Iterable[str] | None = None,
    seed_sd: float = SEED_SD,
) -> Comparison:
    """Compare two arms query by query and seed by seed; with one seed the spread between seeds is the prior alone.

    Args:
        control: Outcomes of the incumbent or baseline, one per seed. None is a crashed trial; its seed is left out
            of both arms, because it proves nothing for the candidate.
        candidate: Outcomes of the candidate, in the same order of seeds. None is a crashed trial, which missed
            every query.
        labels: Query id -> class, the sampling units.
        select: Query ids to compare on (those of a gap, say), as far as all outcomes have them; None takes all.
        seed_sd: Prior spread of Recall@1 between seeds; larger for training from scratch.

    Raises:
        TrainingFailed: The control crashed at every seed.
    """
    if not control or len(control) != len(candidate):
        raise ValueError(f"{len(control)} control and {len(candidate)} candidate seeds cannot be paired")
    pairs = [(old, new or worst_outcomes(old.ids)) for old, new in zip(control, candidate, strict=True) if old]
    if not pairs:
        raise TrainingFailed("every training of the control crashed; there is nothing to compare with")
    ids = _common_ids([one for pair in pairs for one in pair], select)
    unlabelled = [identity for identity in ids if identity not in labels]
    if unlabelled:
        raise ValueError(f"{len(unlabelled)} queries have no class: {unlabelled[0]!r}")
    before, after = _hits([old for old, _ in pairs], ids), _hits([new for _, new in pairs], ids)
    clusters = np.unique([labels[identity] for identity in ids], return_inverse=True)[1]
    return _test(before, after, clusters, seed_sd)


ERROR_OF_RUN = 0.05
"""Probability that a run keeps any round without a true gain."""


def is_proven(comparison: Comparison, round_index: int, max_rounds: int, pilots: int = 1) -> bool:
    """Whether a round's gain is significant, with the error of the entire run at most 0.05.

    The probability that a run keeps any round without a true gain is at most 0.05 (Bonferroni): round r may spend
    0.05 * (1/r) / (1/1 + ... + 1/max_rounds). Early rounds get more, because they have the most to gain and a run
    often stops at a plateau before its last round. A round whose remedy was chosen among several `pilots` on the same
    queries divides its share by their number: whichever is chosen, one of that many tests would have to err.
    `comparison` is candidate against incumbent, the first round is 1.
    """
    if not 1 <= round_index <= max_rounds:
        raise ValueError(f"round {round_index!r} is not one of 1..{max_rounds!r}")
    share = (1 / round_index) / sum(1 / number for number in range(1, max_rounds + 1))
    return comparison.gain > 0 and comparison.p_value <= ERROR_OF_RUN * share / max(1, pilots)


def _common_ids(outcomes: Sequence[QueryOutcomes], select: Iterable[str] | None) -> list[str]:
    """Return the sorted ids of the (selected) queries that all outcomes have."""
    common = set.intersection(*(set(one.ids) for one in outcomes))
    if select is not None:
        common &= set(select)
    if not common:
        raise ValueError("no query is common to all outcomes (and selected); nothing to compare")
    return sorted(common)


def _hits(outcomes: Sequence[QueryOutcomes], ids: Sequence[str]) -> NDArray[np.float64]:
    """Return hits as 0 and 1, (S, Q)."""
    found = [dict(zip(one.ids, one.hit.tolist(), strict=True)) for one in outcomes]
    return np.array([[table[identity] for identity in ids] for table in found], np.float64)


def _test(
    before: NDArray[np.float64], after: NDArray[np.float64], clusters: NDArray[np.int64], seed_sd: float
) -> Comparison:
    """Run the test on (S, Q) hits; `clusters` (Q,) numbers the sampling units."""
    from scipy import special  # not `scipy.stats`: seconds to import, and reports wait for it

    difference = (after - before).mean(axis=0)
    gain = float(difference.mean())
    parts = [*_query_variances(difference, clusters, len(before)), _seed_variance(before, after, seed_sd)]
    variance = sum(v for v, _ in parts)
    freedom = variance**2 / sum(v**2 / f for v, f in parts)
    half = float(special.stdtrit(freedom, 0.975)) * variance**0.5
    classes = int(clusters.max()) + 1
    units = classes if classes >= _FEWEST_CLASSES else len(clusters)
    # At least the p-value of a sign test in which all sampling units agree.
    p_value = max(float(special.stdtr(freedom, -gain / variance**0.5)), 0.5**units)
    return Comparison(
        before=float(before.mean()),
        after=float(after.mean()),
        gain=gain,
        low=max(-1.0, gain - half),
        high=min(1.0, gain + half),
        p_value=1.0 if (before == after).all() else p_value,
        queries=before.shape[1],
        seeds=len(before),
    )


def _query_variances(
    difference: NDArray[np.float64], clusters: NDArray[np.int64], seeds: int
) -> list[tuple[float, float]]:
    """Return the parts of V_clusters, each with its degrees of freedom."""
    independent = _independent_variance(difference)
    sizes = np.bincount(clusters).astype(np.float64)
    effective = float(sizes.sum() ** 2 / (sizes**2).sum())
    if len(sizes) < _FEWEST_CLASSES:
        return [independent, (2 * _CLASS_SD**2 / (seeds * effective), _PRIOR_FREEDOM)]
    clustered = _cluster_variance(difference - difference.mean(), clusters)
    return [(max(independent[0], clustered), effective - 1)]


def _independent_variance(difference: NDArray[np.float64]) -> tuple[float, float]:
    """Return the variance of the mean of independent queries, plus one that changed, and its degrees of freedom."""
    queries = len(difference)
    squares = float((difference**2).sum()) + 1 - float(difference.sum()) ** 2 / (queries + 2)
    return squares / (queries + 2) ** 2, max(1.0, queries - 1)


def _cluster_variance(residual: NDArray[np.float64], clusters: NDArray[np.int64]) -> float:
    """Return the variance of the mean if the queries of a class vary together."""
    sums = np.bincount(clusters, weights=residual)
    return len(sums) / (len(sums) - 1) * float((sums**2).sum()) / len(residual) ** 2


def _seed_variance(before: NDArray[np.float64], after: NDArray[np.float64], seed_sd: float) -> tuple[float, float]:
    """Return V_seeds and its degrees of freedom."""
    gains = (after - before).mean(axis=1)
    squares = float(((gains - gains.mean()) ** 2).sum())
    freedom = len(gains) - 1 + _PRIOR_FREEDOM
    return (squares + _PRIOR_FREEDOM * 2 * seed_sd**2) / freedom / len(gains), freedom
