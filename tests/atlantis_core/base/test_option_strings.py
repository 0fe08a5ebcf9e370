"""Options behind a name: both spellings, one reader, one set of refusals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import pytest

from atlantis_core.base.errors import SetupError
from atlantis_core.base.option_strings import make_with, name_and_options, typed_options


@dataclass(frozen=True)
class Part:
    steps: int = 3
    rate: float = 0.1
    fast: bool = False
    mode: Literal["edit", "draw"] = "edit"
    words: str = ""


@pytest.mark.parametrize(("text", "sign"), [("x?steps=4&rate=2&fast=yes", "?"), ("x: steps = 4,rate=2,fast=1", ":")])
def test_both_spellings_are_read_alike(text: str, sign: Literal["?", ":"]) -> None:
    name, told = name_and_options(text, sign, "part")
    assert (name, make_with(Part, told, "part 'x'")) == ("x", Part(4, 2.0, True))


def test_a_part_with_options_is_a_value_of_an_option() -> None:
    assert name_and_options("full?loss=triplet:margin=0.1", "?", "preset") == ("full", {"loss": "triplet:margin=0.1"})
    assert name_and_options("x", "?", "preset") == ("x", {})


def test_free_texts_are_decoded_where_asked_for() -> None:
    assert name_and_options("x?words=a+b%26c", "?", "part", decode=True)[1] == {"words": "a b&c"}
    assert name_and_options("x?rate=1e+3", "?", "part")[1] == {"rate": "1e+3"}


@pytest.mark.parametrize("sign", ["?", ":"])
@pytest.mark.parametrize(
    ("told", "message"),
    [
        ("stepz=4", "part 'x' has no option 'stepz'; known: steps=3, rate=0.1, fast=False, mode=edit, words="),
        ("steps=four", "part 'x': steps is a whole number, not 'four'"),
        ("rate=nan", "part 'x': rate is a finite number, not 'nan'"),
        ("fast=perhaps", "part 'x': fast is true or false, not 'perhaps'"),
        ("mode=sing", "part 'x': mode is edit or draw, not 'sing'"),
        ("steps", "part 'x' is changed by option=value, not 'steps'"),
        ("steps=1{}steps=2", "steps is set twice, to '1' and '2'"),
    ],
)
def test_refusals(sign: Literal["?", ":"], told: str, message: str) -> None:
    text = f"x{sign}{told.format('&' if sign == '?' else ',')}"
    with pytest.raises(SetupError) as raised:
        typed_options(Part, name_and_options(text, sign, "part")[1], "part 'x'")
    assert message in str(raised.value)


@pytest.mark.parametrize(("given", "fast"), [({"fast": True}, True), ({"fast": "no"}, False), ({}, False)])
def test_plain_json_values_are_taken_too(given: dict[str, Any], fast: bool) -> None:
    assert make_with(Part, given, "part").fast is fast
