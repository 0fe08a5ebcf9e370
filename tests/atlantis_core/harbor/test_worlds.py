import json

import pytest

from atlantis_core.harbor.vocabulary import CONDITIONS, DEMO_CLASSES
from atlantis_core.harbor.worlds import balanced_world, planted_gap_world, tiny_world
from tests.atlantis_core.harbor.planted import cells_of

SEEDS = range(10)


def test_every_seed_plants_another_gap():
    gaps = {(w.gap.vessel, w.gap.condition) for w in map(planted_gap_world, SEEDS)}
    assert len(gaps) == len(SEEDS)
    assert {condition for _, condition in gaps} == {"night", "fog", "storm", "snow"}
    first = planted_gap_world(0).gap
    assert (first.vessel, first.condition) == ("trawler", "night")


@pytest.mark.parametrize("seed", SEEDS)
def test_the_gap_is_scarce_and_has_queries_enough(seed):
    world = planted_gap_world(seed)
    assert world.gap is not None
    cells = cells_of(world, world.gap)
    assert len(cells) == 8
    assert {c.train for c in cells} == {0, 1}
    assert {c.difficulty for c in cells} == {"ordinary"}
    assert sum(c.validation for c in cells) >= 300
    assert sum(c.test for c in cells) >= 300


@pytest.mark.parametrize("seed", SEEDS)
def test_distractors_are_what_they_say(seed):
    world = planted_gap_world(seed)
    distractors = [group for group in world.planted if group.planted != "gap"]
    assert {g.planted for g in distractors} == {"scarce_but_easy", "missed_not_scarce"}
    assert len({g.vessel for g in world.planted}) == len(world.planted)
    for group in distractors:
        cells = cells_of(world, group)
        assert sum(c.validation for c in cells) >= 150
        if group.planted == "scarce_but_easy":
            assert all(c.train <= 1 and c.difficulty == "ordinary" for c in cells)
        else:
            assert all(c.train >= 12 and c.difficulty == "hard" for c in cells)
            assert group.condition != world.gap.condition


@pytest.mark.parametrize("seed", SEEDS)
def test_a_world_is_small_enough_for_a_demo(seed):
    world = planted_gap_world(seed)
    assert len(world.cells) == len(DEMO_CLASSES) * len(CONDITIONS)
    assert 1200 <= world.size("train") <= 1600
    assert world.size("validation") <= 3000
    assert world.size("test") <= 3000


def test_worlds_are_plain_data_and_equal_seeds_equal():
    assert planted_gap_world(3) == planted_gap_world(3)
    assert planted_gap_world(3) != planted_gap_world(4)
    data = json.loads(json.dumps(planted_gap_world(3).as_json()))
    assert data["planted"][0] == {"planted": "gap", "vessel": "schooner", "condition": "snow"}


def test_a_balanced_world_has_no_gap():
    world = balanced_world(0)
    assert world.gap is None
    assert len({(c.train, c.validation, c.test, c.difficulty) for c in world.cells}) == 1


def test_a_tiny_world_has_the_same_shape():
    world = tiny_world(0)
    assert len(world.classes) == 8
    assert world.gap is not None
    assert {c.train for c in cells_of(world, world.gap)} == {0, 1}
