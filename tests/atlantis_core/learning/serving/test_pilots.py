"""Which servings are proposed for which task."""

from __future__ import annotations

import pytest

from atlantis_core.data.tasks import RetrievalTask
from atlantis_core.learning.serving.pilots import list_servings_to_pilot
from atlantis_core.learning.serving.servings import parse_serving
from atlantis_core.records import LabelledImage


def _images(sizes: dict[str, int], facets: dict[str, str], kind: str) -> tuple[LabelledImage, ...]:
    split = "train" if kind == "gallery" else "validation"
    return tuple(
        LabelledImage(f"{kind}-{name}-{n}", "", name, split, "both", facets)  # type: ignore[arg-type]
        for name, count in sizes.items()
        for n in range(count)
    )


def _task(sizes: dict[str, int], visit: str = "A", query_visit: str = "A") -> RetrievalTask:
    asked = _images(dict.fromkeys(sizes, 3), {"visit": query_visit}, "query")
    return RetrievalTask(asked, _images(sizes, {"visit": visit}, "gallery"))


def _names(task: RetrievalTask, *, has_pool: bool = False, distance: str = "cosine") -> list[str]:
    return [pilot.serving for pilot in list_servings_to_pilot(task, distance, has_pool=has_pool)]


@pytest.mark.parametrize("has_pool", [False, True])
@pytest.mark.parametrize("sizes", [{"a": 9, "b": 9}, {"a": 20, "b": 20, "c": 2}, {"a": 1, "b": 1}])
@pytest.mark.parametrize("query_visit", ["A", "B"])
def test_every_proposal_is_a_serving_in_its_own_words(has_pool, sizes, query_visit):
    found = list_servings_to_pilot(_task(sizes, query_visit=query_visit), "cosine", has_pool=has_pool)
    assert all(str(parse_serving(pilot.serving)) == pilot.serving and pilot.what for pilot in found)
    assert len({pilot.serving for pilot in found}) == len(found) <= 6


def test_labels_are_spread_only_over_a_pool_and_never_from_queries():
    balanced = _task({"a": 9, "b": 9})
    assert "spread+prototypes+csls" not in _names(balanced)
    assert _names(balanced, has_pool=True)[0] == "spread+prototypes+csls"
    inside = RetrievalTask(balanced.gallery, balanced.gallery)
    assert "spread+prototypes+csls" not in _names(inside, has_pool=True)


def test_class_sizes_are_corrected_for_where_they_differ_much():
    assert _names(_task({"a": 20, "b": 20, "c": 2}))[0] == "prototypes+csls:own=True"
    assert _names(_task({"a": 9, "b": 10})) == ["prototypes+csls", "csls", "prototypes"]


def test_classes_of_one_photo_have_no_mean():
    assert _names(_task({"a": 1, "b": 1})) == ["csls"]


def test_a_facet_is_centred_where_the_gallery_does_not_show_the_queries_value():
    assert "centring:facet=visit+prototypes+csls" in _names(_task({"a": 9, "b": 9}, query_visit="B"))
    assert not any("centring" in name for name in _names(_task({"a": 9, "b": 9})))


def test_nothing_is_proposed_for_another_distance():
    assert _names(_task({"a": 9, "b": 9}), distance="hyperbolic") == []
