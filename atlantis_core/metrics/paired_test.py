"""Is the candidate better than the control? A one-sided paired test over queries and seeds.

What is estimated: the mean gain of Recall@1 (hit of candidate - hit of control) over all trainings that other seeds
would give and all queries that could be drawn of *these* classes. The classes are fixed: they are the collection's,
and their owner does not ask about others. (An earlier version took classes as drawn at random, which made it blind
where there are 7: it needed a gain of 12 points.) What a training happens to do to single classes is not a gain: it
differs between seeds and is part of their spread.

The variance of the mean has two parts (`variance_components`): that of the seeds, which more queries do not help, and
that of the queries. Arms are paired by seed: `learning.inputs.pk_sampler` gives both the same batches except for the
classes whose images differ, so that a part of their shifts cancels. Two or three gains give a poor estimate of their
spread, so it is pooled with that of the arms themselves, of every other arm that was trained with this recipe on this
collection (`history`), and of a prior.

t = D / sqrt(V_seeds / S + V_queries), degrees of freedom by Welch and Satterthwaite. Simulated error and power:
bench/paired_error.py, bench/null_rounds.py, docs/results.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.base.errors import TrainingFailed
from atlantis_core.metrics.outcomes import QueryOutcomes, worst_outcomes
from atlantis_core.metrics.variance_components import gain_variance, learn_spread, prior_spread
from atlantis_core.records import Comparison

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlantis_core.metrics.variance_components import Spread

SEED_SD = 0.0225
"""Prior standard deviation of the shift that a seed gives to all queries alike, for one arm."""

SCRATCH_SEED_SD = 0.03
"""The same for training from random weights."""


def compare(
    control: Sequence[QueryOutcomes | None],
    candidate: Sequence[QueryOutcomes | None],
    labels: Mapping[str, str],
    select: Iterable[str] | None = None,
    seed_sd: float = SEED_SD,
    history: Sequence[Sequence[QueryOutcomes | None]] = (),
) -> Comparison:
    """Compare two arms query by query and seed by seed.

    Args:
        control: Outcomes of the incumbent or baseline, one per seed. None is a crashed trial; its seed is left out
            of both arms, because it proves nothing for the candidate.
        candidate: Outcomes of the candidate, in the same order of seeds. None is a crashed trial, which missed
            every query.
        labels: Query id -> class.
        select: Query ids to compare on (those of a gap, say), as far as all outcomes have them; None takes all.
        seed_sd: Prior spread of Recall@1 between seeds; larger for training from scratch, and 0 where both arms are
            the same trainings, searched in two ways.
        history: Outcomes of other arms of the same recipe and collection, each by seed: the spread between seeds is
            learned from them too. An arm that lacks a query teaches nothing.

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
    classes = np.unique([labels[identity] for identity in ids], return_inverse=True)[1].astype(np.int64)
    if not seed_sd:
        return _test(before, after, classes, None)
    prior = prior_spread(len(ids), np.bincount(classes).astype(np.float64), seed_sd)
    own = before.mean(axis=1), after.mean(axis=1)
    return _test(before, after, classes, learn_spread(own, prior, recalls_by_seed(history, ids)))


def recalls_by_seed(arms: Iterable[Sequence[QueryOutcomes | None]], ids: Sequence[str]) -> list[NDArray[np.float64]]:
    """Return Recall@1 on the queries `ids` of each finished seed of each arm that has these queries, (seeds,)."""
    wanted = set(ids)
    finished = [[one for one in arm if one and wanted <= set(one.ids)] for arm in arms]
    return [_hits(arm, ids).mean(axis=1) for arm in finished if arm]


ERROR_OF_RUN = 0.05
"""Probability that a run keeps any round without a true gain."""


def share_of_error(round_index: int, max_rounds: int, pilots: int = 1) -> float:
    """Return how often a round may err, so that the entire run errs at most 0.05 (Bonferroni).

    Round r may spend 0.05 * (1/r) / (1/1 + ... + 1/max_rounds). Early rounds get more, because they have the most to
    gain and a run often stops at a plateau before its last round. A round whose remedy was chosen among several
    `pilots` on the same queries divides its share by their number: whichever is chosen, one of that many tests would
    have to err. The first round is 1.
    """
    if not 1 <= round_index <= max_rounds:
        raise ValueError(f"round {round_index!r} is not one of 1..{max_rounds!r}")
    share = (1 / round_index) / sum(1 / number for number in range(1, max_rounds + 1))
    return ERROR_OF_RUN * share / max(1, pilots)


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
    before: NDArray[np.float64], after: NDArray[np.float64], classes: NDArray[np.int64], spread: Spread | None
) -> Comparison:
    """Run the test on (S, Q) hits; `classes` (Q,) numbers the classes."""
    from scipy import special  # not `scipy.stats`: seconds to import, and reports wait for it

    seeds, queries = before.shape
    gain = float((after - before).mean())
    parts = gain_variance(before, after, classes, spread)
    error, freedom = parts.total(seeds) ** 0.5, parts.freedom(seeds)
    half = float(special.stdtrit(freedom, 0.975)) * error
    # At least the p-value of a sign test in which all queries agree.
    p_value = max(float(special.stdtr(freedom, -gain / error)), 0.5**queries)
    return Comparison(
        before=float(before.mean()),
        after=float(after.mean()),
        gain=gain,
        low=max(-1.0, gain - half),
        high=min(1.0, gain + half),
        p_value=1.0 if (before == after).all() else p_value,
        queries=queries,
        seeds=seeds,
        seed_variance=parts.seeds,
        query_variance=parts.queries,
        freedom=freedom,
    )
