"""Ways to share a round's images out over cells."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest

from atlantis_core.base.errors import SetupError, ToolError
from atlantis_core.records import Cause, Cell, CellRequest, Comparison, Decision, Gap, Protocol
from atlantis_core.records.run_spec import Spread
from atlantis_core.run.allocation import ALLOCATIONS, load_allocation
from atlantis_core.run.allocation.allocation import Allocation, spread_by_weight, weigh_images
from atlantis_core.run.allocation.balanced import fill_up
from atlantis_core.run.allocation.gain_model import DEFICIT_SHARE, EFFECT_SD, Observation, Option, infer_gains
from atlantis_core.run.allocation.thompson import FLOOR_SHARE, spend_images
from atlantis_core.run.drafting import Brief
from atlantis_core.run.round import JudgedRound


def gap(name: str, value: str, deficit: float, cause: Cause = "scarce") -> Gap:
    return Gap(Cell(name, "light", value), 2, 10.0, 0.4, 0.2, 0.6, 20, deficit, cause, (), deficit)


def brief(**changes: Any) -> Brief:
    facts: dict[str, Any] = {
        "round": 1,
        "gaps": (gap("a", "night", 0.4), gap("b", "night", 0.2), gap("a", "fog", 0.1)),
        "history": (),
        "num_images": 70,
        "classes": ("a", "b"),
        "facet_values": {"light": ("day", "fog", "night")},
        "spread": "targeted",
        "modes": ("edit",),
        "scorer": "margin",
        "feedback": "",
    }
    return Brief(**(facts | changes))


def shared(name: str, **changes: Any) -> dict[tuple[str, str], int]:
    shares = load_allocation(name).share_out(brief(**changes))
    return {(request.cell.class_name, request.cell.value): request.count for request in shares.cells}


def test_every_way_can_be_typed_and_an_unknown_one_is_refused() -> None:
    assert set(get_args(Spread)) == set(ALLOCATIONS)
    with pytest.raises(SetupError, match=r"known: .*balanced"):
        load_allocation("nowhere")


@pytest.mark.parametrize("name", ALLOCATIONS)
@pytest.mark.parametrize("images", [1, 3, 70, 1000])
def test_every_way_spends_the_images_of_the_round_on_cells_of_the_collection(name: str, images: int) -> None:
    way = load_allocation(name)
    assert isinstance(way, Allocation)
    shares = way.share_out(brief(num_images=images))
    cells = [request.cell for request in shares.cells]
    assert sum(request.count for request in shares.cells) == images
    assert all(request.count > 0 for request in shares.cells)
    assert len(set(cells)) == len(cells)
    assert {cell.class_name for cell in cells} <= {"a", "b"}
    assert shares.reason


def test_what_each_way_gives() -> None:
    assert shared("targeted") == {("a", "night"): 35, ("b", "night"): 35}
    assert shared("deficit") == {("a", "night"): 40, ("b", "night"): 20, ("a", "fog"): 10}
    # The group of night and the group of fog are alike until they are piloted.
    assert shared("thompson") == {("a", "night"): 18, ("b", "night"): 17, ("a", "fog"): 35}
    full = {Cell(name, "light", value): 30 for name in "ab" for value in ("day", "fog", "night")}
    support = full | {Cell("a", "light", "night"): 0, Cell("b", "light", "fog"): 10}
    assert shared("balanced", support=support, num_images=40) == {("a", "night"): 25, ("b", "fog"): 15}


def test_every_class_that_lacks_the_failing_value_gets_images_not_only_the_listed_gaps() -> None:
    classes = tuple("abcdef")
    gaps = (gap("a", "night", 0.4), gap("b", "night", 0.2))
    support = {Cell("e", "light", "night"): 8, Cell("f", "light", "night"): 9, Cell("d", "light", "night"): 1}
    known: dict[str, Any] = {"gaps": gaps, "classes": classes, "support": support, "num_images": 40}
    assert shared("targeted", **known) == {(name, "night"): 10 for name in "abcd"}
    named = (Cell("a"), Cell("b"), Cell("c"))
    assert set(shared("targeted", **known, named=named)) == {(name, "night") for name in "abc"}
    # Gaps of several values, or a value that no class has and nobody named: only what is listed.
    mixed = known | {"gaps": (*gaps, gap("a", "fog", 0.3))}
    assert set(shared("targeted", **mixed)) == {("a", "night"), ("b", "night")}
    assert set(shared("targeted", **known | {"support": {}})) == {("a", "night"), ("b", "night")}
    asked = known | {"support": {}, "gaps": tuple(replace(one, cause="named", support=0) for one in gaps)}
    assert set(shared("targeted", **asked)) == {(name, "night") for name in classes}


def judged(gain: float, others: float, *, kept: bool = False, weight: float = 1.0) -> JudgedRound:
    """Return a round of images for a and b at night."""
    cells = tuple(CellRequest(Cell(name, "light", "night"), 20) for name in "ab")
    protocol = Protocol("p", 1, "edit", cells, "", "", "margin", weight, 0.1)
    targeted, elsewhere = (Comparison(0.5, 0.5 + g, g, g - 0.01, g + 0.01, 0.01, 100, 2) for g in (gain, others))
    decision = Decision(kept, "", targeted, targeted, targeted, others=elsewhere)
    return JudgedRound(1, protocol=protocol, decision=decision)


def test_images_that_other_queries_paid_for_are_tried_again_with_less_weight() -> None:
    paid = brief(history=(judged(0.06, -0.05),))
    shares = load_allocation("targeted").share_out(paid)
    assert [request.cell for request in shares.cells] == [Cell(name, "light", "night") for name in "ab"]
    assert "other queries paid" in shares.reason
    assert weigh_images(paid, shares.cells) == 0.3
    assert weigh_images(brief(history=(judged(0.06, -0.05, weight=0.3),)), shares.cells) == 0.09
    for history in (
        (),
        (judged(0.06, -0.05, kept=True),),
        (judged(0.06, -0.005),),
        (judged(-0.06, -0.05),),
        (judged(0.06, -0.05), judged(0.06, 0.0)),
    ):
        assert weigh_images(brief(history=history), shares.cells) == 1
        other = load_allocation("targeted").share_out(brief(history=history))
        assert "other queries paid" not in other.reason


@pytest.mark.parametrize("name", ["deficit", "thompson"])
def test_a_collection_without_gaps_is_refused(name: str) -> None:
    with pytest.raises(ToolError):
        shared(name, gaps=())


def test_filling_up_raises_the_lowest_to_one_level() -> None:
    assert fill_up([0, 10, 30], 40) == [25, 15, 0]
    assert fill_up([5, 5], 3) in ([2, 1], [1, 2])
    assert fill_up([4], 6) == [6]
    rng = np.random.default_rng(0)
    support = rng.integers(0, 40, 12)
    level = support + np.array(fill_up(support.tolist(), 100))
    raised = level > support
    assert np.ptp(level[raised]) <= 1
    assert level[~raised].min() >= level[raised].max() - 1


def test_shares_by_weight_add_up() -> None:
    assert spread_by_weight([1, 2, 1], 8) == [2, 4, 2]
    assert spread_by_weight([1, 1, 1], 2) == [1, 1, 0]
    assert spread_by_weight([0, 0], 3) == [2, 1]


def options() -> list[Option]:
    seen = (Observation(0.03, 0.0004, 10),)
    night = Option("generate", "night", 2, 0.5, 0.3, seen)
    return [night, Option("generate", "fog", 1, 0.3, 0.1), Option("paste", "night", 2, 0.2, 0.3)]


def test_gains_are_shrunk_across_remedies_and_groups() -> None:
    """Against the normal equations, solved at once."""
    mean, covariance = infer_gains(options())
    prior = EFFECT_SD**2 * np.array([[4, 2, 2], [2, 4, 1], [2, 1, 4]], float)
    start = DEFICIT_SHARE * np.array([0.3, 0.1, 0.3])
    seen = np.array([[10 / (10 + 24), 0, 0]])
    precision = np.linalg.inv(prior) + seen.T @ seen / 0.0004
    right = np.linalg.solve(prior, start) + seen[0] * 0.03 / 0.0004
    assert mean == pytest.approx(np.linalg.solve(precision, right))
    assert covariance == pytest.approx(np.linalg.inv(precision))
    assert mean[1] > start[1], "a gain at night speaks for images in fog"
    assert mean[2] - start[2] == pytest.approx(mean[1] - start[1]), "and for another remedy at night"


def spend(night: float, fog: float, num_images: int = 400, seed: int = 0) -> list[int]:
    both = [
        Option("generate", name, 4, 0.5, 0.2, (Observation(gain, 0.01**2, 40),))
        for name, gain in (("night", night), ("fog", fog))
    ]
    return spend_images(both, num_images, np.random.default_rng(seed))


def test_images_go_where_pilots_gained_and_the_other_group_keeps_its_floor() -> None:
    night, fog = spend(0.08, -0.08)
    assert fog >= FLOOR_SHARE * 400 / 2
    assert night > 4 * fog
    assert spend(0.08, -0.08) == [night, fog], "the seed decides"
    alike = spend(0.05, 0.05)
    assert min(alike) > 120


def test_returns_diminish_and_spending_stops_where_no_image_is_worth_it() -> None:
    few, many = (sum(spend(0.01, -0.05, images)) / images for images in (50, 20_000))
    assert few > many
    assert sum(spend(-0.1, -0.1)) == round(FLOOR_SHARE * 400), "the floor alone"


def test_a_small_group_gets_less_than_a_large_one() -> None:
    alike = Option("generate", "night", 4, 0.9, 0.2, (Observation(0.05, 0.0001, 40),))
    large, small = spend_images([alike, replace(alike, group="fog", weight=0.1)], 200, np.random.default_rng(0))
    assert large > small
