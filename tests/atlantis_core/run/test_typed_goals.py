"""Typed goals: what a person's words come to, written down before the reader was."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from atlantis_core.base.amounts import limits_in
from atlantis_core.base.errors import SetupError
from atlantis_core.records import Cell, Collection, Goal, LabelledImage
from atlantis_core.run.goals.clauses import check_goal, forbids_images
from atlantis_core.run.goals.description import describe_goal
from atlantis_core.run.goals.evidence import describe_missing_evidence
from atlantis_core.run.goals.reading import read_goal
from atlantis_core.run.goals.selectors import without_counts


def build_collection(facet: str, values: tuple[str, ...], counts: dict[str, int]) -> Collection:
    """Return a collection with so many training photos of each class, and a query of each class and value."""
    train = [
        LabelledImage(f"{name}{k}", "/x", name, "train", "both", {facet: values[k % len(values)]})
        for name, count in counts.items()
        for k in range(count)
    ]
    asked = [
        LabelledImage(f"{name}{value}?", "/x", name, "validation", "both", {facet: value})
        for name in counts
        for value in values
    ]
    return Collection("c", "/", (*train, *asked), (facet,), {}, (), True, 0)


BOATS = build_collection(
    "condition",
    ("day", "fog", "night"),
    {"trawler-red-white": 9, "trawler-blue-black": 9, "tug-red-white": 2, "sloop-blue-white": 4},
)
SHOP = build_collection(
    "light",
    ("dark", "normal", "bright"),
    {"Royal-Gala": 9, "Red-Delicious": 9, "Oat-Milk": 8, "Orange-Juice": 9, "Orange-Carrot-Juice": 1},
)
ANIMALS = build_collection("style", ("photo", "sketch"), {"zebra": 8, "horse": 8, "sea_turtle": 3, "owl": 8})

NIGHT, FOG = Cell("", "condition", "night"), Cell("", "condition", "fog")
TRAWLERS = tuple(Cell(f"trawler-{colours}") for colours in ("red-white", "blue-black"))
SKETCH = Cell("", "style", "sketch")


def at_night(*cells: Cell) -> tuple[Cell, ...]:
    return tuple(Cell(cell.class_name, "condition", "night") for cell in cells)


GOALS: list[tuple[Collection, str, dict[str, Any]]] = [
    (BOATS, "make it better", {}),
    (BOATS, "find where retrieval fails and fix it", {}),
    (BOATS, "night photos are not found", {"cells": (NIGHT,)}),
    (BOATS, "nocturnal pictures of trawlers come back wrong", {"cells": at_night(*TRAWLERS)}),
    (BOATS, "night photos of trawlers, 300 images, 2 dollars", {"cells": at_night(*TRAWLERS)}),
    (BOATS, "improve trawlers by 3 points", {"cells": TRAWLERS, "gain": 0.03}),
    (BOATS, "night: +2.5 points, leave the rest as it is", {"cells": (NIGHT,), "gain": 0.025}),
    (BOATS, "raise recall at night by 5 %", {"cells": (NIGHT,), "gain": 0.05}),
    (BOATS, "recall@1 of 0.8 at night", {"cells": (NIGHT,), "target": 0.8}),
    (BOATS, "trawlers, but skip fog", {"cells": TRAWLERS, "skip": (FOG,)}),
    (BOATS, "everything except the tug", {"skip": (Cell("tug-red-white"),)}),
    (BOATS, "tugs with hardly any photos", {"cells": (Cell("tug-red-white"),)}),
    (BOATS, "classes with at most 4 training photos", {"cells": (Cell("sloop-blue-white"), Cell("tug-red-white"))}),
    (BOATS, "classes with fewer than 4 photos", {"cells": (Cell("tug-red-white"),)}),
    (BOATS, "train_count <= 2", {"cells": (Cell("tug-red-white"),)}),
    (BOATS, "rare classes are confused with trawlers", {"cells": (Cell("tug-red-white"),)}),
    (BOATS, "only diagnose: where do night photos fail?", {"cells": (NIGHT,), "mode": "diagnose"}),
    (BOATS, "stop after diagnosis and tell me if more images would help", {"mode": "diagnose"}),
    (BOATS, "photos from the shipyard are not found", {"unmatched": ("shipyard",)}),
    (SHOP, "dark photos are not found", {"cells": (Cell("", "light", "dark"),)}),
    (SHOP, "orange juice is mixed up", {"cells": (Cell("Orange-Juice"), Cell("Orange-Carrot-Juice"))}),
    (SHOP, "products with few photos are not found", {"cells": (Cell("Orange-Carrot-Juice"),)}),
    (
        SHOP,
        "the packaging of milk has changed",
        {"cells": (Cell("Oat-Milk"),), "unmatched": ("packaging", "changed")},
    ),
    (ANIMALS, "sketches of animals return the wrong thing, at most 200 images", {"cells": (SKETCH,)}),
    (ANIMALS, "hand-drawn pictures of sea turtles", {"cells": (Cell("sea_turtle", "style", "sketch"),)}),
    (ANIMALS, "drawings, ignore owls", {"cells": (SKETCH,), "skip": (Cell("owl"),)}),
]


@pytest.mark.parametrize(("collection", "text", "expected"), GOALS, ids=[text for _, text, _ in GOALS])
def test_a_goal_is_understood(collection: Collection, text: str, expected: dict[str, Any]) -> None:
    goal = read_goal(text, collection)
    assert sort_cells(replace(goal, unmatched=())) == sort_cells(Goal(text, **expected | {"unmatched": ()}))
    assert set(expected.get("unmatched", ())) <= set(goal.unmatched)


def sort_cells(goal: Goal) -> Goal:
    return replace(goal, cells=tuple(sorted(goal.cells, key=repr)), skip=tuple(sorted(goal.skip, key=repr)))


def test_a_number_of_training_photos_is_no_budget() -> None:
    for text in ("classes with at most 4 training photos", "products with fewer than 5 images", "train_count <= 2"):
        assert limits_in(without_counts(text)) == {}
    assert limits_in(without_counts("night photos, with at most 300 images")) == {"images": 300}


def test_a_light_that_no_photo_shows_is_told_where_a_facet_describes_light() -> None:
    told = describe_missing_evidence(read_goal("night photos are not found", SHOP), SHOP)
    assert told.startswith("no photo here shows 'night': \"light\" has")
    assert all(value in told for value in ("dark", "normal", "bright"))
    told = describe_missing_evidence(read_goal("snow photos of tugs", BOATS), BOATS)
    assert told.startswith("no photo here shows 'snow': \"condition\" has")
    for text, collection in (
        ("dark photos are not found", SHOP),
        ("night photos are not found", BOATS),
        ("sketches are not found", SHOP),  # no facet says whether a photo is a sketch
        ("make it better", SHOP),
    ):
        assert describe_missing_evidence(read_goal(text, collection), collection) == ""


def test_words_that_name_nothing_are_read_back() -> None:
    told = describe_goal(read_goal("photos from the shipyard, skip fog, +3 points", BOATS), BOATS)
    assert 'words that name nothing here: "shipyard"' in told
    assert "left alone: condition=fog" in told
    assert "to gain 3 points" in told


def test_a_question_beside_a_goal_is_told_apart() -> None:
    goal = read_goal("double tugs, skip fog, why was round 1 rejected?", BOATS)
    assert (goal.cells, goal.skip, goal.unmatched) == ((Cell("tug-red-white"),), (FOG,), ("double",))
    told = describe_goal(goal, BOATS)
    assert 'a run answers no question, `atlantis chat` does: "why was round 1 rejected?"' in told


@pytest.mark.parametrize(
    ("text", "telling"),
    [
        ("use the test set to pick the best", "stays sealed"),
        ("tune the recipe on the test images", "stays sealed"),
        ("night photos; select the model by test recall", "stays sealed"),
        ("why was round 1 rejected?", "is a question"),
        ("would more images help?", "only diagnose"),
    ],
)
def test_goals_that_are_none(text: str, telling: str) -> None:
    with pytest.raises(SetupError, match=telling):
        check_goal(text)


def test_the_test_split_may_be_spoken_of() -> None:
    check_goal("night photos; do not use the test set to choose")
    assert read_goal("night photos; do not use the test set to choose", BOATS).cells == (NIGHT,)


def test_every_goal_is_different() -> None:
    assert max(Counter(text for _, text, _ in GOALS).values()) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("everything but day", {"skip": (Cell("", "condition", "day"),)}),
        ("trawlers, without fog", {"cells": TRAWLERS, "skip": (FOG,)}),
        ("night photos -3 points", {"cells": (NIGHT,)}),
        ("night may lose at most 3 points", {"cells": (NIGHT,)}),
        (
            "trawlers are lost in fog: +3 points",
            {"cells": tuple(replace(one, facet="condition", value="fog") for one in TRAWLERS), "gain": 0.03},
        ),
        ("can you improve night photos?", {"cells": (NIGHT,)}),
    ],
)
def test_what_is_left_out_or_lost_is_not_what_to_improve(text: str, expected: dict[str, Any]) -> None:
    check_goal(text)
    assert sort_cells(replace(read_goal(text, BOATS), unmatched=())) == sort_cells(Goal(text, **expected))


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("night, no more than fifty images", {"images": 50}),
        ("at most two hundred images of night", {"images": 200}),
        ("two photos of one class are confused", {}),
        ("classes with at least 5 photos", {}),
        ("products with more than 3 photos, 40 images", {"images": 40}),
    ],
)
def test_limits_in_words(text: str, limits: dict[str, float]) -> None:
    assert limits_in(without_counts(text)) == limits


def test_a_number_that_may_be_a_thousand_is_refused() -> None:
    with pytest.raises(SetupError, match="cannot be read as a number of images"):
        limits_in("1.000 images of night")


def test_classes_rarer_than_any_end_the_run_before_it_spends() -> None:
    goal = read_goal("classes with at most 1 photo", BOATS)
    assert describe_missing_evidence(goal, BOATS).startswith("no class that is asked for has so few training photos")


@pytest.mark.parametrize("text", ["night, no new images", "night, without images", "0 images, night"])
def test_no_images_at_all(text: str) -> None:
    assert forbids_images(text)
    assert not forbids_images("no photos of tugs are found")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("not night", {"skip": (NIGHT,)}),
        ("no night photos", {"skip": (NIGHT,)}),
        ("no night photos are found", {"cells": (NIGHT,)}),
        ("do not touch night", {"skip": (NIGHT,)}),
        ("improve trawlers, no fog", {"cells": TRAWLERS, "skip": (FOG,)}),
        ("not all trawlers are found", {"cells": TRAWLERS}),
        ("not a single night photo is found", {"cells": (NIGHT,)}),
        ("trawlers are confused with tugs", {"cells": TRAWLERS}),
        ("trawlers get mixed up with tugs in fog", {"cells": TRAWLERS}),
        ("R@5 above 0.9 at night", {"cells": (NIGHT,)}),
    ],
)
def test_a_denial_is_no_wish_and_what_is_found_instead_is_no_goal(text: str, expected: dict[str, Any]) -> None:
    assert sort_cells(replace(read_goal(text, BOATS), unmatched=())) == sort_cells(Goal(text, **expected))


@pytest.mark.parametrize(
    ("text", "images"),
    [
        ("night, not 200 images but 50", 50),
        ("night, not 200 but 50 images", 50),
        ("50 instead of 200 images", 50),
        ("night, not 200 images", None),
        ("not more than 20 images", 20),
    ],
)
def test_a_number_that_is_taken_back_is_no_limit(text: str, images: float | None) -> None:
    assert limits_in(text).get("images") == images


@pytest.mark.parametrize(
    "text", ["3 images each", "100 images per round", "each class gets 50 images", "9 photos a class"]
)
def test_a_share_is_refused_as_a_total(text: str) -> None:
    with pytest.raises(SetupError, match="is not a total: name the number of the whole run"):
        limits_in(text)


@pytest.mark.parametrize(
    "text",
    ["submarines are not found", "photos of submarines come back wrong", "improve submarines", "Fruit is missed"],
)
def test_a_thing_that_nothing_is_called_ends_the_run_before_it_spends(text: str) -> None:
    told = describe_missing_evidence(read_goal(text, BOATS), BOATS)
    assert told.startswith("nothing here is called")
    assert all(name in told for name in ("tug-red-white", "night", "find where retrieval fails"))


@pytest.mark.parametrize(
    "text",
    [
        "photos from another shelf are not found",
        "scratched products are not found",
        "our customers' uploads are not found",
        "customers get wrong results",
        "the packaging has changed",
        "products known only by their catalogue picture are not found",
    ],
)
def test_a_condition_that_no_facet_describes_may_still_be_shown(text: str) -> None:
    assert describe_missing_evidence(read_goal(text, BOATS), BOATS) == ""


def test_what_cannot_be_asked_for_is_said_as_it_was_written() -> None:
    assert read_goal("pictures near the Docks", BOATS).unmatched == ("Docks",)
    assert '"R@5" sets no target: rounds are judged by Recall@1' in describe_goal(
        read_goal("R@5 of 0.9", BOATS), BOATS
    )
    with pytest.raises(SetupError, match="a gain of 300 points is more than Recall@1"):
        check_goal("night photos, +300 %")
