from __future__ import annotations

import pytest

from atlantis_core.base.errors import SetupError
from atlantis_core.data.facets import add_caption_facets, choose_facets, count_facet_values
from atlantis_core.records import Caption, Collection, LabelledImage

LABELS = ["a", "b"] * 50


def test_a_column_that_cuts_across_the_classes_is_a_facet() -> None:
    choice = choose_facets(LABELS, {"light": ["day", "day", "night", "night"] * 25})
    assert (choice.facets, choice.not_facets) == (("light",), {})


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (["apple", "pear"] * 50, "function of the label"),
        (["x"] * 100, "one value only ('x')"),
        ([""] * 100, "no values"),
        ([f"id{n}" for n in range(100)], "nearly unique (100 values for 100 images)"),
        ([str(n % 40 / 7) for n in range(100)], "numbers, not categories"),
        ([f"shelf {n % 21}" for n in range(100)], "too many values (21 for 100 images)"),
        (["apple", ""] * 25 + ["apple", "pear"] * 25, "function of the label"),
    ],
)
def test_a_column_of_no_use_is_refused_with_the_reason(values: list[str], reason: str) -> None:
    choice = choose_facets(LABELS, {"column": values})
    assert choice.facets == ()
    assert choice.not_facets["column"].startswith(reason)


def test_a_few_numbers_and_a_two_valued_column_of_a_small_collection_are_facets() -> None:
    assert choose_facets(LABELS, {"year": [str(2010 + n // 10) for n in range(100)]}).facets == ("year",)
    assert choose_facets(list("aabb"), {"visit": list("1212")}).facets == ("visit",)


def test_a_person_may_ask_for_a_fine_column_but_not_for_the_label_again() -> None:
    columns = {
        "shelf": [f"{n % 30}" for n in range(100)],
        "kind": ["x", "y"] * 50,
        "light": ["d", "d", "n", "n"] * 25,
    }
    choice = choose_facets(LABELS, columns, ("shelf", "kind"))
    assert choice.facets == ("shelf",)
    assert set(choice.not_facets) == {"kind", "light"}
    with pytest.raises(SetupError, match=r"facets name 'shade'.*columns: 'shelf', 'kind', 'light'"):
        choose_facets(LABELS, columns, ("shade",))


def collection(facets: tuple[str, ...] = ()) -> Collection:
    images = tuple(
        LabelledImage(f"{row:016x}", f"/{row}.png", label, "train" if row % 4 else "validation")
        for row, label in enumerate(LABELS)
    )
    return Collection("c", "/", images, facets, {"old": "one value"}, (), splits_given=True, num_test=0)


def captions(**attributes: list[str]) -> list[Caption]:
    return [
        Caption(f"{row:016x}", "text", {name: values[row] for name, values in attributes.items() if values[row]})
        for row in range(100)
    ]


def test_captions_give_facets_without_rare_values() -> None:
    light = ["dark"] * 2 + ["bright"] * 48 + ["plain"] * 50
    sharp = ["blurred"] * 2 + ["sharp"] * 98
    colour = ["red", "green"] * 50
    found = add_caption_facets(collection(), captions(light=light, sharp=sharp, colour=colour))
    assert found.facets == ("light",)
    assert set(found.not_facets) == {"old", "sharp", "colour"}
    assert count_facet_values(found.images, "light") == {"bright": 48, "plain": 50}
    assert found.images[0].facets == {}
    assert count_facet_values(found.images, "light")["dark"] == 0


def test_facets_from_columns_are_not_overruled_by_captions() -> None:
    given = collection(facets=("visit",))
    assert add_caption_facets(given, captions(light=["dark", "bright"] * 50)) is given
