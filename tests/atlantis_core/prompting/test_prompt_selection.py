"""Which prompts are chosen, and what the others were dropped for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from atlantis_core.prompting.parsing import extract_prompts
from atlantis_core.prompting.prompt_selection import PromptSelection, count_value_mentions, select_prompts
from atlantis_core.prompting.subjects import SubjectChecker

SUBJECTS = SubjectChecker(["red-tug", "blue-trawler", "snowy-owl", "night-heron"])


def chosen(written: Sequence[str], wanted: int = 9, taken: Sequence[str] = ()) -> PromptSelection:
    return select_prompts(written, "red-tug", SUBJECTS, wanted=wanted, taken=taken)


def dropped_for(prompt: str, own: str, *others: str, class_name: str = "red-tug") -> str:
    found = select_prompts([prompt], class_name, SUBJECTS, own, others, wanted=1)
    assert len(found.prompts) + sum(found.dropped.values()) == 1
    return next(iter(found.dropped), "")


def test_the_first_good_prompts_win_in_their_order() -> None:
    written = ["A red tug  at sea", "A blue trawler at sea", "A red tug in port", "A red tug in fog"]
    assert chosen(written, wanted=2) == PromptSelection(
        ("A red tug at sea", "A red tug in port"), {"wrong subject": 1}
    )
    assert chosen(written, wanted=0).prompts == ()


def test_the_same_words_are_chosen_once() -> None:
    written = ["A red tug at sea", "At sea, the RED tug!", "a red tug in port"]
    assert chosen(written, taken=["Red tugs in a port"]) == PromptSelection(("A red tug at sea",), {"repeated": 2})


@pytest.mark.parametrize(
    "prompt",
    [
        "",
        "red tug",
        "red tug " * 50,
        "A red tug at https://example.org",
        "A red tug from boats.com at sea",
        "A <b>red tug</b> at sea",
        "```A red tug at sea",
        "print(red_tug()) at sea",
        '{"prompt": "a red tug at sea"}',
        "[A red tug](at sea)",
        "# A red tug at sea",
        "A red tug at sea and so on~0123abcd",
    ],
)
def test_what_cannot_be_painted_is_dropped(prompt: str) -> None:
    assert chosen([prompt]) == PromptSelection((), {"unusable": 1})


def test_an_unusable_twin_does_not_cost_the_good_one() -> None:
    assert chosen(["**A red tug at sea**", "A red tug at sea"]) == PromptSelection(
        ("A red tug at sea",), {"unusable": 1}
    )


def test_a_long_answer_is_dropped_though_it_was_cut_in_reading() -> None:
    assert chosen(extract_prompts(["A red tug " + "at sea " * 60])).dropped == {"unusable": 1}


@pytest.mark.parametrize(
    ("prompt", "own", "others", "reason"),
    [
        ("A red tug at night", "night", ["day"], ""),
        ("A red tug in the harbour", "night", ["day"], ""),
        ("A red tug by day", "night", ["day"], "wrong condition"),
        ("A red tug in daylight", "night", ["day"], "wrong condition"),
        ("A red tug on a foggy sea", "clear", ["fog"], "wrong condition"),
        ("A red tug after dark, with the day long gone", "night", ["day"], ""),
        ("A red tug on holidays", "night", ["day"], ""),
        ("A red tug in light fog", "light_fog", ["fog"], ""),
        ("A red tug in Heavy-Rain", "calm", ["heavy rain"], "wrong condition"),
        ("A red tug by day", "", ["day"], ""),
        ("A red tug by day", "day", ["Day", ""], ""),
    ],
)
def test_another_value_of_the_facet_is_the_wrong_condition(
    prompt: str, own: str, others: list[str], reason: str
) -> None:
    assert dropped_for(prompt, own, *others) == reason


def test_a_class_name_is_no_condition() -> None:
    assert dropped_for("A snowy owl on a branch", "clear", "snow", class_name="snowy-owl") == ""
    assert dropped_for("A snowy owl in snow", "clear", "snow", class_name="snowy-owl") == "wrong condition"
    assert dropped_for("A night heron by day", "night", "day", class_name="night-heron") == "wrong condition"


def test_fewer_than_none_is_refused() -> None:
    with pytest.raises(ValueError, match="wanted is -1"):
        chosen([], wanted=-1)


def test_coverage_counts_whole_words_of_every_value() -> None:
    prompts = ["A tug at Night", "a nightly tug in heavy rain, night", "a tug by day"]
    facets = {"time": ["night", "day", "dusk"], "weather": ["heavy_rain"], "none": [], "odd": ["-"]}
    assert count_value_mentions(prompts, facets) == {
        "time": {"night": 2, "day": 1, "dusk": 0},
        "weather": {"heavy_rain": 1},
        "none": {},
        "odd": {"-": 0},
    }


@pytest.mark.data
def test_released_prompts_are_nearly_all_usable(shared_data: Path) -> None:
    path = shared_data / "atlantis_cars196" / "cleaned_enhanced_captions_train.json"
    released: dict[str, list[str]] = json.loads(path.read_text())
    subjects = SubjectChecker(released)
    found = [select_prompts(texts, name, subjects, wanted=999) for name, texts in released.items()]
    assert sum(one.dropped.get("unusable", 0) for one in found) <= 5
    assert sum(len(one.prompts) for one in found) >= 5900
