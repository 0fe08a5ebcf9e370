"""Which remedy a round uses, given what the pilots gave."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from atlantis_core.base.plural import count_noun
from atlantis_core.metrics.paired_test import ERROR_OF_RUN
from atlantis_core.metrics.sequential import may_be_proven
from atlantis_core.run.other_queries import harms_others
from atlantis_core.run.remedies import parse_remedy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from atlantis_core.records import Comparison, Offer, Pilot

GAIN_SD = 0.03
"""Prior standard deviation of what a remedy gains in Recall@1: estimates are shrunk towards 0 by it."""

DRIFT_SD = 0.02
"""Standard deviation between the gains of a remedy in two runs on one collection, with other seeds and cells."""

FEWEST_IMAGES = 8
"""A pilot with fewer images says nothing: one or two that the filters reject would condemn a remedy."""

UNAPPROVED = "no image is generated before a person approves it"
"""Why a pilot of a run that waits for approval was not made."""

TOO_FEW = f"a tenth of this round's images is fewer than {FEWEST_IMAGES}"
"""Why a pilot of a small round was not made."""

LEAST_GAIN = 0.005
"""Gain in Recall@1 below which a remedy is not worth a round."""


@dataclass(frozen=True, slots=True)
class Prior:
    """What is expected of a remedy's gain in Recall@1 before it is piloted: a normal distribution."""

    mean: float = 0.0
    sd: float = GAIN_SD


UNKNOWN = Prior()


def learn_prior(earlier: Comparison | None) -> Prior:
    """Return what an earlier run's figure lets one expect; without one nothing is known.

    Other seeds and partly other queries may differ by `DRIFT_SD` from what holds there.
    """
    if earlier is None:
        return UNKNOWN
    variance = measure_variance(earlier) + DRIFT_SD**2
    return Prior(_combine(UNKNOWN, earlier.gain, variance), _left_sd(UNKNOWN, variance))


def shrunk_gain(pilot: Pilot, prior: Prior = UNKNOWN) -> float:
    """Return the expected gain of a pilot, see `expect_gain`; -1 where it could not be tried."""
    return -1.0 if pilot.deciding is None else expect_gain(pilot.deciding, prior)


def expect_gain(found: Comparison, prior: Prior = UNKNOWN) -> float:
    """Return a gain in Recall@1 shrunk to the prior by its uncertainty: the posterior mean of a normal gain."""
    return _combine(prior, found.gain, measure_variance(found))


def choose_pilot(
    pilots: Sequence[Pilot],
    error: float = ERROR_OF_RUN,
    priors: Mapping[str, Prior] | None = None,
    seeds: tuple[int, int] = (2, 2),
) -> Pilot | None:
    """Return the pilot whose remedy the round should use; None if none promises a gain.

    It is the one with the highest expected gain of those that are not proven to harm other queries. A remedy whose
    pilot is the judge's first look has to pass the judge's test, of `error` and the first to last of `seeds`, now or
    with the last seed if its figure stays as it is; for any other an optimistic estimate has to reach `LEAST_GAIN`.
    If none of these promises a gain, it is the first whose images could not be piloted.
    """
    known = priors or {}
    expected = [(pilot, known.get(pilot.offer.remedy, UNKNOWN)) for pilot in pilots if pilot.deciding]
    promising = [pair for pair in expected if _is_promising(*pair, error, seeds)]
    untried = next((pilot for pilot in pilots if pilot.failure in {UNAPPROVED, TOO_FEW}), None)
    return max(promising, key=lambda pair: shrunk_gain(*pair))[0] if promising else untried


