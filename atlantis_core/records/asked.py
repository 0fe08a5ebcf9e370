"""What a person asked a run to do."""

from __future__ import annotations

from dataclasses import dataclass
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
class RunSpec:
    """Everything a run was asked to do. Two runs with equal specs make the same images and trainings."""

    collection_id: str
    data: str
    """What the person typed for DATA."""
    goal: Goal
    budget: Budget
    planner: str = "rules"  # or openai:MODEL
    base_url: str | None = None
    usd_per_million_tokens: tuple[float, float] | None = None  # into and out of the planner's model
    seeds: int = 2  # that judge; the diagnosing model has one of its own
    seed: int = 0
    preset: str = "auto"
    backbone: str | None = None
    weights: str | None = None
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
