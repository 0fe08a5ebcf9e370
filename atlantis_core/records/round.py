"""Records of a round: constraints, decision, critique; and of the end of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from atlantis_core.records.collection import Cell
from atlantis_core.records.generation import Protocol
from atlantis_core.records.measurement import Comparison, GainVerdict

Arms = Mapping[str, list[str]]
"""Models by arm: `baseline`, `incumbent` and `candidate` by judging seed, and the one model of `diagnosing`.

A model is a trial's id, or `ID@SERVING` if it is searched otherwise than by plain nearest neighbours
(`run.models`).
"""


@dataclass(frozen=True, slots=True)
class Constraints:
    """Constraints that a person set during a run; every later protocol follows them."""

    skip: tuple[Cell, ...] = ()
    """Cells to skip; an empty field matches any value."""
    notes: tuple[str, ...] = ()
    """Other constraints in words, for the drafter."""

    def allows(self, cell: Cell) -> bool:
        """Whether images may be generated for a cell."""
        return not any(skipped.contains(cell) for skipped in self.skip)

    def without_skipped(self, protocol: Protocol) -> Protocol:
        """Return a protocol without the skipped cells."""
        return replace(protocol, cells=tuple(request for request in protocol.cells if self.allows(request.cell)))


@dataclass(frozen=True, slots=True)
class Response:
    """What a person said to a protocol instead of approving it."""

    decision: Literal["reject", "respond"]
    """Whether the protocol was rejected, or is to be changed as the words say."""
    protocol: Protocol
    words: str
    """A reason or a wish, in any language; may be empty for a rejection."""


NO_TARGETED_QUERY = "over all queries (none is in the targeted cells)"
"""In the reason of a decision that could not be made on the targeted cells."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a round was kept, and why."""

    kept: bool
    reason: str
    overall: Comparison
    """Candidate against incumbent over all queries."""
    targeted: Comparison | None
    """The same over the queries of the targeted cells; None if they have none."""
    over_baseline: Comparison
    """Candidate against real images only, over all queries."""
    verdict: GainVerdict = "undecided"
    """Of the gain that the round is judged by."""
    missing: str = ""
    """What would decide an undecided case, in words."""
    clean: Comparison | None = None
    """Candidate against incumbent on clean queries, in a run whose queries are attacked; else None."""
    others: Comparison | None = None
    """Candidate against incumbent on the queries outside the judged cells; None if there are none."""

    def __post_init__(self) -> None:
        if self.kept:  # earlier versions stored no verdict
            object.__setattr__(self, "verdict", "proven")
        if NO_TARGETED_QUERY in self.reason:  # earlier versions stored the comparison over all queries
            object.__setattr__(self, "targeted", None)


@dataclass(frozen=True, slots=True)
class Critique:
    """What a round teaches the next one."""

    finding: str
    """What happened, in a sentence."""
    changes: tuple[str, ...]
    """What to do differently, most important first; may be empty."""
    by: str
    """`rules`, or the chat model's name."""


@dataclass(frozen=True, slots=True)
class BaselineComparison:
    """The incumbent of a run compared with its baseline, for reports."""

    baseline: tuple[str, ...]
    """Trial ids by judging seed."""
    incumbent: tuple[str, ...]
    overall: Comparison | None
    """Over all queries; None if a training of the baseline crashed."""
    planted_gap: Comparison | None
    """On the planted gap of a bundled world; None for other collections."""
    gaps: tuple[Comparison | None, ...]
    """On each gap of the first round, in order; None for a gap without queries."""


@dataclass(frozen=True, slots=True)
class GroupEffect:
    """What a group of a round's synthetic images did: all images compared with all but the group's."""

    kind: str
    """`round` (all of the round's), `generator`, `value` (of a facet), `class` or `cell`."""
    name: str
    keys: tuple[str, ...]
    """Candidates of the group, sorted."""
    overall: Comparison
    """Over all validation queries; the gain is what the group adds."""
    own: Comparison | None
    """Over the queries in the group's cells; None if there are none."""
    without: str
    """Model that was trained without the group."""


@dataclass(frozen=True, slots=True)
class RunEnd:
    """Why a run ended."""

    stop_reason: str
    """A code: `goal_reached`, `goal_unclear`, `diagnosed`, `plateau`, `budget_spent`, `person` or `planner`."""
    stop_detail: str
    """The same in words."""


@dataclass(frozen=True, slots=True)
class CaptionsEntry:
    """The captions that a run uses."""

    receipt: str
    """Content hash of their cache entry."""
    captioner: str


@dataclass(frozen=True, slots=True)
class EarlierOpening:
    """An opening whose figures do not count for the split as it is now."""

    time: float
    """Seconds since 1970."""
    split: str
    """Content hash of the split as it was then."""
    why: str
    """Why they do not count: `over other labels`, `over other images`, `with 0 queries` ..."""


@dataclass(frozen=True, slots=True)
class SealOpening:
    """When and why a sealed test split was opened."""

    purpose: str
    times: tuple[float, ...]
    """Seconds since 1970, one per opening."""
    split: str = ""
    """Content hash of the split; empty in the entries of the first versions."""
    earlier: tuple[EarlierOpening, ...] = ()
    """Those of `times` that do not count, oldest first."""