def find_doubt(pilots: Sequence[Pilot], best: Pilot | None, priors: Mapping[str, Prior] | None = None) -> str:
    """Return what a table of pilots leaves to decide, in words; empty if the best one is a clear choice.

    Args:
        pilots: The table.
        best: What `choose_pilot` chose of it.
        priors: As there.
    """
    if best is None:
        return "no remedy promises a gain"
    known = priors or {}
    tried = {pilot: shrunk_gain(pilot, known.get(pilot.offer.remedy, UNKNOWN)) for pilot in pilots if pilot.deciding}
    if tried.get(best, 1.0) <= 0:
        return f"no remedy gained in its pilot; {best.offer.remedy} is only not ruled out"
    harming = [pilot for pilot, gain in tried.items() if gain > tried.get(best, 0.0) and harms_others(pilot.others)]
    if harming:
        return f"{harming[0].offer.remedy} gains more than {best.offer.remedy}, but the other queries pay for it"
    broken = [
        pilot
        for pilot in pilots
        if pilot.failure not in {"", UNAPPROVED, TOO_FEW} and not pilot.is_known and _spends_images(pilot.offer)
    ]
    if broken:
        return f"{broken[0].offer.remedy} could not be tried: {broken[0].failure}"
    near = [pilot for pilot in tried if pilot is not best and abs(tried[pilot] - tried.get(best, -1.0)) < LEAST_GAIN]
    near = [pilot for pilot in near if pilot.offer.trainings or best.offer.trainings]
    return f"{best.offer.remedy} and {near[0].offer.remedy} promise the same" if near else ""


def _spends_images(offer: Offer) -> bool:
    return offer.makes_images and parse_remedy(offer.remedy)[0].spends_images


def _is_promising(pilot: Pilot, prior: Prior, error: float, seeds: tuple[int, int]) -> bool:
    found = pilot.deciding
    if found is None or harms_others(pilot.others):
        return False
    if is_whole(pilot.offer):
        return may_be_proven(found, error, *seeds)
    variance = measure_variance(found)
    # The 95 % quantile of the posterior of the gain.
    return _combine(prior, found.gain, variance) + 1.64 * _left_sd(prior, variance) >= LEAST_GAIN


def is_whole(offer: Offer) -> bool:
    """Whether a pilot is the same as the round would be: nothing is trained, and no share of images was tried."""
    return not offer.trainings and not _spends_images(offer)


def measure_variance(found: Comparison) -> float:
    """Return the squared standard error of a gain."""
    if not found.freedom:  # a version that stored no variances
        return ((found.high - found.low) / 2 / 1.96) ** 2
    return found.seed_variance / found.seeds + found.query_variance


def _combine(prior: Prior, gain: float, variance: float) -> float:
    """Return the posterior mean of a gain that was measured with a variance."""
    return (gain * prior.sd**2 + prior.mean * variance) / (prior.sd**2 + variance)


def _left_sd(prior: Prior, variance: float) -> float:
    return math.sqrt(prior.sd**2 * variance / (prior.sd**2 + variance))


_MOST_GROUPS = 4
"""Groups of gaps that a line names."""


def describe_pilot(pilot: Pilot) -> str:
    """Return a pilot in one line: its remedy, gain, interval and cost, and the gain in each of several groups."""
    found = pilot.deciding
    if found is None:
        return f"{pilot.offer.remedy}: not tried ({pilot.failure})"
    images = f", {pilot.kept} of {count_noun(pilot.images, 'image')} kept" if pilot.images else ""
    measured = [(gain.group.name, gain.found) for gain in pilot.groups if gain.found]
    parts = [f"{name} {describe_gain(own)}" for name, own in measured[:_MOST_GROUPS]] if len(measured) > 1 else []
    groups = f" [{'; '.join(parts)}]" if parts else ""
    others = f", {describe_gain(pilot.others)} on the other queries" if pilot.others else ""
    return f"{pilot.offer.remedy}: {describe_gain(found)}{others}{images}{groups}"


def describe_gain(found: Comparison) -> str:
    """Return a gain in Recall@1 with its interval."""
    return f"{found.gain:+.3f} ({found.low:+.3f} to {found.high:+.3f})"
