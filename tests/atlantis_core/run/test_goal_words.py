"""Goals by rules: numbers beside other numbers, exclusions, unknown subjects, other metrics, confusions."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from goal_cases import COLLECTIONS

from atlantis_core.base.amounts import limits_in
from atlantis_core.base.errors import SetupError
from atlantis_core.records import Cell
from atlantis_core.run.goals.clauses import check_goal
from atlantis_core.run.goals.description import describe_goal
from atlantis_core.run.goals.evidence import describe_missing_evidence
from atlantis_core.run.goals.reading import read_goal
from atlantis_core.run.goals.selectors import without_counts

BOATS, SHOP = COLLECTIONS["boats"], COLLECTIONS["shop"]
NIGHT, FOG = Cell("", "condition", "night"), Cell("", "condition", "fog")
TRAWLERS = (Cell("trawler-blue-black"), Cell("trawler-red-white"))
TUG, SLOOP = Cell("tug-red-white"), Cell("sloop-blue-white")


@dataclass(frozen=True)
class Expected:
    """What a goal about the boats comes to.

    `stops` is what nothing here is called, `refused` why no run begins.
    """

    cells: tuple[Cell, ...] = ()
    skip: tuple[Cell, ...] = ()
    limits: tuple[tuple[str, float], ...] = ()
    target: float | None = None
    gain: float | None = None
    told: str = ""
    stops: str = ""
    refused: str = ""


GOALS = {
    "night photos, 50 images, not 200": Expected((NIGHT,), limits=(("images", 50),)),
    "not 3 rounds but 2, at night": Expected((NIGHT,), limits=(("rounds", 2),)),
    "100 images per round but 250 images in all, tugs": Expected((TUG,), limits=(("images", 250),)),
    "fog, 5 images/class": Expected(refused="5 images/class' is not a total"),
    "trawlers but no night photos": Expected(TRAWLERS, (NIGHT,)),
    "night photos should not be touched, improve fog": Expected((FOG,), (NIGHT,)),
    "lighthouses get confused a lot": Expected(stops="lighthouses"),
    "in fog the model mistakes sloops for tugs": Expected((replace(FOG, class_name=SLOOP.class_name),)),
    "raise recall@1 at night from 0.4 to 0.6": Expected((NIGHT,), target=0.6, told="to reach Recall@1 0.6"),
    "tugs: R@5 above 0.9": Expected((TUG,), told='"R@5" sets no target'),
}


@pytest.mark.parametrize(("text", "expected"), GOALS.items(), ids=GOALS)
def test_a_goal_is_understood_or_refused(text: str, expected: Expected) -> None:
    if expected.refused:
        with pytest.raises(SetupError, match=expected.refused):
            limits_in(without_counts(text))
        return
    check_goal(text)
    goal = read_goal(text, BOATS)
    assert (set(goal.cells), set(goal.skip)) == (set(expected.cells), set(expected.skip))
    assert (goal.target, goal.gain) == (expected.target, expected.gain)
    assert limits_in(without_counts(text)) == dict(expected.limits)
    assert expected.told in describe_goal(goal, BOATS)
    missing = describe_missing_evidence(goal, BOATS)
    assert f'"{expected.stops}"' in missing if expected.stops else not missing


@pytest.mark.parametrize(
    "text",
    [
        "night, 3 images each",
        "night, 2 photos a class",
        "3 per class at night",
        "each class 5 images",
        "$1 per round",
    ],
)
def test_a_share_is_no_total(text: str) -> None:
    with pytest.raises(SetupError, match="is not a total"):
        limits_in(text)


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("not $5 but $2", {"usd": 2}),
        ("50 images instead of 200", {"images": 50}),
        ("50 rather than 200 images", {"images": 50}),
        ("300 images, 100 per round", {"images": 300}),
        ("not 200 images", {}),
        ("recall 0.8 per class", {}),
    ],
)
def test_a_number_that_is_taken_back_is_no_limit(text: str, limits: dict[str, float]) -> None:
    assert limits_in(text) == limits


@pytest.mark.parametrize(
    "text",
    [
        "not night",
        "no night photos",
        "anything but night",
        "other than night",
        "do not touch night",
        "avoid night",
        "keep away from night",
        "night photos must stay as they are",
    ],
)
def test_what_is_excluded_is_not_the_goal(text: str) -> None:
    goal = read_goal(text, BOATS)
    assert (goal.cells, goal.skip) == ((), (NIGHT,))


@pytest.mark.parametrize(
    "text",
    [
        "no night photos are found",
        "not all night photos are found",
        "no good at night",
        "photos at night do not come back",
    ],
)
def test_a_complaint_with_no_or_not_excludes_nothing(text: str) -> None:
    goal = read_goal(text, BOATS)
    assert (goal.cells, goal.skip) == ((NIGHT,), ())


@pytest.mark.parametrize(
    "text",
    [
        "my search is bad",
        "users complain about wrong results",
        "customers cannot find what they look for",
        "improve retrieval of products",
        "increase accuracy",
        "too many false matches",
        "hard queries",
        "visually similar items get mixed up",
        "attacked queries, pgd, epsilon 2",
        "photos from another shelf are not found",
        "scratched products are not found",
        "the other shelf",
        "catalogue pictures return the wrong thing",
        "the packaging is different now",
        "we want happier customers",
        "skip fog",
    ],
)
def test_a_general_wish_is_about_every_query(text: str) -> None:
    assert describe_missing_evidence(read_goal(text, BOATS), BOATS) == ""


@pytest.mark.parametrize(
    "text",
    [
        "the search misses submarines",
        "we cannot find submarines",
        "get better at submarines",
        "improve retrieval of submarines",
        "photos of submarines come back wrong",
    ],
)
def test_an_unknown_subject_ends_the_run_with_what_there_is(text: str) -> None:
    told = describe_missing_evidence(read_goal(text, BOATS), BOATS)
    assert told.startswith('nothing here is called "submarine')
    assert all(one in told for one in ("trawler-red-white", '"condition" has "day"', "find where retrieval fails"))


def test_before_captions_nobody_knows_what_photos_show() -> None:
    birds = COLLECTIONS["birds"]
    goal = read_goal("submarines are not found", birds)
    assert describe_missing_evidence(goal, birds) == ""
    assert "--captioner" in describe_missing_evidence(goal, birds, is_captioned=True)
    assert describe_missing_evidence(read_goal("make it better", birds), birds, is_captioned=True) == ""


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("night above 0.9", 0.9),
        ("at least 95 % correct at night", 0.95),
        ("R@1 of 0.8 and R@5 of 0.9", 0.8),
        ("recall@10 of 90 %", None),
        ("precision of 0.9", None),
        ("night at least 0.5 dollars", None),
    ],
)
def test_a_target_is_of_recall_at_1(text: str, target: float | None) -> None:
    assert read_goal(text, BOATS).target == target


def test_a_figure_is_never_dropped_silently() -> None:
    assert 'not understood: "0.8"' in describe_goal(read_goal("night, 0.8", BOATS), BOATS)
    for text in ("night, recall@10 of 90 %", "night, MAP@R of 0.5", "night, precision 0.9"):
        assert "rounds are judged by Recall@1" in describe_goal(read_goal(text, BOATS), BOATS)


@pytest.mark.parametrize("text", ["night +300 %", "R@1 of 1.5", "recall@1 of 120 %"])
def test_more_than_every_query_cannot_be_reached(text: str) -> None:
    with pytest.raises(SetupError, match="from 0 to 1"):
        check_goal(text)


def test_words_are_read_back_as_they_were_written() -> None:
    assert read_goal("Sketches at the harbours, trawlers", BOATS).unmatched == ("Sketches", "harbours")


@pytest.mark.parametrize(
    "text",
    ["trawlers are confused with tugs", "trawlers are taken for tugs", "the model confuses trawlers with tugs"],
)
def test_a_confusion_is_about_the_class_that_is_not_found(text: str) -> None:
    assert set(read_goal(text, BOATS).cells) == set(TRAWLERS)
    assert set(read_goal("trawlers and tugs are confused with each other", BOATS).cells) == {*TRAWLERS, TUG}
