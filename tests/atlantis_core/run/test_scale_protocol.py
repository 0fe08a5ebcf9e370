"""Approving less than was asked for, and what words of a person are worth."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlantis_core.base.amounts import amounts_in, with_digits
from atlantis_core.base.errors import InvalidProtocol, ToolError
from atlantis_core.chat.consent import (
    Approval,
    approval_in,
    find_unstated_limits,
    is_agreement,
    is_undo,
    rejection_in,
)
from atlantis_core.chat.run_plan import RunPlan, describe_plan, list_missing, update_plan
from atlantis_core.chat.skip_phrases import parse_skipped_cells
from atlantis_core.records import Cell, CellRequest, Collection, LabelledImage, Protocol
from atlantis_core.run.protocol_rules import scale_protocol

VALUES = ("day", "night", "fog")
IMAGES = tuple(
    LabelledImage(f"{name}{value}", "/x", name, "train", "both", {"light": value})
    for name in ("tug", "trawler", "ferry")
    for value in VALUES
)
COLLECTION = Collection("c", "/", IMAGES, ("light",), {}, (), True, 0)


def protocol(*counts: int) -> Protocol:
    cells = tuple(CellRequest(Cell(f"class{n}"), count) for n, count in enumerate(counts))
    return Protocol("p", 1, "edit", cells, "o", "r", "margin", 1.0, 0.1)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=9), st.integers(1, 200))
def test_the_sum_is_exact_and_shares_are_kept(counts: list[int], images: int) -> None:
    before = protocol(*counts)
    scaled = scale_protocol(before, images)
    assert scaled.num_images == images
    exact = {request.cell: request.count * images / before.num_images for request in before.cells}
    assert all(abs(request.count - exact[request.cell]) < 1 for request in scaled.cells)
    assert all(request.count > 0 for request in scaled.cells)


def test_cells_that_get_nothing_are_dropped_and_nothing_is_no_protocol() -> None:
    assert [request.count for request in scale_protocol(protocol(6, 3, 1), 2).cells] == [1, 1]
    assert scale_protocol(protocol(4, 4), 8) == protocol(4, 4)
    with pytest.raises(InvalidProtocol):
        scale_protocol(protocol(4), 0)
    with pytest.raises(InvalidProtocol):
        scale_protocol(protocol(), 5)


def test_numbers_in_words_are_numbers() -> None:
    assert with_digits("two hundred images and a dozen") == "200 images and 12"
    assert set(amounts_in("1,000 or twenty five, .5")) == {("", 1000.0), ("", 25.0), ("", 0.5)}
    assert set(amounts_in("recall@1 of 90 % for 50 cents, two hundred new photos, 5-10 rounds")) == {
        ("target", 0.9),
        ("usd", 0.5),
        ("images", 200.0),
    }


def test_a_limit_nobody_said_is_named() -> None:
    said = "you have three hundred images, get it to 90 %"
    assert find_unstated_limits({"images": 300, "usd": None, "target": 0.9}, said) == []
    assert find_unstated_limits({"images": 400, "usd": 2.0}, said) == ["images 400", "usd 2"]


@pytest.mark.parametrize(
    ("words", "images", "without"),
    [
        ("approve", None, ""),
        (" Yes. ", None, ""),
        ("y", None, ""),
        ("approved, please!", None, ""),
        ("/approve", None, ""),
        ("/approve 50", 50, ""),
        ("approve with fifty instead of a hundred images", 50, ""),
        ("approve without fog", None, "fog"),
        ("yes with 9, but no fog", 9, "fog"),
    ],
)
def test_plain_lines_approve(words: str, images: int | None, without: str) -> None:
    assert approval_in(words) == Approval(images, without)
    assert rejection_in(words) is None


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("no", ""),
        ("/reject", ""),
        ("Reject it.", ""),
        ("reject because Fog is rare", "Fog is rare"),
        ("no, because fog is rare", "fog is rare"),
        ("no, reject: too many", "too many"),
    ],
)
def test_plain_lines_reject(words: str, reason: str) -> None:
    assert rejection_in(words) == reason
    assert approval_in(words) is None


@pytest.mark.parametrize(
    "words",
    [
        "with 50",
        "50 instead of 100",
        "ok, no fog",
        "looks fine",
        "sure",
        "go ahead",
        "do not approve",
        "skip fog",
        "why did you go for it",
        "don't go",
        "yes?",
        "approve without fog?",
        "yes, no, wait",
        "and the next one: approve",
        "no fog",
        "",
    ],
)
def test_no_other_words_are_an_answer(words: str) -> None:
    assert approval_in(words) is None
    assert rejection_in(words) is None


def test_words_name_what_is_left_alone() -> None:
    assert parse_skipped_cells("fog", COLLECTION) == (Cell("", "light", "fog"),)
    assert parse_skipped_cells("tugs at night", COLLECTION) == (Cell("tug", "light", "night"),)
    assert parse_skipped_cells("everything but night", COLLECTION) == (
        Cell("", "light", "day"),
        Cell("", "light", "fog"),
    )
    assert parse_skipped_cells("all but tugs", COLLECTION) == (Cell("ferry"), Cell("trawler"))
    with pytest.raises(ToolError, match="known: light: day, fog, night"):
        parse_skipped_cells("rain", COLLECTION)


def test_a_goal_record_grows_and_says_what_it_lacks() -> None:
    first = update_plan(RunPlan(), "night tugs are not found")
    assert "200 per round" in list_missing(first)[0]
    second = update_plan(first, "", images=30, target=0.9)
    assert (second.text, second.images, list_missing(second)) == (first.text, 30, [])
    plan = "\n".join(describe_plan(second, COLLECTION, auto=False))
    assert "light=night in class tug" in plan
    assert "until it is 0.9" in plan
    assert "approval" in plan
    assert "Still open" in "\n".join(describe_plan(update_plan(RunPlan(), "", images=3), COLLECTION, auto=True))


@pytest.mark.parametrize(("name", "value"), [("images", 0), ("usd", -1.0), ("target", 1.5), ("rounds", 0)])
def test_limits_out_of_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(ToolError, match=name):
        update_plan(RunPlan(), "x", **{name: value})


@pytest.mark.parametrize(
    "words",
    [
        "I would never say yes to that",
        "do nothing, give me just 5 minutes",
        "let me go and ask my boss first",
        "ok, reject it",
        "yes it is bad, throw it away",
        "go away",
        "my key is abc ok",
        "approve with -5",
    ],
)
def test_words_that_hold_a_yes_and_mean_none(words: str) -> None:
    assert approval_in(words) is None


def test_a_number_counts_for_what_it_was_said_of() -> None:
    words = "I have 40 images and 2 dollars, three rounds, recall 90 %"
    assert find_unstated_limits({"images": 40, "usd": 2.0, "rounds": 3, "target": 0.9}, words) == []
    assert find_unstated_limits({"images": 2, "usd": 40.0, "rounds": 40, "target": None}, words) == [
        "images 2",
        "usd 40",
        "rounds 40",
    ]
    assert find_unstated_limits({"usd": 300.0}, "I have 300 labelled photos") == ["usd 300"]
    assert find_unstated_limits({"images": 2}, "spend 2 whole dollars") == ["images 2"]
    assert find_unstated_limits({"usd": 0.5}, "half a dollar") == find_unstated_limits({"usd": 0.5}, "50 cents") == []


@pytest.mark.parametrize("words", ["recall 0.9, 300 images", "images 300, target 0.9. Photos at night are not found"])
def test_a_number_is_not_said_of_what_follows_a_comma_or_a_full_stop(words: str) -> None:
    assert find_unstated_limits({"images": 300, "target": 0.9}, words) == []


def test_starting_and_taking_back_need_words_for_it() -> None:
    assert is_agreement("yes")
    assert is_agreement("/go")
    assert is_agreement("Go on.")
    assert not is_agreement("Looks good, go ahead")
    assert not is_agreement("yes with 50")
    assert not is_agreement("what does my data hold? I have 40 images. Do not start anything.")
    assert is_undo("undo that please")
    assert not is_undo("what came of it?")
