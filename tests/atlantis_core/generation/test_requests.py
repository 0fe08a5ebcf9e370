"""From protocols to requests."""

import dataclasses
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlantis_core.base.errors import InvalidProtocol
from atlantis_core.generation.requests import build_requests, request_hash
from atlantis_core.records import Cell, CellRequest, LabelledImage, Protocol

NIGHT = Cell("tug", "lighting", "night")


def protocol(*cells: CellRequest, arm="edit", name="p1") -> Protocol:
    return Protocol(name, 1, arm, cells, "tugs in the dark", "because", "margin", 1.0, 0.1)


def images(label: str, count: int, split="train", **facets: str) -> list[LabelledImage]:
    stem = f"{label}-{'-'.join(facets.values())}-{split}"
    return [
        LabelledImage(f"{stem}-{i}", f"/photos/{stem}-{i}.jpg", label, split, facets=facets) for i in range(count)
    ]


def test_counts_prompts_and_cells():
    wanted = protocol(CellRequest(NIGHT, 5, ("a", "b")), CellRequest(Cell("ferry", "lighting", "fog"), 2))
    made = build_requests(
        wanted, images("tug", 5, lighting="day") + images("ferry", 3, lighting="day"), "photometric/1", 7, 64
    )
    assert [request.cell.class_name for request in made] == ["tug"] * 5 + ["ferry"] * 2
    assert [request.prompt for request in made] == ["a", "b", "a", "b", "a"] + ["tugs in the dark"] * 2
    assert all(request.source_id.startswith(request.cell.class_name) for request in made)
    assert all(request.side_px == 64 for request in made)


def test_sources_are_used_equally_over_all_cells_of_a_class():
    cells = [CellRequest(Cell("tug", "lighting", value), 7) for value in ("night", "fog", "snow")]
    used = Counter(request.source_id for request in build_requests(protocol(*cells), images("tug", 5), "g/1", 0))
    assert sorted(used.values()) == [4, 4, 4, 4, 5]


def test_prompts_and_sources_do_not_stay_in_step():
    made = build_requests(protocol(CellRequest(NIGHT, 8, ("a", "b"))), images("tug", 4), "g/1", 0)
    assert len({(request.prompt, request.source_id) for request in made}) == 8


def test_sources_outside_the_cell_come_first_inside_ones_only_for_want_of_others():
    day, night = images("tug", 2, lighting="day"), images("tug", 3, lighting="night")
    made = build_requests(protocol(CellRequest(NIGHT, 6)), day + night, "g/1", 0)
    assert {request.source_id for request in made} == {image.id for image in day}
    made = build_requests(protocol(CellRequest(NIGHT, 6)), night, "g/1", 0)
    assert {request.source_id for request in made} == {image.id for image in night}


def test_a_whole_class_cell_uses_all_images():
    made = build_requests(protocol(CellRequest(Cell("tug"), 6)), images("tug", 6), "g/1", 0)
    assert len({request.source_id for request in made}) == 6


def test_validation_images_are_never_sources():
    sources = images("tug", 3, split="validation") + images("tug", 1)
    made = build_requests(protocol(CellRequest(NIGHT, 4)), sources, "g/1", 0)
    assert {request.source_id for request in made} == {"tug--train-0"}
    with pytest.raises(InvalidProtocol, match="'tug'"):
        build_requests(protocol(CellRequest(NIGHT, 4)), images("tug", 3, split="validation"), "g/1", 0)


def test_text_to_image_needs_no_source():
    made = build_requests(protocol(CellRequest(NIGHT, 3, ("a",)), arm="text_to_image"), [], "sd/1", 0)
    assert [(request.source_id, request.source_path) for request in made] == [("", "")] * 3
    assert len({request.key for request in made}) == 3


def test_a_negative_count_is_refused():
    with pytest.raises(InvalidProtocol, match="-1"):
        build_requests(protocol(CellRequest(NIGHT, -1)), images("tug", 1), "g/1", 0)


def test_the_same_request_in_another_protocol_has_the_same_key():
    sources = images("tug", 4)
    first = build_requests(protocol(CellRequest(NIGHT, 5)), sources, "g/1", 3)
    later = build_requests(protocol(CellRequest(NIGHT, 5), name="p9"), sources[::-1], "g/1", 3)
    assert first == later


@pytest.mark.parametrize("change", ["seed", "version", "side", "prompt", "cell"])
def test_whatever_changes_the_image_changes_the_keys(change):
    sources = images("tug", 4)
    base = {request.key for request in build_requests(protocol(CellRequest(NIGHT, 5, ("a",))), sources, "g/1", 3, 64)}
    cell = dataclasses.replace(NIGHT, value="fog") if change == "cell" else NIGHT
    prompts = ("b",) if change == "prompt" else ("a",)
    other = build_requests(
        protocol(CellRequest(cell, 5, prompts)),
        sources,
        "g/2" if change == "version" else "g/1",
        4 if change == "seed" else 3,
        32 if change == "side" else 64,
    )
    assert not base & {request.key for request in other}


TEXT = st.text(max_size=4)


@given(st.lists(st.tuples(TEXT, TEXT, TEXT, TEXT, TEXT), min_size=2, max_size=2, unique=True))
def test_keys_of_different_requests_differ(parts):
    first, second = (request_hash("g/1", a, b, c, Cell("tug", d, e), 0, 64) for a, b, c, d, e in parts)
    assert first != second
    assert len(first) == 64


def test_references_show_the_facet_value_whatever_their_class():
    day, others = images("tug", 3, lighting="day"), images("ferry", 2, lighting="night")
    unseen = images("ferry", 2, "validation", lighting="night")
    made = build_requests(protocol(CellRequest(NIGHT, 6)), [*day, *others, *unseen], "g/1", 0)
    assert {request.reference_id for request in made} == {image.id for image in others}
    assert {request.reference_path for request in made} == {image.path for image in others}
    assert len({(request.source_id, request.reference_id) for request in made}) == 6


def test_no_reference_where_no_picture_shows_the_value_or_none_is_asked_for():
    for cell in (NIGHT, Cell("tug")):
        made = build_requests(protocol(CellRequest(cell, 2)), images("tug", 3, lighting="day"), "g/1", 0)
        assert {(request.reference_id, request.reference_path) for request in made} == {("", "")}
