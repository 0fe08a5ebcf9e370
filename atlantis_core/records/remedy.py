"""Remedies: what a run could do about failing cells, and what a cheap first try of it gave."""

from __future__ import annotations

from dataclasses import dataclass

from atlantis_core.records.collection import Cell
from atlantis_core.records.measurement import Cause, Comparison


@dataclass(frozen=True, slots=True)
class Offer:
    """A remedy, with its options, that can be used in this run."""

    remedy: str
    """Name in `run.remedies.REMEDIES`, with its options: `serve:csls:k=10`."""
    shows: str
    """What it can change, in words."""
    makes_images: bool
    trainings: int
    """Trainings that a pilot of it takes: 0 or 1."""


@dataclass(frozen=True, slots=True)
class GapGroup:
    """Cells that fail for the same reason: gaps of one facet value with one cause."""

    facet: str
    value: str
    """Both empty if the cells are whole classes."""
    cause: Cause | None
    """None for cells of the draft that are in no gap."""
    cells: tuple[Cell, ...]

    @property
    def name(self) -> str:
        """The group in words."""
        where = f"{self.facet}={self.value}" if self.facet else "whole classes"
        return f"{where}, {self.cause}" if self.cause else f"{where}, no gap"


@dataclass(frozen=True, slots=True)
class GroupGain:
    """What a pilot gave on one group of gaps."""

    group: GapGroup
    found: Comparison | None
    """Over the queries in the group; None if no query is in the group."""
    images: int
    """Images that were generated for its cells."""
    kept: int
    """Those that passed the filters."""


@dataclass(frozen=True, slots=True)
class Pilot:
    """A first try of a remedy against the incumbent: with its models, or with one training of another seed."""

    offer: Offer
    cells: tuple[Cell, ...]
    """The cells that it is tried on; empty for every query."""
    overall: Comparison | None
    """Over all validation queries; None if it could not be tried."""
    targeted: Comparison | None
    """Over the queries of `cells`; None if it could not be tried, or no query is in them."""
    images: int
    """Images that were generated for it."""
    kept: int
    """Those that passed the filters."""
    seconds: float
    failure: str = ""
    """Why it could not be tried; else empty."""
    groups: tuple[GroupGain, ...] = ()
    """The same by group of gaps, worst group first; empty in a pilot of an earlier version."""
    others: Comparison | None = None
    """The same over the queries outside `cells`; None if there are none, or in a pilot of an earlier version."""
    is_known: bool = False
    """Whether it was left out because an earlier run refuted the remedy; the judge counts it as tried."""

    @property
    def deciding(self) -> Comparison | None:
        """The comparison that counts: on the targeted cells, or overall if they have no query."""
        return self.targeted or self.overall

    @property
    def is_try(self) -> bool:
        """Whether it is one of the tries among which the error of a verdict is divided."""
        return self.is_known or not self.failure


ANSWER_STEP = 10
"""Answers that a forecast of answers is about."""


@dataclass(frozen=True, slots=True)
class AnswerForecast:
    """What the next answers of a person about photos of the pool may bring: two estimates, nothing measured."""

    answered: int
    """Answers that the round had."""
    settles: tuple[float, ...]
    """Photos whose class each next `ANSWER_STEP` answers would settle; it falls from step to step."""
    held_out_gain: float | None = None
    """Recall@1 that the next `ANSWER_STEP` answers add if the queries are like the pool; None if it was not tried.

    Tried on training photos that played pool and queries (`pool.answer_trial`).
    """
    basis: str = ""
    """Remedy whose pilot the other estimate is read from; empty if none used photos of the pool."""
    pilot_gain: float | None = None
    """Recall@1 that they add if a settled photo is worth what a photo was in that pilot, on its queries."""
    pilot_low: float | None = None
    pilot_high: float | None = None
    """The same at the ends of the pilot's interval."""

    @property
    def sentence(self) -> str:
        """Return it in words that say that it is a forecast."""
        said = f"{ANSWER_STEP} more answers of a person would settle about {self.settles[0]:.0f} photos"
        if self.held_out_gain is not None:
            said += f": {100 * self.held_out_gain:+.1f} points if queries are like the pool (by training photos)"
        if self.pilot_gain is not None and self.pilot_low is not None and self.pilot_high is not None:
            low, high = 100 * self.pilot_low, 100 * self.pilot_high
            said += f"; by the pilot of {self.basis} {100 * self.pilot_gain:+.1f} points ({low:+.1f} to {high:+.1f})"
        return f"forecast, not measured: {said}"


@dataclass(frozen=True, slots=True)
class EarlierRound:
    """A round of an earlier run on the same collection, which a run remembers."""

    run_id: str
    round: int
