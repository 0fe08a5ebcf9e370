"""Recipes are compared on held-out training images; the steady one wins over the lucky one."""

from __future__ import annotations

from collections import Counter

import pytest

from atlantis_core.base.errors import SetupError
from atlantis_core.records import LabelledImage
from atlantis_core.workflows.recipes import _add_scores, hold_out


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


def test_without_such_a_value_a_part_of_every_class_is_held_out() -> None:
    sizes = {"a": 8, "b": 4, "c": 3, "d": 2}
    images = [image(100 * k + n, name) for k, (name, size) in enumerate(sizes.items()) for n in range(size)]
    held = hold_out(images, ())
    assert Counter(one.label for one in held.queries) == {"a": 2, "b": 1, "c": 1}
    assert held == hold_out(list(images), ())
    with pytest.raises(SetupError, match="no class has 3 training images"):
        hold_out(images[-2:], ())


def test_the_score_is_the_mean_less_a_spread_that_two_seeds_hardly_show() -> None:
    def row(name: str, first: float, second: float) -> dict[str, object]:
        mean, sd = (first + second) / 2, abs(first - second) / 2**0.5
        return {"preset": name, "recalls": [first, second], "mean": mean, "sd": sd}

    failed = {"preset": "failed", "recalls": [0.9], "mean": None, "sd": None}
    scored = _add_scores([row("lucky", 0.70, 0.50), failed, row("steady", 0.60, 0.59)])
    assert [one["preset"] for one in scored] == ["steady", "lucky", "failed"]
    common = (0.2**2 / 2 + 0.01**2 / 2) / 2
    assert scored[0]["score"] == pytest.approx(0.595 - ((2 * common + 0.01**2 / 2) / 3) ** 0.5)
    assert scored[2]["score"] is None


def test_one_seed_has_no_spread() -> None:
    (only,) = _add_scores([{"preset": "a", "recalls": [0.5], "mean": 0.5, "sd": None}])
    assert only["score"] == 0.5
