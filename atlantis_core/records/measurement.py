"""Retrieval quality, gaps, comparisons and trials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from atlantis_core.records.collection import Cell
from atlantis_core.records.inline import INLINE
from atlantis_core.records.run_spec import RunSpec

Cause = Literal["scarce", "missed", "confused", "named"]

GainVerdict = Literal["proven", "refuted", "undecided"]
"""Of a gain: there is one, it is below what is worth keeping, or neither is clear yet."""


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
    seed_variance: float = 0.0
    """Variance of one seed's gain; the squared standard error of `gain` is this over `seeds` plus the next."""
    query_variance: float = 0.0
    freedom: float = 0.0
    """Degrees of freedom of that error; 0 in a comparison of a version that did not store them."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a comparison of two arms can prove, said before anything is trained. Gains are of Recall@1, 0 to 1."""

    queries: int
    classes: int
    seeds: int
    max_seeds: int
    seed_sd: float
    """Standard deviation of one arm's Recall@1 between seeds."""
    trainings: int
    """From how many trainings `seed_sd` was learned; with 0 it is assumed."""
    gain: float
    """Smallest gain that is proven 4 times of 5 with `seeds` seeds."""
    gain_at_most: float
    """The same with `max_seeds`."""
    worth: float
    """A gain that is worth keeping."""
    seeds_needed: int | None
    """Seeds that prove it 4 times of 5; None if over 100."""
    queries_needed: int | None
    """Queries that prove it with `max_seeds`; None where the seeds' spread alone hides it."""
    tries: int = 1
    """Remedies that a round tries first: the error of its verdict is divided among them."""
    looks: int = 0
    """Contact sheets at which a model looks at most, besides those that the planner asks for."""
    look_tokens: int = 0
    """Tokens of these looks, in and out, about."""
    look_usd: float | None = None
    """What they cost, about; None if the model's price is unknown."""

    @property
    def sentence(self) -> str:
        """The forecast in words."""
        known = f"learned from {self.trainings} trainings" if self.trainings else "assumed"
        more = f" ({100 * self.gain_at_most:.1f} with {self.max_seeds})" if self.max_seeds > self.seeds else ""
        seeds = "over 100 seeds" if self.seeds_needed is None else f"about {self.seeds_needed} seeds"
        queries = "" if self.queries_needed is None else f", or about {self.queries_needed:,} queries"
        tries = f"; {self.tries} remedies are tried" if self.tries > 1 else ""
        return (
            f"{self.queries:,} queries of {self.classes} classes and {self.seeds} seeds can prove a gain of about "
            f"{100 * self.gain:.1f} points{more}; +{100 * self.worth:.0f} points would take {seeds}{queries} "
            f"(seeds spread by {100 * self.seed_sd:.1f} points, {known}{tries})"
        )

    @property
    def looks_sentence(self) -> str:
        """What the looks cost, in words; empty without a model that looks."""
        if not self.looks:
            return ""
        usd = "" if self.look_usd is None else f", ${self.look_usd:.3f}"
        return f"at most {self.looks} looks at contact sheets, about {self.look_tokens:,} tokens{usd}"


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
