"""Which remedy a round uses, given what the pilots gave."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from atlantis_core.base.plural import count_noun
from atlantis_core.metrics.paired_test import ERROR_OF_RUN
from atlantis_core.run.remedies import parse_remedy

if TYPE_CHECKING:
    from atlantis_core.records import Comparison, Pilot

GAIN_SD = 0.03
"""Prior standard deviation of what a remedy gains in Recall@1: estimates are shrunk towards 0 by it."""

LEAST_GAIN = 0.005
"""Gain in Recall@1 below which a remedy is not worth a round."""

FEWEST_IMAGES = 8
"""A pilot with fewer images says nothing: one or two that the filters reject would condemn a remedy."""

UNAPPROVED = "no image is generated before a person approves it"
"""Why a pilot of a run that waits for approval was not made."""

TOO_FEW = f"a tenth of this round's images is fewer than {FEWEST_IMAGES}"
"""Why a pilot of a small round was not made."""


def shrunk_gain(pilot: Pilot) -> float:
    """Return the expected gain of a pilot in Recall@1: the measured one, shrunk towards 0 by its uncertainty.

    Posterior mean of a normal gain with mean 0 and standard deviation `GAIN_SD`; -1 where it could not be tried.
    """
    return -1.0 if pilot.deciding is None else _shrink(pilot.deciding)


def choose_pilot(pilots: Sequence[Pilot], error: float = ERROR_OF_RUN) -> Pilot | None:
    """Return the pilot whose remedy the round should use; None if none promises a gain.

    It is the one with the highest expected gain. A remedy whose pilot is all that the judge will see has to pass the
    judge's test, whose p-value is at most `error`; for any other an optimistic estimate has to reach `LEAST_GAIN`. If
    none of these promises a gain, it is the first whose images could not be piloted.
    """
    promising = [pilot for pilot in pilots if pilot.deciding and _is_promising(pilot, pilot.deciding, error)]
    untried = next((pilot for pilot in pilots if pilot.failure in {UNAPPROVED, TOO_FEW}), None)
    return max(promising, key=shrunk_gain, default=untried)


def _is_promising(pilot: Pilot, found: Comparison, error: float) -> bool:
    if _is_whole(pilot):
        return found.gain > 0 and found.p_value <= error
    return _optimistic_gain(found) >= LEAST_GAIN


def _is_whole(pilot: Pilot) -> bool:
    """Whether a pilot is the same as the round would be: nothing is trained, and no share of images was tried."""
    return not pilot.offer.trainings and not (
        pilot.offer.makes_images and parse_remedy(pilot.offer.remedy)[0].spends_images
    )


def _variance(found: Comparison) -> float:
    if not found.freedom:  # a version that stored no variances
        return ((found.high - found.low) / 2 / 1.96) ** 2
    return found.seed_variance / found.seeds + found.query_variance


def _shrink(found: Comparison) -> float:
    return found.gain * GAIN_SD**2 / (GAIN_SD**2 + _variance(found))


def _optimistic_gain(found: Comparison) -> float:
    """Return the 95 % quantile of the posterior of a gain."""
    prior, variance = GAIN_SD**2, _variance(found)
    return _shrink(found) + 1.64 * math.sqrt(prior * variance / (prior + variance))


def describe_pilot(pilot: Pilot) -> str:
    """Return a pilot in one line: its remedy, gain, interval and cost, and the gain in each of several groups."""
    found = pilot.deciding
    if found is None:
        return f"{pilot.offer.remedy}: not tried ({pilot.failure})"
    images = f", {pilot.kept} of {count_noun(pilot.images, 'image')} kept" if pilot.images else ""
    measured = [(gain.group.name, gain.found) for gain in pilot.groups if gain.found]
    parts = [f"{name} {_describe_gain(own)}" for name, own in measured[:_MOST_GROUPS]] if len(measured) > 1 else []
    groups = f" [{'; '.join(parts)}]" if parts else ""
    return f"{pilot.offer.remedy}: {_describe_gain(found)}{images}{groups}"


_MOST_GROUPS = 4
"""Groups of gaps that a line names."""


def _describe_gain(found: Comparison) -> str:
    return f"{found.gain:+.3f} ({found.low:+.3f} to {found.high:+.3f})"
