"""A goal that a chat model stated: what code makes of it, and which limits it may set."""

from __future__ import annotations

from dataclasses import replace

import pytest
from goal_cases import COLLECTIONS

from atlantis_core.records import Budget, Cell
from atlantis_core.run.goals.description import describe_goal
from atlantis_core.run.goals.evidence import describe_missing_evidence
from atlantis_core.run.goals.limits import StatedLimits, apply_limits, list_numbers
from atlantis_core.run.goals.statement import GoalStatement, check_statement

BOATS, BIRDS = COLLECTIONS["boats"], COLLECTIONS["birds"]
TEXT = "Nachtfotos von Trawlern, aber kein Nebel; das Doppelte"
NIGHT = GoalStatement(classes=("trawler-*",), values=(("condition", "night"),), english="Night photos of trawlers.")


def test_patterns_and_values_become_cells() -> None:
    goal = check_statement(replace(NIGHT, skip_values=(("condition", "fog"),)), TEXT, BOATS, "openai:m")
    named = {Cell(f"trawler-{colours}", "condition", "night") for colours in ("red-white", "blue-black")}
    assert set(goal.cells) == named
    assert goal.skip == (Cell("", "condition", "fog"),)
    told = describe_goal(goal, BOATS)
    assert told.startswith('read by openai:m as "Night photos of trawlers."; the goal names condition=night')


def test_a_pattern_for_all_classes_names_none() -> None:
    assert check_statement(replace(NIGHT, classes=("*",), values=()), TEXT, BOATS, "m").cells == ()


def test_rare_classes_are_counted_by_code() -> None:
    rare = check_statement(GoalStatement(is_about_rare=True), "rare birds", BIRDS, "m")
    assert rare.cells == (Cell("Kakapo"), Cell("Rock_Wren"))
    single = check_statement(GoalStatement(most_photos=1), "one photo", BIRDS, "m")
    assert single.cells == (Cell("Kakapo"),)


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        (replace(NIGHT, classes=("trawlers-red-white",)), "similar names: trawler-red-white"),
        (replace(NIGHT, values=(("condition", "snow"),)), "condition has day, fog, night"),
        (replace(NIGHT, values=(("light", "night"),)), "facets: condition"),
        (replace(NIGHT, target=80), "at most 1"),
        (replace(NIGHT, target=0.8, gain_points=3), "not both"),
        (replace(NIGHT, gain_points=-3), "above 0"),
        (replace(NIGHT, missing=("Schnee",)), "'Schnee' is not in the goal"),
        (GoalStatement(most_photos=1), "no class has so few"),
    ],
)
def test_what_the_collection_does_not_bear_out_goes_back_to_the_model(statement: GoalStatement, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        check_statement(statement, TEXT, BOATS, "m")


def test_what_nothing_shows_is_told_and_what_else_names_nothing_is_read_back() -> None:
    goal = check_statement(GoalStatement(missing=("Nebel",), unmatched=("Doppelte",)), TEXT, BOATS, "m")
    assert describe_missing_evidence(goal, BOATS).startswith('no photo here shows "Nebel": "condition" has "day"')
    assert goal.unmatched == ("Nebel", "Doppelte")
    assert describe_missing_evidence(goal, BIRDS) == "", "captions may still show it"


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("höchstens 1.000 Bilder", {1000.0, 1.0, 0.0}),
        ("1,50 dólares", {150.0, 1.5, 1.0, 50.0}),
        ("٣٠٠ صورة", {300.0}),
        ("三百张", set()),
    ],
)
def test_numbers_in_digits_of_any_script(text: str, numbers: set[float]) -> None:
    assert list_numbers(text) == numbers


def test_without_approval_a_model_lowers_spending_and_raises_only_what_is_written() -> None:
    stated, budget = StatedLimits(images=300, usd=2, rounds=9), Budget()
    taken, lines = apply_limits(budget, stated, "300 Bilder für zwei Dollar", is_approved=False)
    assert (taken.images, taken.usd, taken.rounds) == (300, None, budget.rounds)
    assert [line for line in lines if "no such number is written" in line and ("$2" in line or "9 rounds" in line)]
    lowered, _ = apply_limits(budget, StatedLimits(images=50, rounds=1), "fünfzig Bilder", is_approved=False)
    assert (lowered.images, lowered.rounds) == (50, 1)


def test_where_a_person_approves_words_are_numbers_too_but_options_come_first() -> None:
    taken, _ = apply_limits(Budget(), StatedLimits(images=300), "dreihundert Bilder", is_approved=True)
    assert taken.images == 300
    kept, lines = apply_limits(Budget(images=20, rounds=1), StatedLimits(300, None, 5), "300", is_approved=True)
    assert (kept.images, kept.rounds, lines) == (20, 1, [])
