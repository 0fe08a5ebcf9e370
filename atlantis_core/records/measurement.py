"""Retrieval quality, gaps, comparisons and trials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from atlantis_core.records.collection import Cell
from atlantis_core.records.inline import INLINE
from atlantis_core.records.run_spec import RunSpec

Cause = Literal["scarce", "missed", "confused", "named"]


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its 95 % interval and the number of observations."""

    value: float
    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True)
class Measurement:
    """Retrieval quality of a model on a task. Where no query counts, a figure is None and not 0."""

    recall_at: Mapping[int, float | None]
    scores: Mapping[str, float | None] = field(metadata=INLINE)
    """Value of every other metric in `metrics.METRICS`, by its key: `map_at_r`, `r_precision`."""
    queries: int
    """Number of queries with a positive in the gallery."""
    left_out: int
    """Number of queries without a positive; they count in no metric."""
    per_class: Mapping[str, Interval]
    """Recall@1 by class."""
    per_facet: Mapping[str, Mapping[str, Interval]]
    """Recall@1 by facet and value."""

    def __post_init__(self) -> None:
        if not self.queries:  # earlier versions stored 0 for no figure
            object.__setattr__(self, "recall_at", dict.fromkeys(self.recall_at))
            object.__setattr__(self, "scores", dict.fromkeys(self.scores))


@dataclass(frozen=True, slots=True)
class Gap:
    """A cell with evidence that it is scarce, missed or confused."""

    cell: Cell
    support: int
    """Training images in the cell."""
    typical_support: float
    """Median training images of the cells of the same facet."""
    recall_at_1: float
    low: float
    high: float
    """95 % interval of `recall_at_1` (Wilson)."""
    queries: int
    deficit: float
    """Expected minus observed Recall@1, shrunken towards 0 by its uncertainty; higher is worse."""
    cause: Cause
    confused_with: tuple[str, ...]
    """Classes at top-1 instead, most frequent first."""
    score: float
    """Rank key; higher is worse."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A paired comparison of two arms over the same queries and seeds; `gain` is candidate - control."""

    before: float
    after: float
    gain: float
    low: float
    high: float
    """95 % interval of `gain`."""
    p_value: float
    """One-sided: probability of a gain at least as large if the arms do not differ."""
    queries: int
    seeds: int


@dataclass(frozen=True, slots=True)
class TrialOrigin:
    """In which session a trial was trained."""

    run_id: str
    """Of the run, or of `atlantis train` and `diagnose`, which are no runs."""
    spec: RunSpec
    """Names the collection, its split (`regime`) and the task (`query`, `gallery`)."""

    @property
    def is_restricted(self) -> bool:
        """Whether the task has only a part of the queries or of the gallery, or its queries are attacked."""
        return bool(self.spec.query or self.spec.gallery or self.spec.attack)


@dataclass(frozen=True, slots=True)
class Trial:
    """A training with one seed; its id is the content hash of all its inputs."""

    id: str
    seed: int
    status: Literal["finished", "crashed"]
    path: str
    """Folder of the checkpoint; empty if crashed."""
    num_real: int
    num_synthetic: int
    seconds: float
    error: str = ""
    origin: TrialOrigin | None = None
    """First session with all queries, else the first, on the collection that was read last; None where no session of
    this workspace is known."""
