"""What a person asked a run to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from atlantis_core.records.collection import Cell, Regime


@dataclass(frozen=True, slots=True)
class Goal:
    """What a person wants, in words and as far as it was understood."""

    text: str
    cells: tuple[Cell, ...] = ()
    """Cells the goal names; empty means every query counts."""
    target: float | None = None
    """Recall@1 to reach on those cells (or overall); None means as far as the budget goes."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What a run may spend; enforced by the ledger, in code."""

    images: int | None = None
    usd: float | None = None
    rounds: int = 2


@dataclass(frozen=True, slots=True)
class Price:
    """What a chat model's tokens cost, in US dollars per million."""

    input: float
    output: float
    cached_input: float | None = None
    """Of input that the provider had in its cache; None is the price of any other input."""


@dataclass(frozen=True, slots=True)
class RunSpec:
    """Everything a run was asked to do. Two runs with equal specs make the same images and trainings."""

    collection_id: str
    data: str
    """What the person typed for DATA."""
    goal: Goal
    budget: Budget
    planner: str = "rules"  # or openai:MODEL
    base_url: str | None = None
    fallback: str | None = None
    """Chat model that answers where the planner's fails."""
    prices: Mapping[str, Price] = field(default_factory=dict)
    """Chat model -> its price, as it was when the run began."""
    beside: str = ""
    """Another account of the ledger that spends from the same dollars: the conversation that the run was begun in."""
    recording: str = ""
    """Name of the recording that answers in the chat models' place; empty asks the models."""
    seeds: int = 2  # that judge; the diagnosing model has one of its own
    seed: int = 0
    preset: str = "auto"
    backbone: str | None = None
    weights: str | None = None
    preprocessing: int | None = None
    """`Backbone.preprocessing` of the run, set when it begins; None in a run from before there were two: 1."""
    captioner: str = "attributes"
    generator: str = "photometric"
    scorer: str = "margin"
    regime: Regime = "seen"
    query: tuple[str, str] | None = None
    """Restrict queries to column = value."""
    gallery: tuple[str, str] | None = None
    auto: bool = True  # False: every spending waits for a person
    spread: Literal["targeted", "uniform"] = "targeted"
    """`uniform` spreads the same number of images over all cells: the control arm of docs/results.md."""
