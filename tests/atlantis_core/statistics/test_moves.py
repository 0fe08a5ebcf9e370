"""Moved cells and new confusions, counted again by loops over queries and seeds."""

from __future__ import annotations

from collections import Counter
from statistics import NormalDist

import numpy as np
import pytest

from atlantis_core.metrics.outcomes import QueryOutcomes
from atlantis_core.metrics.paired_outcomes import PairedOutcomes, pair_outcomes
from atlantis_core.records import Cell, LabelledImage, MovedCell
from atlantis_core.statistics.moves import (
    find_moved_cells,
    find_new_confusions,
    least_z,
    tally_classes,
    tally_values,
)

CLASSES = ("ant", "bee", "cow", "doe")
EACH = 12
"""Queries of every class, half of them dark and a third of them from above."""


def query(label: str, number: int) -> LabelledImage:
    facets = {"light": ("dark", "light")[number % 2]} | ({"view": "above"} if number % 3 == 0 else {})
    return LabelledImage(f"{label}{number:02}", "", label, "validation", "both", facets)


IMAGES = {image.id: image for image in (query(label, number) for label in CLASSES for number in range(EACH))}


def outcomes(missed: dict[str, str]) -> QueryOutcomes:
    """All hits but for those queries, each with the class that comes first instead."""
    ids = tuple(IMAGES)
    hit = np.array([one not in missed for one in ids])
    return QueryOutcomes(ids, hit, tuple(missed.get(one, IMAGES[one].label) for one in ids))


def paired(before: list[dict[str, str]], after: list[dict[str, str]]) -> PairedOutcomes:
    found = pair_outcomes([outcomes(one) for one in before], [outcomes(one) for one in after])
    assert found is not None
    return found


def missing(label: str, numbers: range | list[int], returned: str = "cow") -> dict[str, str]:
    return {f"{label}{number:02}": returned for number in numbers}


def test_every_class_and_value_is_tallied_as_by_loops() -> None:
    draw = np.random.default_rng(1)
    arms = [[{one: "cow" for one in IMAGES if draw.random() < share} for _ in range(3)] for share in (0.5, 0.3)]
    found = paired(*arms)
    for moved in [*tally_classes(found, IMAGES), *tally_values(found, IMAGES)]:
        cell = moved.cell
        own = [
            one.id
            for one in IMAGES.values()
            if cell.class_name in {"", one.label} and (not cell.facet or one.facets.get(cell.facet) == cell.value)
        ]
        hits = [{one: sum(one not in seed for seed in arm) for one in own} for arm in arms]
        by_seed = [sum((one in old) - (one in new) for one in own) for old, new in zip(*arms, strict=True)]
        assert moved.queries == len(own)
        assert (moved.before, moved.after) == pytest.approx([sum(one.values()) / 3 / len(own) for one in hits])
        assert moved.won == sum(hits[1][one] > hits[0][one] for one in own)
        assert moved.lost == sum(hits[1][one] < hits[0][one] for one in own)
        assert moved.agreeing == sum(change * sum(by_seed) > 0 for change in by_seed)
        assert moved.gain == pytest.approx(sum(by_seed) / 3 / len(own))
    assert [moved.cell for moved in tally_values(found, IMAGES)] == [
        Cell("", "light", "dark"),
        Cell("", "light", "light"),
        Cell("", "view", "above"),
    ]


def test_a_class_that_moved_is_told_as_the_class_and_not_as_its_crossings() -> None:
    found = paired([missing("ant", range(10))] * 2, [missing("bee", range(8))] * 2)
    assert find_moved_cells(found, IMAGES, 4) == (
        MovedCell(Cell("ant"), 12, 2 / 12, 1.0, 10, 0, 2),
        MovedCell(Cell("bee"), 12, 1.0, 4 / 12, 0, 8, 2),
    )


def test_a_value_that_moved_in_all_classes_is_told_as_the_value() -> None:
    dark = {one.id: "cow" for one in IMAGES.values() if one.facets["light"] == "dark" and one.label != "cow"}
    found = find_moved_cells(paired([dark], [{}]), IMAGES, 4)
    assert found[0] == MovedCell(Cell("", "light", "dark"), 24, 0.25, 1.0, 18, 0, 1)
    assert all(not (moved.cell.class_name and moved.cell.facet) for moved in found)


def test_a_crossing_is_told_after_the_main_effects_if_it_moved_more_than_both() -> None:
    dark_ants = missing("ant", range(0, EACH, 2))
    found = find_moved_cells(paired([{}], [dark_ants]), IMAGES, 4)
    assert [moved.cell for moved in found] == [
        Cell("ant"),
        Cell("", "light", "dark"),
        Cell("ant", "light", "dark"),
    ], "six lost of 12, of 24 and of 6 queries"
    assert found[-1] == MovedCell(Cell("ant", "light", "dark"), 6, 1.0, 0.0, 0, 6, 1)


def test_risen_come_before_fallen_and_no_more_than_wanted_are_told() -> None:
    found = paired([missing("ant", range(9)) | missing("bee", range(6))], [missing("doe", range(7), "ant")])
    assert [moved.cell.class_name for moved in find_moved_cells(found, IMAGES, 1)] == ["ant", "doe"]


def test_what_is_told_rises_above_the_chance_of_many_groups() -> None:
    assert least_z(1) == least_z(20) == pytest.approx(1.645)
    assert least_z(1000) == pytest.approx(NormalDist().inv_cdf(0.999))
    three = paired([missing("ant", range(2))], [{}])
    assert find_moved_cells(three, IMAGES, 4) == (), "two queries won, z = 1.41"


def test_without_classes_facet_values_alone_are_told() -> None:
    found = find_moved_cells(paired([missing("ant", range(12))], [{}]), IMAGES, 4, by_class=False)
    assert found
    assert {moved.cell.class_name for moved in found} == {""}


def test_a_group_of_all_queries_is_not_told() -> None:
    facets = {"light": "dark"}
    only = {one: LabelledImage(one, "", "ant", "validation", "both", facets) for one in IMAGES}
    assert find_moved_cells(paired([missing("ant", range(12))], [{}]), only, 4) == ()


def test_new_confusions_are_those_that_surely_came_up() -> None:
    before = [missing("ant", range(6), "bee"), missing("ant", range(5), "bee")]
    after = [
        missing("ant", range(6), "bee") | missing("doe", range(5)) | missing("cow", [1], "bee"),
        missing("ant", range(5), "bee") | missing("doe", range(4)),
    ]
    (found,) = find_new_confusions(paired(before, after), IMAGES, 3)
    asked = Counter(one.label for one in IMAGES.values())["doe"]
    assert (found.class_name, found.returned, found.queries) == ("doe", "cow", asked)
    assert (found.before, found.after, found.agreeing) == (0.0, 4.5, 2)


def test_a_confusion_that_goes_or_stays_is_not_new() -> None:
    swapped = paired([missing("ant", range(6), "bee")], [missing("ant", range(6), "doe")])
    (found,) = find_new_confusions(swapped, IMAGES, 3)
    assert (found.class_name, found.returned, found.before, found.after) == ("ant", "doe", 0.0, 6.0)
    crashed = pair_outcomes([outcomes({})], [None])
    assert crashed is not None
    assert find_new_confusions(crashed, IMAGES, 3) == (), "a crashed training returns no class"
