"""Simulated collections: cells with known support and known Recall@1, so that the truth about gaps is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from atlantis_core.metrics.outcomes import QueryOutcomes
from atlantis_core.records import Cell, Collection, LabelledImage


@dataclass(frozen=True)
class Plan:
    """One cell: how many images, and how often its queries are answered right."""

    cell: Cell
    support: int
    queries: int
    recall: float


Simulate = Callable[..., tuple[Collection, list[QueryOutcomes]]]


def _image(plan: Plan, split: str, number: int) -> LabelledImage:
    cell = plan.cell
    name = f"{cell.class_name}/{cell.facet}={cell.value}/{split}{number}"
    facets: Mapping[str, str] = {cell.facet: cell.value} if cell.facet else {}
    return LabelledImage(name, f"/nowhere/{name}", cell.class_name, split, facets=facets)  # type: ignore[arg-type]


def _collection(plans: Sequence[Plan]) -> Collection:
    images = [_image(p, "train", n) for p in plans for n in range(p.support)]
    images += [_image(p, "validation", n) for p in plans for n in range(p.queries)]
    facets = tuple(sorted({p.cell.facet for p in plans if p.cell.facet}))
    return Collection("simulated", "/nowhere", tuple(images), facets, {}, (), True, 0)


def _simulate(
    plans: Sequence[Plan], seed: int = 0, seeds: int = 1, neighbour: Mapping[str, str] | None = None
) -> tuple[Collection, list[QueryOutcomes]]:
    """Draw outcomes; a missed query returns its class's `neighbour`, or any other class.

    Seeds of one model mostly agree: 85 % of the queries have the same outcome for all of them.
    """
    generator = np.random.default_rng(seed)
    classes = sorted({p.cell.class_name for p in plans})
    ids = [_image(p, "validation", n).id for p in plans for n in range(p.queries)]
    recall = np.array([p.recall for p in plans for _ in range(p.queries)])
    labels = [p.cell.class_name for p in plans for _ in range(p.queries)]
    shared = generator.random(len(ids))
    found = []
    for _ in range(seeds):
        draw = np.where(generator.random(len(ids)) < 0.85, shared, generator.random(len(ids)))
        hit = draw < recall
        others = generator.integers(0, len(classes), len(ids))
        returned = [
            label if h else (neighbour or {}).get(label) or _another(classes, label, int(o))
            for label, h, o in zip(labels, hit, others, strict=True)
        ]
        found.append(QueryOutcomes(tuple(ids), hit, tuple(returned)))
    return _collection(plans), found


def _another(classes: Sequence[str], label: str, start: int) -> str:
    return next((c for c in [*classes[start:], *classes[:start]] if c != label), "other")


@pytest.fixture
def plan() -> Callable[..., Plan]:
    """Build a cell plan: `plan("tug", "light", "night", support=3, queries=20, recall=.7)`."""

    def build(class_name: str, facet: str, value: str, *, support: int, queries: int, recall: float) -> Plan:
        return Plan(Cell(class_name, facet, value), support, queries, recall)

    return build


@pytest.fixture
def simulate() -> Simulate:
    """Draw a collection and its outcomes: `simulate(plans, seed=0, seeds=2)`."""
    return _simulate


@pytest.fixture
def planted_world() -> Callable[..., tuple[list[Plan], set[Cell]]]:
    """Build the cells of a world with a planted gap, and say which cells are the gap.

    48 classes x 6 values with class effects, facet effects and cell noise. The gap is one value x 8 classes: 0 or 1
    training images and `drop` less recall. Distractors: 16 cells that are scarce but easy, 8 that are missed with
    plenty of training images. `queries` is per ordinary cell; the gap has 40, the distractors 20.
    """
    return _planted_world


def _planted_world(
    seed: int, drop: float = 0.3, queries: int = 7, special: int = 20, same_value: bool = False
) -> tuple[list[Plan], set[Cell]]:
    generator = np.random.default_rng((11, seed))
    class_effect, value_effect = generator.normal(0, 0.08, 48), generator.normal(0, 0.08, 6)
    gap, easy, plenty = generator.permutation(6)[:3]
    if same_value:  # the distractors share the gap's facet value, so that the value alone gives nothing away
        easy = plenty = gap
    groups = generator.permutation(6)
    plans, planted = [], set()
    for number in range(48):
        group = number // 8
        for value in range(6):
            recall = 0.72 + class_effect[number] + value_effect[value] + generator.normal(0, 0.05)
            support, asked = (12 if value == 0 else 4), queries
            cell = Cell(f"class{number:02}", "condition", f"value{value}")
            if group == groups[0] and value == gap:
                recall, support, asked = recall - drop, number % 2, 40
                planted.add(cell)
            elif group in groups[1:3] and value == easy:
                support, asked = number % 2, special
            elif group == groups[3] and value == plenty:
                recall, support, asked = recall - 0.4, 14, special
            plans.append(Plan(cell, support, asked, float(np.clip(recall, 0.02, 0.98))))
    return plans, planted
