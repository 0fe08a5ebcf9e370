from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from atlantis_core.metrics.intervals import wilson_interval
from atlantis_core.metrics.outcomes import QueryOutcomes, worst_outcomes
from atlantis_core.records import Cell, Collection, Gap
from atlantis_core.statistics.cells import cell_tables
from atlantis_core.statistics.findings import group_gaps
from atlantis_core.statistics.gaps import find_gaps

LIGHTS = ("day", "fog", "night")


def exact(simulate: Any, plans: Any) -> tuple[Collection, QueryOutcomes]:
    """Simulate, then replace the drawn hits by the planned share, so that a test sees no noise."""
    collection, [drawn] = simulate(plans)
    hit = np.concatenate([np.arange(p.queries) < round(p.recall * p.queries) for p in plans if p.queries])
    label_of = {image.id: image.label for image in collection.images}
    returned = [
        label_of[i] if h else (r if r != label_of[i] else "elsewhere")
        for i, h, r in zip(drawn.ids, hit, drawn.returned, strict=True)
    ]
    return collection, QueryOutcomes(drawn.ids, hit, tuple(returned))


@pytest.fixture
def grid(plan):
    """Build 12 classes x 3 lights, all alike but for `changes`: {(class number, light): {...}}."""

    def build(changes, queries=20):
        return [
            plan(
                f"c{number:02}",
                "light",
                light,
                **({"support": 6, "queries": queries, "recall": 0.8} | changes.get((number, light), {})),
            )
            for number in range(12)
            for light in LIGHTS
        ]

    return build


def cells(gaps: Sequence[Gap]) -> list[tuple[str, str]]:
    return [(gap.cell.class_name, gap.cell.value) for gap in gaps]


def test_a_gap_tells_its_evidence(grid, simulate):
    plans = grid({(3, "night"): {"support": 1, "queries": 40, "recall": 0.25}})
    collection, outcomes = exact(simulate, plans)
    [gap] = find_gaps(collection, outcomes)
    recall = wilson_interval(10, 40)
    assert gap.cell == Cell("c03", "light", "night")
    assert (gap.support, gap.typical_support, gap.queries) == (1, 6, 40)
    assert (gap.recall_at_1, gap.low, gap.high) == (recall.value, recall.low, recall.high)
    assert 0.3 < gap.deficit < 0.55
    assert gap.cause == "scarce"
    assert len(gap.confused_with) == 3
    assert "c03" not in gap.confused_with


def test_scarce_but_easy_is_no_gap(grid, simulate):
    plans = grid({(3, "night"): {"support": 0}, (4, "fog"): {"support": 1, "recall": 0.9}})
    assert find_gaps(*exact(simulate, plans)) == ()


def test_what_a_goal_names_is_listed_though_it_is_no_worse_than_the_rest(grid, simulate):
    plans = grid({(3, "night"): {"support": 1, "recall": 0.2}, (7, "fog"): {"recall": 1.0}})
    gaps = find_gaps(*exact(simulate, plans), top=50, is_named=lambda cell: cell.value == "fog")
    assert cells(gaps)[0] == ("c03", "night")
    assert {gap.cell.class_name for gap in gaps[1:]} == {f"c{n:02}" for n in range(12)} - {"c07"}, "c07 has no miss"
    assert {gap.cause for gap in gaps[1:]} == {"named"}


def test_scarce_and_missed_goes_before_worse_but_plentiful(grid, simulate):
    plans = grid({(3, "night"): {"support": 1, "recall": 0.45}, (7, "fog"): {"support": 20, "recall": 0.05}})
    gaps = find_gaps(*exact(simulate, plans))
    assert cells(gaps) == [("c03", "night"), ("c07", "fog")]
    assert gaps[0].score > gaps[1].score
    assert gaps[0].deficit < gaps[1].deficit


def test_where_nothing_is_scarce_the_deficit_ranks(grid, simulate):
    plans = grid({(3, "night"): {"recall": 0.3}, (7, "fog"): {"recall": 0.05}})
    gaps = find_gaps(*exact(simulate, plans))
    assert cells(gaps) == [("c07", "fog"), ("c03", "night")]
    assert gaps[0].score / gaps[1].score == pytest.approx(gaps[0].deficit / gaps[1].deficit)


def test_a_hard_light_is_no_gap_of_any_class(grid, simulate):
    plans = grid({(number, "night"): {"recall": 0.5} for number in range(12)})
    assert find_gaps(*exact(simulate, plans)) == ()


def test_a_hard_class_is_no_gap_of_any_light(grid, simulate):
    plans = grid({(5, light): {"recall": 0.45} for light in LIGHTS}, queries=60)
    assert all(gap.deficit < 0.2 for gap in find_gaps(*exact(simulate, plans)))


