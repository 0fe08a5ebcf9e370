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


@dataclass(frozen=True, slots=True)
class EarlierRound:
    """A round of an earlier run on the same collection, which a run remembers."""

    run_id: str
    round: int


@dataclass(frozen=True, slots=True)
class AnswerForecast:
    """What the next answers of a person about photos of the pool may bring: computed, not measured."""

    answered: int
    """Answers that the round had."""
    settles: tuple[float, ...]
    """Photos whose class each next ten answers would settle; what they are worth falls from ten to ten."""
    basis: str = ""
    """Remedy whose pilot the gain is read from; empty if none used photos of the pool."""
    gain: float | None = None
    """Recall@1, on the queries of that pilot, that the next ten answers would add; None without a basis."""
    low: float | None = None
    high: float | None = None
    """The same at the ends of the pilot's interval."""
