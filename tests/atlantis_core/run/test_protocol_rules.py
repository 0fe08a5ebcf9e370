"""A protocol is checked in code, whoever drafted it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from atlantis_core.base.errors import InvalidProtocol
from atlantis_core.base.serialization import as_json
from atlantis_core.data.facets import facet_value_lists
from atlantis_core.records import Cell, CellRequest, Collection, LabelledImage, Protocol
from atlantis_core.run.protocol_rules import check_protocol, parse_edited_protocol

IMAGES = (
    LabelledImage("1", "/1", "tug", "train", "both", {"light": "day"}),
    LabelledImage("2", "/2", "tug", "validation", "both", {"light": "night"}),
    LabelledImage("3", "/3", "held-out", "validation", "both", {"light": "day"}),
)
COLLECTION = Collection("c", "/", IMAGES, ("light",), {}, (), True, 0)
GOOD = Protocol("p", 1, "edit", (CellRequest(Cell("tug", "light", "night"), 4),), "o", "r", "margin", 1.0, 0.1)


def with_cell(*cell: str, count: int = 4) -> Protocol:
    return replace(GOOD, cells=(CellRequest(Cell(*cell), count),))


def test_known_values_are_those_of_the_collection() -> None:
    assert facet_value_lists(COLLECTION) == {"light": ("day", "night")}


def test_a_good_protocol_passes_and_so_does_a_whole_class() -> None:
    check_protocol(GOOD, COLLECTION, "seen", 4)
    check_protocol(with_cell("tug"), COLLECTION, "seen", None)


@pytest.mark.parametrize(
    ("protocol", "left", "telling"),
    [
        (replace(GOOD, cells=()), None, "has no cells"),
        (with_cell("nope", "light", "night"), None, "'nope' is not a class"),
        (with_cell("held-out", "light", "day"), None, "a validation class"),
        (with_cell("tug", "light", "fog"), None, "not a cell of this collection; known: light: day, night"),
        (with_cell("tug", "mood", "sad"), None, "not a cell"),
        (with_cell("tug", count=0), None, "count 0 is not from 1 to 1,000,000"),
        (GOOD, 3, "4 images asked for, 3 left"),
        (replace(GOOD, synthetic_weight=0), None, "synthetic_weight"),
    ],
)
def test_each_broken_rule_is_named(protocol: Protocol, left: float | None, telling: str) -> None:
    with pytest.raises(InvalidProtocol, match=telling):
        check_protocol(protocol, COLLECTION, "unseen", left)


def test_an_edited_protocol_is_read_and_checked_like_any_other() -> None:
    payload: Any = as_json(GOOD)
    assert parse_edited_protocol(payload, COLLECTION, "seen", 4) == GOOD
    with pytest.raises(InvalidProtocol, match=r"cannot be read: cells\.0\.count"):
        parse_edited_protocol(
            payload | {"cells": [{**payload["cells"][0], "count": "many"}]}, COLLECTION, "seen", None
        )
    with pytest.raises(InvalidProtocol, match="left in the budget"):
        parse_edited_protocol(payload, COLLECTION, "seen", 1)


@pytest.mark.parametrize("count", ["5", 5.5, True, None])
def test_an_edited_count_is_a_whole_number_and_nothing_that_looks_like_one(count: object) -> None:
    payload: Any = as_json(GOOD)
    with pytest.raises(InvalidProtocol, match=r"cannot be read: cells\.0\.count: \w+"):
        parse_edited_protocol(
            payload | {"cells": [{**payload["cells"][0], "count": count}]}, COLLECTION, "seen", None
        )


@pytest.mark.parametrize("payload", [[], "text", 3, None])
def test_an_edited_file_that_holds_no_object_is_told_in_a_whole_sentence(payload: object) -> None:
    with pytest.raises(InvalidProtocol, match="must be one JSON object with a protocol's fields, not "):
        parse_edited_protocol(payload, COLLECTION, "seen", None)


MANY = 10**400


@pytest.mark.parametrize(
    ("changes", "telling"),
    [
        ({"count": MANY}, "'tug' x light=night: count 1000"),
        ({"count": -MANY}, "count -1000"),
        ({"prompts": ["x" * 100_000]}, r"the prompt 'x+\.\.\.' has 100,000 letters, at most 1,000"),
        ({"prompts": ["x"] * 100_000}, "100,000 prompts, at most 1,000"),
        ({"prompts": ["\ud800"]}, "cannot be read: the whole: Invalid JSON"),
        ({"cell": {"class_name": "x" * 10_000, "facet": "", "value": ""}}, r"'x+\.\.\.' is not a class"),
        ({"cell": {"class_name": "tug", "facet": "y" * 10_000, "value": "z" * 10_000}}, r"=z+\.\.\. is not a cell"),
    ],
)
def test_what_no_protocol_needs_is_refused_and_not_repeated_whole(changes: dict[str, Any], telling: str) -> None:
    payload: Any = as_json(GOOD)
    with pytest.raises(InvalidProtocol, match=telling) as caught:
        parse_edited_protocol(payload | {"cells": [payload["cells"][0] | changes]}, COLLECTION, "seen", None)
    assert len(str(caught.value)) < 300


def test_a_long_objective_and_a_gain_that_is_no_number_are_refused() -> None:
    payload: Any = as_json(GOOD)
    with pytest.raises(InvalidProtocol, match=r"the objective 'x+\.\.\.' has 100,000 letters"):
        parse_edited_protocol(payload | {"objective": "x" * 100_000}, COLLECTION, "seen", None)
    with pytest.raises(InvalidProtocol, match="expected_gain nan"):
        parse_edited_protocol(payload | {"expected_gain": float("nan")}, COLLECTION, "seen", None)