def test_a_class_that_is_scarce_and_missed_in_every_light_is_reported(grid, simulate):
    plans = grid({(5, light): {"recall": 0.3, "support": 1} for light in LIGHTS})
    gaps = find_gaps(*exact(simulate, plans))
    assert cells(gaps)[:3] == [("c05", light) for light in LIGHTS]
    assert all(gap.cause == "scarce" and gap.deficit > 0.3 for gap in gaps[:3])


def test_a_light_that_is_scarce_and_missed_in_every_class_is_reported(grid, simulate):
    plans = grid({(number, "night"): {"recall": 0.3, "support": 1} for number in range(12)})
    gaps = find_gaps(*exact(simulate, plans))
    assert set(cells(gaps)) == {(f"c{number:02}", "night") for number in range(12)}


def test_a_light_that_training_never_saw_still_tells_classes_apart(plan, simulate):
    """Every query is of visit B, every training image of visit A: only classes can differ."""
    recall = [0.9, 0.8, 0.8, 0.7, 0.6, 0.6, 0.5, 0.5, 0.2, 0.2]
    plans = [plan(f"c{n}", "visit", "A", support=12, queries=0, recall=0) for n in range(10)]
    plans += [plan(f"c{n}", "visit", "B", support=0, queries=30, recall=r) for n, r in enumerate(recall)]
    plans[9] = plan("c9", "visit", "A", support=3, queries=0, recall=0)
    gaps = find_gaps(*exact(simulate, plans))
    assert cells(gaps)[:2] == [("c9", "B"), ("c8", "B")]  # equally missed; c9 has few images of any visit
    assert not {("c0", "B"), ("c1", "B"), ("c2", "B")} & set(cells(gaps))


def test_without_facets_whole_classes_are_the_cells(plan, simulate):
    plans = [plan(f"c{n}", "", "", support=10, queries=20, recall=0.8) for n in range(8)]
    plans[2] = plan("c2", "", "", support=2, queries=20, recall=0.5)
    plans[6] = plan("c6", "", "", support=10, queries=20, recall=0.3)
    gaps = find_gaps(*exact(simulate, plans))
    assert [gap.cell for gap in gaps] == [Cell("c2"), Cell("c6")]
    assert [gap.cause for gap in gaps] == ["scarce", "missed"]


def test_few_queries_shrink_a_deficit(grid, simulate):
    few = grid({(3, "night"): {"support": 1, "queries": 4, "recall": 0.25}})
    many = grid({(3, "night"): {"support": 1, "queries": 80, "recall": 0.25}})
    [little], [much] = find_gaps(*exact(simulate, few)), find_gaps(*exact(simulate, many))
    assert 0 < little.deficit < much.deficit


def test_a_cell_borrows_strength_from_like_cells(grid, simulate):
    """Four queries alone say little; four queries beside seven like cells that are missed say more."""
    one = {"support": 1, "queries": 4, "recall": 0.25}
    alone = find_gaps(*exact(simulate, grid({(3, "night"): one})))
    together = find_gaps(*exact(simulate, grid({(n, "night"): one for n in range(8)})))
    deficit = {gap.cell.class_name: gap.deficit for gap in together}
    assert deficit["c03"] > alone[0].deficit


def test_one_class_returned_again_and_again_is_a_confusion(grid, simulate):
    plans = grid({(3, "night"): {"recall": 0.3}})
    collection, outcomes = exact(simulate, plans)
    twin = tuple(
        "c09" if not h and i.startswith("c03") else r
        for i, h, r in zip(outcomes.ids, outcomes.hit, outcomes.returned, strict=True)
    )
    [gap] = find_gaps(collection, QueryOutcomes(outcomes.ids, outcomes.hit, twin))
    assert (gap.cause, gap.confused_with) == ("confused", ("c09",))


def test_seeds_are_averaged_and_do_not_count_as_queries(grid, simulate):
    plans = grid({(3, "night"): {"support": 1, "recall": 0.25}})
    collection, outcomes = exact(simulate, plans)
    once, twice = find_gaps(collection, outcomes), find_gaps(collection, [outcomes, outcomes])
    assert once == twice
    better = find_gaps(collection, [outcomes, QueryOutcomes(outcomes.ids, ~outcomes.hit, outcomes.returned)])
    assert better == ()


def test_the_order_of_the_images_changes_nothing(planted_world, simulate):
    import dataclasses

    collection, [outcomes] = simulate(planted_world(0)[0])
    order = np.random.default_rng(0).permutation(len(outcomes.ids))
    mixed = QueryOutcomes(
        tuple(outcomes.ids[i] for i in order), outcomes.hit[order], tuple(outcomes.returned[i] for i in order)
    )
    turned = dataclasses.replace(collection, images=collection.images[::-1])
    before, after = find_gaps(collection, outcomes), find_gaps(turned, mixed)
    assert [gap.cell for gap in before] == [gap.cell for gap in after]
    assert [gap.score for gap in before] == pytest.approx([gap.score for gap in after])


def test_top_cuts_the_list(planted_world, simulate):
    collection, outcomes = simulate(planted_world(0)[0])
    assert find_gaps(collection, outcomes, top=3) == find_gaps(collection, outcomes, top=50)[:3]


