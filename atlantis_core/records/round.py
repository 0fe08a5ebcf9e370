"""What a person asks of a run on the way, and what its rounds come to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from atlantis_core.records.collection import Cell
from atlantis_core.records.generation import Protocol
from atlantis_core.records.measurement import Comparison

Arms = Mapping[str, list[str]]
"""Trial ids by arm: `baseline`, `incumbent` and `candidate` by judging seed, and the one trial of `diagnosing`."""


@dataclass(frozen=True, slots=True)
class Constraints:
    """What a person asked for while a run was going; every later protocol of the run follows it."""

    skip: tuple[Cell, ...] = ()
    """Cells to leave alone; an empty field means any."""
    notes: tuple[str, ...] = ()
    """Anything else, in words: data for a drafter."""

    def allows(self, cell: Cell) -> bool:
        """Whether images may be generated for a cell."""
        return not any(skipped.contains(cell) for skipped in self.skip)

    def without_skipped(self, protocol: Protocol) -> Protocol:
        """Return a protocol without the cells that are to be left alone."""
        return replace(protocol, cells=tuple(request for request in protocol.cells if self.allows(request.cell)))


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of a round."""

    kept: bool
    reason: str
    overall: Comparison
    """Candidate against incumbent over all queries."""
    targeted: Comparison
    """The same over the queries of the targeted cells."""
    over_baseline: Comparison
    """Candidate against real images only, over all queries."""


@dataclass(frozen=True, slots=True)
class Critique:
    """What to change after a round."""

    finding: str
    """What happened, in a sentence."""
    changes: tuple[str, ...]
    """What to do differently, most important first; may be empty."""
    by: str
    """`rules`, or the chat model's name."""


@dataclass(frozen=True, slots=True)
class BaselineComparison:
    """A run's current model against its baseline, as reports show it."""

    baseline: tuple[str, ...]
    """Trial ids by judging seed."""
    incumbent: tuple[str, ...]
    overall: Comparison | None
    """Over all queries; None where a training of the baseline crashed."""
    planted_gap: Comparison | None
    """On the gap planted in a bundled world; None in every other collection."""
    gaps: tuple[Comparison | None, ...]
    """On each gap that the first round found, in that order; None for a gap without a query."""


@dataclass(frozen=True, slots=True)
class RunEnd:
    """Why a run ended."""

    stop_reason: str
    """A code: `goal_reached`, `plateau`, `budget_spent`, `person` or `planner`."""
    stop_detail: str
    """The same in words."""


@dataclass(frozen=True, slots=True)
class CaptionsEntry:
    """Which captions a run uses."""

    receipt: str
    """Content hash of the cache entry that holds them."""
    captioner: str


@dataclass(frozen=True, slots=True)
class SealOpening:
    """When and why a sealed test split was opened."""

    purpose: str
    times: tuple[float, ...]
    """Seconds since 1970, one for each opening."""
    split: str = ""
    """Content hash of the split; empty in the entries of the first versions."""
