"""Planted gaps are found, and distractors are not taken for gaps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from atlantis_core.statistics.gaps import find_gaps
from tests.atlantis_core.harbor.planted import cells_of

WORLDS = range(20)


def score(planted_world: Any, simulate: Any, seeds: int = 1, **shape: Any) -> tuple[int, float]:
    """Return in how many worlds the first gap was planted, and the planted share of the first eight."""
    first, in_top = 0, 0
    for seed in WORLDS:
        plans, planted = planted_world(seed, **shape)
        collection, outcomes = simulate(plans, seed=seed, seeds=seeds)
        gaps = find_gaps(collection, outcomes, top=8)
        first += gaps[0].cell in planted
        in_top += sum(gap.cell in planted for gap in gaps)
    return first, in_top / (8 * len(WORLDS))


@pytest.mark.parametrize("seeds", [1, 2])
@pytest.mark.parametrize("queries", [2, 7, 20])
def test_a_planted_gap_comes_first_in_every_world(planted_world, simulate, queries, seeds):
    first, share = score(planted_world, simulate, seeds=seeds, drop=0.3, queries=queries)
    assert first == len(WORLDS)
    assert share >= 0.95


def test_a_shallow_gap_comes_first_too(planted_world, simulate):
    first, share = score(planted_world, simulate, drop=0.2)
    assert first >= 19
    assert share >= 0.8


def test_distractors_of_the_same_facet_value_do_not_hide_a_deep_gap(planted_world, simulate):
    first, share = score(planted_world, simulate, drop=0.4, same_value=True)
    assert first >= 19
    assert share >= 0.75


def test_a_world_without_gap_lists_few_scarce_cells(planted_world, simulate):
    """With `drop=0` the 24 scarce cells of a world miss what cells miss by chance; few are called sure gaps."""
    sure = 0
    for seed in WORLDS:
        plans, _ = planted_world(seed, drop=0.0)
        collection, outcomes = simulate(plans, seed=seed)
        sure += sum(gap.score >= 0.05 for gap in find_gaps(collection, outcomes, top=300))
    assert sure <= 0.2 * 24 * len(WORLDS)


def test_the_worlds_that_ship(plan, simulate):
    """The cells of the bundled worlds, with simulated answers: easy sunset, gap and far-off cells missed."""
    from atlantis_core.harbor.worlds import planted_gap_world

    for seed in range(10):
        world = planted_gap_world(seed)
        assert world.gap is not None
        generator = np.random.default_rng((5, seed))
        ease = dict(zip(world.classes, generator.normal(0.75, 0.07, len(world.classes)), strict=True))
        gap = {(cell.label, cell.condition) for cell in cells_of(world, world.gap)}
        hard = {(c.label, c.condition) for g in world.planted if g.planted[0] == "m" for c in cells_of(world, g)}
        plans = [
            plan(
                c.label,
                "condition",
                c.condition,
                support=c.train,
                queries=c.validation,
                recall=ease[c.label]
                - 0.3 * ((c.label, c.condition) in gap)
                - 0.35 * ((c.label, c.condition) in hard),
            )
            for c in world.cells
        ]
        collection, outcomes = simulate(plans, seed=seed)
        gaps = find_gaps(collection, outcomes, top=8)
        listed = [(g.cell.class_name, g.cell.value) in gap for g in gaps]
        assert listed[0]
        assert sum(listed) >= 7
        assert gaps[0].cause == "scarce"
