"""Recipes are compared on held-out training images; the steady one wins over the lucky one."""

from __future__ import annotations

from collections import Counter

import pytest

from atlantis_core.base.errors import SetupError
from atlantis_core.records import LabelledImage
from atlantis_core.run.recipes.candidates import list_candidates
from atlantis_core.run.recipes.comparison import Figures, Result, score_recipes
from atlantis_core.run.recipes.held_out import hold_out, hold_out_classes
from atlantis_core.run.recipes.planning import plan_comparison
from atlantis_core.run.recipes.timing import RecipeTime


def image(number: int, label: str, **facets: str) -> LabelledImage:
    return LabelledImage(f"{number:04x}", "/x", label, "train", "both", facets)


def test_a_facet_value_is_held_out_if_its_classes_show_others_too() -> None:
    images = [image(n, f"class{n % 3}", visit="one" if n < 12 else "two", camera="only") for n in range(18)]
    held = hold_out(images, ("camera", "visit"))
    assert held.what == "training images with visit=two"
    assert {one.facets["visit"] for one in held.queries} == {"two"}
    assert {one.id for one in held.queries} | {one.id for one in held.rest} == {one.id for one in images}
    assert len(held.queries) + len(held.rest) == len(images)
    assert {one.label for one in held.queries} <= {one.label for one in held.rest}
    assert held.task.gallery == held.rest


def test_without_such_a_value_a_part_of_every_class_is_held_out() -> None:
    sizes = {"a": 8, "b": 4, "c": 3, "d": 2}
    images = [image(100 * k + n, name) for k, (name, size) in enumerate(sizes.items()) for n in range(size)]
    held = hold_out(images, ())
    assert Counter(one.label for one in held.queries) == {"a": 2, "b": 1, "c": 1}
    assert held == hold_out(list(images), ())
    with pytest.raises(SetupError, match="no class has 3 training images"):
        hold_out(images[-2:], ())


def test_for_unseen_classes_whole_classes_are_held_out() -> None:
    images = [image(n, f"class{n % 8}") for n in range(24)]
    held = hold_out_classes(images)
    assert len({one.label for one in held.queries}) == 2
    assert not {one.label for one in held.queries} & {one.label for one in held.rest}
    assert held.task.gallery == held.queries
    assert len(held.queries) + len(held.rest) == 24
    with pytest.raises(SetupError, match="has 3 classes"):
        hold_out_classes([image(n, f"class{n % 3}") for n in range(9)])


def test_the_score_is_the_mean_less_a_spread_that_two_seeds_hardly_show() -> None:
    def figures(name: str, *recalls: float | None) -> Figures:
        return Figures(name, tuple(Result(recall, 1.0) for recall in recalls))

    scores = score_recipes(
        [figures("lucky", 0.70, 0.50), figures("failed", 0.9, None), figures("steady", 0.60, 0.59)]
    )
    common = (0.2**2 / 2 + 0.01**2 / 2) / 2
    assert scores["steady"] == pytest.approx(0.595 - ((2 * common + 0.01**2 / 2) / 3) ** 0.5)
    assert scores["lucky"] == pytest.approx(0.60 - ((2 * common + 0.2**2 / 2) / 3) ** 0.5)
    assert scores["failed"] is None
    assert score_recipes([figures("one", 0.5)]) == {"one": 0.5}, "one seed has no spread"


def test_settings_of_a_person_go_before_those_that_are_compared() -> None:
    found = list_candidates("seen", "steps=7&lr_trunk=0.001")
    assert found[:2] == ("auto?steps=7&lr_trunk=0.001", "auto?ema_decay=0.98&steps=7&lr_trunk=0.001")
    assert "full?steps=7&lr_trunk=0.001" in found
    assert len(found) == len(set(found)) == 4, "the two that differed in these settings alone are one now"
    assert any(text.startswith("unseen") for text in list_candidates("unseen"))


def test_recipes_that_take_too_long_are_left_out_and_the_forecast_says_so() -> None:
    times = {"auto": RecipeTime(40.0, 20.0), "views": RecipeTime(42.0, 30.0), "full": RecipeTime(300.0, 0.0)}
    plan = plan_comparison(times, trainings=20, parallel=2)
    assert plan.run_seconds == pytest.approx({"auto": 400, "views": 420, "full": 3000})
    assert plan.compared == ("auto", "views")
    assert plan.left_out["full"] == "a run with it takes about 50 min, at most 30 min fit"
    assert plan.seconds == pytest.approx(50 + (82 + 2 * 82) / 2)
    assert "auto, views on 30 photos, about 3 min; the run then takes at most about 7 min" in plan.describe(
        30, "photos"
    )


def test_the_comparison_itself_is_kept_short() -> None:
    times = {name: RecipeTime(seconds, 0.0) for name, seconds in (("auto", 200.0), ("a", 210.0), ("b", 220.0))}
    plan = plan_comparison(times, trainings=8, parallel=2)
    assert plan.compared == ("auto",)
    assert plan.seconds == 0
    assert plan.left_out == dict.fromkeys("ab", "comparing it takes longer than 10 min")
    assert "no recipes are compared: auto is the only one that fits" in plan.describe(30, "photos")


def test_the_usual_recipe_stays_even_if_nothing_fits() -> None:
    times = {"auto": RecipeTime(4000.0, 0.0), "full": None}
    plan = plan_comparison(times, trainings=20, parallel=1)
    assert plan.compared == ("auto",)
    assert plan.left_out == {"full": "its first steps diverge"}
