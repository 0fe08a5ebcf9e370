"""Whether a prompt names the class that it is for."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from atlantis_core.prompting.subjects import SubjectChecker, readable_name, split_words

CARS = [
    "002.Acura_RL_Sedan_2012",
    "003.Acura_TL_Sedan_2012",
    "004.Acura_TL_Type-S_2008",
    "016.Audi_V8_Sedan_1994",
    "045.Bugatti_Veyron_16.4_Convertible_2009",
    "057.Chevrolet_Corvette_Ron_Fellows_Edition_Z06_2007",
    "055.Chevrolet_Corvette_Convertible_2012",
    "067.Chevrolet_Malibu_Hybrid_Sedan_2010",
    "078.Chrysler_Town_and_Country_Minivan_2012",
    "079.Chrysler_300_SRT-8_2010",
    "083.Dodge_Caliber_Wagon_2012",
    "084.Dodge_Caliber_Wagon_2007",
]
VESSELS = ["red tug with white trim", "blue tug with white trim", "red trawler with white trim", "sloop"]
PRODUCTS = ["16.Orange", "29.Bravo-Orange-Juice", "38.Arla-Ecological-Medium-Fat-Milk", "40.Arla-Medium-Fat-Milk"]


@pytest.mark.parametrize(
    ("classes", "class_name", "prompt"),
    [
        (CARS, "003.Acura_TL_Sedan_2012", "A 2012 Acura TL Sedan at night"),
        (CARS, "003.Acura_TL_Sedan_2012", "Acura TL Sedan, model of 2012, by a lake"),
        (CARS, "003.Acura_TL_Sedan_2012", "two ACURA TL sedans in the rain"),
        (CARS, "045.Bugatti_Veyron_16.4_Convertible_2009", "Close-up of Bugatti Veyron 16's rear-left tyre"),
        (CARS, "057.Chevrolet_Corvette_Ron_Fellows_Edition_Z06_2007", "A Chevrolet Corvette Z06 on a bridge"),
        (CARS, "078.Chrysler_Town_and_Country_Minivan_2012", "Chrysler Town & Country minivan on a ferry"),
        (CARS, "079.Chrysler_300_SRT-8_2010", "A Chrysler 300 SRT8 of 2010"),
        (VESSELS, "red tug with white trim", "a tug, red with a white trim, in fog"),
        (VESSELS, "red tug with white trim", "a red tug with white trim beside a sloop"),
        (VESSELS, "sloop", "Two sloops under a red sky"),
        (PRODUCTS, "38.Arla-Ecological-Medium-Fat-Milk", "arla ecological medium-fat milk on a shelf"),
        (PRODUCTS, "40.Arla-Medium-Fat-Milk", "a carton of Arla medium fat milk"),
        (PRODUCTS, "16.Orange", "an orange beside a glass of juice"),
        (["Citroën_C3", "Skoda_Fabia"], "Citroën_C3", "a citroen c3"),
        (["红色拖船", "蓝色渔船"], "红色拖船", "夜里的红色拖船"),
    ],
)
def test_a_prompt_on_its_subject(classes: list[str], class_name: str, prompt: str) -> None:
    assert SubjectChecker(classes).find_subject_error(prompt, class_name) == ""


@pytest.mark.parametrize(
    ("classes", "class_name", "prompt", "reason"),
    [
        (CARS, "002.Acura_RL_Sedan_2012", "Acer RL Sedan 2012 in white", "does not name 'Acura RL Sedan 2012'"),
        (CARS, "016.Audi_V8_Sedan_1994", "Speeding BMW M3 Coupe", "does not name 'Audi V8 Sedan 1994'"),
        (CARS, "002.Acura_RL_Sedan_2012", "An Acura TL Sedan 2012", "names 'Acura TL Sedan 2012' instead"),
        (
            CARS,
            "083.Dodge_Caliber_Wagon_2012",
            "2007 Dodge Caliber Wagon",
            "names 'Dodge Caliber Wagon 2007' instead",
        ),
        (VESSELS, "red tug with white trim", "a red trawler with white trim", "names 'red trawler with white trim'"),
        (VESSELS, "sloop", "a quiet harbour at dusk", "does not name 'sloop'"),
        (
            PRODUCTS,
            "38.Arla-Ecological-Medium-Fat-Milk",
            "Arla medium fat milk",
            "names 'Arla Medium Fat Milk' instead",
        ),
        (PRODUCTS, "16.Orange", "a carton of Bravo orange juice", "names 'Bravo Orange Juice' instead"),
    ],
)
def test_a_wrong_subject_is_named(classes: list[str], class_name: str, prompt: str, reason: str) -> None:
    subjects = SubjectChecker(classes)
    assert subjects.find_subject_error(prompt, class_name).startswith(reason)
    assert not subjects.names(prompt, class_name)


def test_a_nickname_for_the_first_word_does_not_name_the_class() -> None:
    prompt, name = "Chevy Malibu 2010 hybrid by a lake", "067.Chevrolet_Malibu_Hybrid_Sedan_2010"
    assert not SubjectChecker(CARS).names(prompt, name)


@pytest.mark.parametrize("classes", [["001", "002"], ["class_1", "class_2"], ["__", "tug"], []])
def test_a_name_without_a_usable_word_accepts_everything(classes: list[str]) -> None:
    assert SubjectChecker(classes).names("whatever was written", (classes or [""])[0])


def test_an_unknown_class_is_weighed_by_its_own_words() -> None:
    assert SubjectChecker(CARS).names("an Eagle Talon in snow", "098.Eagle_Talon_Hatchback_1998")
    assert not SubjectChecker(CARS).names("an Acura TL", "098.Eagle_Talon_Hatchback_1998")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("002.Acura_RL_Sedan_2012", "Acura RL Sedan 2012"),
        ("00.Golden-Delicious", "Golden Delicious"),
        ("12 - tug_red", "tug red"),
        ("300_SRT", "300 SRT"),
        ("red tug", "red tug"),
    ],
)
def test_folder_decorations_are_not_part_of_a_name(name: str, said: str) -> None:
    assert readable_name(name) == said


def test_words_lose_plural_possessive_case_and_accents() -> None:
    assert split_words("The CAFÉS of Veyron's glass, type_s") == ["the", "cafe", "of", "veyron", "glass", "type", "s"]


def released(shared_data: Path, split: str) -> dict[str, list[str]]:
    return json.loads((shared_data / "atlantis_cars196" / f"cleaned_enhanced_captions_{split}.json").read_text())


@pytest.mark.data
@pytest.mark.parametrize(
    ("split", "written", "without_make", "others"), [("train", 6052, 78, 6), ("test", 6085, 3, 0)]
)
def test_released_prompts_without_the_make_are_found_and_few_others(
    shared_data: Path, split: str, written: int, without_make: int, others: int
) -> None:
    """The other 6 are `2007 Chevrolet Corvette` for the Ron Fellows Edition Z06."""
    prompts = released(shared_data, split)
    subjects = SubjectChecker(prompts)
    pairs = [(name, prompt) for name, texts in prompts.items() for prompt in texts]
    rejected = {pair for pair in pairs if subjects.find_subject_error(pair[1], pair[0])}
    without = {pair for pair in pairs if readable_name(pair[0]).split()[0].lower() not in pair[1].lower()}
    assert (len(pairs), len(without)) == (written, without_make)
    assert without <= rejected
    assert len(rejected - without) <= others


@pytest.mark.data
def test_released_prompts_of_another_class_are_rejected(shared_data: Path) -> None:
    prompts, rng = released(shared_data, "train"), random.Random(0)
    subjects = SubjectChecker(prompts)
    others = {name: rng.choice([other for other in prompts if other != name]) for name in prompts}
    taken = [subjects.names(prompt, others[name]) for name, texts in prompts.items() for prompt in texts]
    assert sum(taken) <= 0.01 * len(taken)
