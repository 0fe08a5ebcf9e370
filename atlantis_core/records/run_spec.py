"""The specification of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from atlantis_core.records.collection import Cell, Regime

Spread = Literal["targeted", "uniform", "balanced", "deficit", "thompson"]
"""Names of `run.allocation.ALLOCATIONS`."""

EXTRA_SEEDS = 3
"""Judging seeds that a run may add to a round whose case is unclear, where the person sets no limit."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A person's goal: in words, and as understood."""

    text: str
    cells: tuple[Cell, ...] = ()
    """Cells that the goal names; empty if every query counts."""
    target: float | None = None
    """Recall@1 to reach on those cells (or overall); None means as high as the budget allows."""
    gain: float | None = None
    """Recall@1 to gain there over the baseline."""
    skip: tuple[Cell, ...] = ()
    """Cells to leave alone; an empty field means any."""
    mode: Literal["improve", "diagnose"] = "improve"
    """Whether to improve retrieval, or only to find out where it fails."""
    unmatched: tuple[str, ...] = ()
    """Words that name nothing in the collection."""
    missing: tuple[str, ...] = ()
    """Words for what the goal is about though no photo here shows it, as a chat model read them."""
    english: str = ""
    """The goal in one English sentence, as a chat model understood it."""
    by: str = ""
    """The chat model that read it; empty for the rules."""


DEFAULT_ROUNDS = 3
"""Rounds of a run for which none are named; one of them may change only how the models are searched."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What a run may spend, enforced by the ledger."""

    images: int | None = None
    usd: float | None = None
    rounds: int = DEFAULT_ROUNDS


@dataclass(frozen=True, slots=True)
class Price:
    """Price of a chat model's tokens, in US dollars per million."""

    input: float
    output: float
    cached_input: float | None = None
    """For input from the provider's cache; None means the price of other input."""


@dataclass(frozen=True, slots=True)
class RunSpec:
    """All settings of a run. Runs with equal specifications give equal images and trainings."""

    collection_id: str
    data: str
    """DATA as the person typed it."""
    goal: Goal
    budget: Budget
    planner: str = "rules"  # or openai:MODEL
    base_url: str | None = None
    fallback: str | None = None
    """Chat model that is used if the planner's fails."""
    prices: Mapping[str, Price] = field(default_factory=dict)
    """Chat model -> its price when the run began."""
    beside: str = ""
    """Account of the ledger that shares the dollar budget: the conversation in which the run began."""
    recording: str = ""
    """Name of the recording that replaces the chat models; empty if they are called."""
    seeds: int = 2  # judging seeds; the diagnosing seed is another
    max_seeds: int | None = None
    """Judging seeds that a round may end with, added one by one while its case is unclear; None: `seeds`."""
    seed: int = 0
    preset: str = "auto"
    backbone: str | None = None
    weights: str | None = None
    preprocessing: int | None = None
    """`BackboneSpec.preprocessing` of the run, set when it begins; None in a run from before there were two: 1."""
    captioner: str = "attributes"
    vision: str = ""
    """Chat model that looks at contact sheets; empty for none. By default the planner, if that is a chat model."""
    generator: str = "photometric"
    scorer: str = "margin"
    regime: Regime = "seen"
    query: tuple[str, str] | None = None
    """Restrict queries to column = value."""
    gallery: tuple[str, str] | None = None
    auto: bool = True  # False: every expense needs a person's approval
    spread: Spread = "targeted"
    """How a round's images are shared out; `uniform` and `balanced` are control arms of docs/results.md."""
    attack: str = ""
    """Attack on the queries that are measured, as `learning.attacks.parse_attack` reads it; empty for none."""
    pool: str | None = None
    """Folder of unlabelled photos, absolute."""
    answers: str | None = None
    """CSV file that takes the place of a person who is asked about photos of the pool, absolute."""
    remedies: tuple[str, ...] = ("generate",)
    """Names of the remedies that may be used; a run from before there were several has this one."""
    masks: str | None = None
    """Folder with masks of the objects that are cut out of photos, absolute."""
    questions: int = 160
    """At most this many photos of the pool are asked about."""
    memory: bool = True
    """Whether what earlier runs of the workspace found about remedies helps to choose one."""