@pytest.mark.parametrize("recall", [0.0, 1.0])
def test_all_alike_is_no_gap(grid, simulate, recall):
    changes = {(n, light): {"recall": recall} for n in range(12) for light in LIGHTS}
    assert find_gaps(*exact(simulate, grid(changes))) == ()


def test_cells_without_queries_are_no_gaps(grid, simulate):
    plans = grid({(n, "night"): {"queries": 0, "support": 0} for n in range(6)} | {(0, "fog"): {"queries": 0}})
    assert find_gaps(*exact(simulate, plans)) == ()


def test_one_class_and_one_value_do_not_break_it(plan, simulate):
    assert find_gaps(*exact(simulate, [plan("a", "light", "day", support=3, queries=5, recall=0.2)])) == ()


def test_images_without_a_facet_value_are_left_out_of_its_cells(grid, simulate, plan):
    plans = [*grid({}), plan("c00", "", "", support=5, queries=10, recall=0.0)]
    collection, outcomes = exact(simulate, plans)
    [table] = cell_tables(collection, [outcomes])
    assert sum(tally.queries for tally in table.cells) == 12 * 3 * 20
    assert find_gaps(collection, outcomes) == ()


def test_no_outcomes_at_all_are_no_gaps(grid, simulate):
    collection, _ = exact(simulate, grid({}))
    assert find_gaps(collection, worst_outcomes([])) == ()


def test_outcomes_of_another_collection_are_refused(grid, simulate):
    collection, _ = exact(simulate, grid({}))
    with pytest.raises(ValueError, match="not of collection 'simulated'"):
        find_gaps(collection, worst_outcomes(["stranger"]))
    with pytest.raises(ValueError, match="measure a model first"):
        find_gaps(collection, [])


def test_classes_that_training_never_saw_are_not_named(plan, simulate):
    """In the regime `unseen` only facet values can be gaps."""
    support = {"day": 9, "fog": 5, "dusk": 5, "night": 1}
    asked = {"day": 0.9, "fog": 0.8, "dusk": 0.85, "night": 0.4}
    plans = [plan(f"t{n}", "light", v, support=s, queries=0, recall=0) for n in range(9) for v, s in support.items()]
    plans += [plan(f"v{n}", "light", v, support=0, queries=20, recall=r) for n in range(9) for v, r in asked.items()]
    gaps = find_gaps(*exact(simulate, plans))
    assert {gap.cell.class_name for gap in gaps} == {""}
    assert gaps[0].cell == Cell("", "light", "night")
    assert (gaps[0].support, gaps[0].queries, gaps[0].cause) == (9, 180, "scarce")
    assert gaps[0].deficit > 0.2 + sum(gap.deficit for gap in gaps[1:])


def test_without_facets_unseen_classes_leave_nothing_to_target(plan, simulate):
    plans = [plan(f"t{n}", "", "", support=9, queries=0, recall=0) for n in range(9)]
    plans += [plan(f"v{n}", "", "", support=0, queries=20, recall=0.1 * n) for n in range(9)]
    assert find_gaps(*exact(simulate, plans)) == ()


def test_gaps_of_one_light_become_one_finding(grid, simulate):
    changes = {(n, "night"): {"support": n % 2, "queries": 40, "recall": 0.3} for n in range(6)}
    gaps = find_gaps(*exact(simulate, grid(changes | {(9, "fog"): {"recall": 0.1}})))
    night, fog = group_gaps(gaps)
    assert (night.facet, night.value, night.cause) == ("light", "night", "scarce")
    assert sorted(night.class_names) == [f"c{n:02}" for n in range(6)]
    assert night.recall_at_1 == wilson_interval(72, 240)
    assert (night.least_support, night.most_support) == (0, 1)
    assert night.sentence.startswith("light=night: 6 classes scarce (")
    assert night.sentence.endswith(
        " and 2 more); R@1 0.30 (0.25-0.36) over 240 queries, 0-1 training images each, typically 6"
    )
    assert fog.sentence.startswith("light=fog: 1 class missed (c09); R@1 0.10")
    assert "6 training images each" in fog.sentence
    assert night.deficit == pytest.approx(sum(g.deficit for g in gaps[:6]) / 6)


def test_a_shared_cause_comes_before_one_bad_cell_of_few_queries():
    def gap(name, value, queries, score):
        return Gap(Cell(name, "light", value), 1, 6.0, 0.3, 0.2, 0.4, queries, score, "scarce", (), score)

    gaps = [gap("a", "fog", 7, 0.5), *(gap(name, "night", 20, 0.2) for name in "bcd"), gap("e", "day", 10, 0.3)]
    assert [group.value for group in group_gaps(gaps)] == ["night", "fog", "day"], "60 x 0.2, 7 x 0.5, 10 x 0.3"


def test_no_gaps_no_findings():
    assert group_gaps([]) == ()
