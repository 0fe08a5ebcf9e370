"""The kinds of entries in a run's journal, with the record type of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar, get_origin

from atlantis_core.filtering.captions import CaptionCheckResult
from atlantis_core.records import (
    Answer,
    AnswerForecast,
    Constraints,
    Critique,
    Decision,
    EarlierRound,
    Forecast,
    Gap,
    Goal,
    Measurement,
    Pilot,
    Protocol,
    RecipeChoice,
    Response,
    RoundMoves,
)
from atlantis_core.records.round import BaselineComparison, CaptionsEntry, GroupEffect, RunEnd, SealOpening
from atlantis_core.records.sheet import Look
from atlantis_core.run.insight import FacetIdea, Insight
from atlantis_core.statistics.counts import CollectionStatistics

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True)
class EntryKind(Generic[Record]):
    """One kind of entry."""

    name: str
    """As the database stores it."""
    type: type[Record]

    def check(self, record: Record) -> None:
        """Refuse a record of another type.

        Raises:
            TypeError: The record is not of this kind's type; that is a bug.
        """
        expected = get_origin(self.type) or self.type
        if not isinstance(record, expected):
            raise TypeError(f"a journal entry {self.name!r} is a {expected.__name__}, not a {type(record).__name__}")


class JournalKind:
    """Every kind of entry a session reads and writes: `session.read(1, JournalKind.PROTOCOL)`."""

    # Of the whole run, written under round 0.
    STATISTICS = EntryKind("statistics", CollectionStatistics)
    CAPTIONS = EntryKind("captions", CaptionsEntry)
    GOAL = EntryKind("goal", Goal)
    """As a chat model read it again, once captions had given the collection facets."""
    FACET_IDEAS = EntryKind("facet_ideas", tuple[FacetIdea, ...])
    CONSTRAINTS = EntryKind("wishes", tuple[Constraints, ...])
    """All versions, the newest last."""
    FORECAST = EntryKind("forecast", Forecast)
    """What the run can prove, as it was known when it began."""
    RECIPE = EntryKind("recipe_choice", RecipeChoice)
    """How the recipe was chosen, in a run that left it open."""
    MEMORY = EntryKind("memory", tuple[EarlierRound, ...])
    """Rounds of earlier runs on the same collection that the run knows, newest run first."""
    BASELINE = EntryKind("baseline", Measurement)
    FROZEN = EntryKind("frozen", Measurement)
    COMPARISON = EntryKind("comparison", BaselineComparison)
    END = EntryKind("end", RunEnd)
    FINAL_ARMS = EntryKind("final_arms", dict[str, list[str]])
    """As the run left them, perhaps within a round that was not judged."""
    SEAL_OPENING = EntryKind("test_opened", SealOpening)
    TEST = EntryKind("test", dict[str, Any])
    """The figures that `atlantis test` prints."""

    # Of one round, counted from 1.
    GAPS = EntryKind("gaps", tuple[Gap, ...])
    INSIGHT = EntryKind("insight", Insight)
    PILOTS = EntryKind("pilots", tuple[Pilot, ...])
    """Remedies that were tried before the protocol was drafted, most promising first."""
    ANSWERS = EntryKind("answers", tuple[Answer, ...])
    """What people had said about photos of the pool when the round first used it."""
    ANSWER_FORECAST = EntryKind("answer_forecast", AnswerForecast)
    """What more answers may bring, as it was known after the pilots."""
    EARLIER_TRIES = EntryKind("earlier_tries", int)
    """Remedies that were tried in this round for drafts that were given up."""
    PROTOCOL = EntryKind("protocol", Protocol)
    RESPONSES = EntryKind("responses", tuple[Response, ...])
    """What a person said to protocols of the round that they did not approve, oldest first."""
    CANDIDATES = EntryKind("candidates", tuple[str, ...])
    """Keys of the candidates that the protocol asks for, in order."""
    CAPTION_CHECK = EntryKind("caption_check", CaptionCheckResult)
    CROPS_SEARCHED = EntryKind("crops_searched", bool)
    """Whether the leak guard could search the images for crops of held-out ones."""
    TRAINED_ON = EntryKind("trained_on", tuple[str, ...])
    """Keys of all synthetic images, those of earlier rounds too, that the candidate arm was trained on."""
    CANDIDATE = EntryKind("candidate", Measurement)
    """The candidate arm's measurement."""
    ARMS = EntryKind("arms", dict[str, list[str]])
    """Trial ids of `baseline`, `incumbent`, `candidate` (by judging seed) and `diagnosing`, as far as trained."""
    DECISION = EntryKind("decision", Decision)
    MOVES = EntryKind("moves", RoundMoves)
    """What the candidate changed: cells that moved, and new confusions; earlier versions did not store it."""
    CRITIQUE = EntryKind("critique", Critique)
    LOOKS = EntryKind("looks", tuple[Look, ...])
    """Contact sheets that were drawn, and what a vision model found on them, in order."""
    EFFECTS = EntryKind("effects", tuple[GroupEffect, ...])
    """What `atlantis effect` measured last."""
