"""What is read out of a chat model's answer, whole or broken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlantis_core.base.text import clean_text
from atlantis_core.prompting.parsing import extract_json, extract_prompts

TWO = ["A red tug", "A blue tug's bow"]
TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), max_size=5)


def cleaned(texts: list[str]) -> list[str]:
    return [text for text in (clean_text(text, 300) for text in texts) if text]


@pytest.mark.parametrize(
    "answer",
    [
        json.dumps(TWO),
        f"```json\n{json.dumps(TWO, indent=1)}\n```",
        f"Here are [2] prompts: {json.dumps(TWO)}. Tell me if you need more [or fewer].",
        '["A red tug", "A blue tug\'s bow",]',
        '["A red tug", "A blue tug\'s bow".]',
        '["A red tug", "A blue tug\'s bow"].',
        "['A red tug', 'A blue tug's bow']",
        r"['A red tug', 'A blue tug\'s bow']",
        '"["A red tug", "A blue tug\'s bow"]"',
        json.dumps(json.dumps(TWO)),
        r"""[\"A red tug\", \"A blue tug's bow\"]""",
        "[\u201cA red tug\u201d, \u201cA blue tug's bow\u201d]",
        '["A red tug"\n"A blue tug\'s bow"]',
        '["A red tug", "A blue tug\'s bow", "A tug at ni',
    ],
)
def test_a_list_is_read_however_it_comes(answer: str) -> None:
    assert extract_json(answer) == TWO
    assert extract_prompts(answer) == TWO


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ('{"a": 1, "b": [true, null]}', {"a": 1, "b": [True, None]}),
        ("{'a': True, 'b': None, 'c': -1.5e3, 'd': False,}", {"a": True, "b": None, "c": -1500.0, "d": False}),
        ('{prompts: ["x"], n: 2}', {"prompts": ["x"], "n": 2}),
        ('["a "big", red car", "b"]', ['a "big", red car', "b"]),
        ('{"prompts": ["a", "b', {"prompts": ["a"]}),
        ('{"a": 1, "b"', {"a": 1}),
        ('[{"text": "a"}, {"te', [{"text": "a"}]),
        ('["a", 12', ["a"]),
        ("[3, bare words,] and [more]", [3, "bare words"]),
        ('{"a", "b"}', ["a", "b"]),
        ("[" * 100_000, []),
    ],
)
def test_broken_json_is_mended(answer: str, value: object) -> None:
    assert extract_json(answer) == value


@pytest.mark.parametrize("answer", ["", "I cannot do that.", "42", '"text"', "a [sic] {or so} b"])
def test_no_json_is_said_in_one_line(answer: str) -> None:
    with pytest.raises(ValueError, match=r"^no JSON list or object in .*$"):
        extract_json(answer)


@pytest.mark.parametrize(
    "value",
    [
        TWO,
        tuple(TWO),
        {"prompts": TWO},
        {"class": "tug", "list": TWO},
        {"prompts": TWO, "notes": ["none"]},
        {"answer": {"prompts": TWO}},
        {"prompts": json.dumps(TWO)},
        {"1": TWO[0], "2": TWO[1]},
        [{"prompt": text} for text in TWO],
        [{"id": 1, "caption": text, "style": "photo"} for text in TWO],
        ["", "  A   red\n tug", {"x": TWO[1]}, None, 3, {"a": "?", "b": "?"}],
        "Sure:\n1. A red tug\n2) A blue tug's bow\n",
        '- A red tug\n\u2022 "A blue tug\'s bow",',
        '1. A red tug\n2. A blue tug\'s bow\n\n["x"]',
    ],
)
def test_prompts_are_found_in_whatever_was_sent(value: object) -> None:
    assert extract_prompts(value) == TWO


@pytest.mark.parametrize("value", [None, 3, "", "none", [], {}, [[]], {"a": [1]}, {"a": ["x"], "b": ["y"]}, object()])
def test_nothing_gives_nothing(value: object) -> None:
    assert extract_prompts(value) == []


def test_a_list_that_holds_itself_ends() -> None:
    endless: list[object] = ["A red tug"]
    endless.append(endless)
    assert set(extract_prompts(endless)) == {"A red tug"}


@given(TEXTS, st.booleans(), st.sampled_from([None, 2]))
def test_a_dump_gives_back_its_prompts(texts: list[str], only_ascii: bool, indent: int | None) -> None:
    assert extract_prompts(json.dumps(texts, ensure_ascii=only_ascii, indent=indent)) == cleaned(texts)


@given(TEXTS, st.booleans(), st.data())
def test_a_dump_that_was_cut_gives_its_whole_prompts(texts: list[str], only_ascii: bool, data: st.DataObject) -> None:
    dump = json.dumps(texts, ensure_ascii=only_ascii)
    got = extract_prompts(dump[: data.draw(st.integers(0, len(dump)))])
    assert got == cleaned(texts)[: len(got)]


@given(st.text(alphabet="[]{}\"'\\,:.-1 ab\n\u201c\u201d"))
def test_no_text_is_too_broken(text: str) -> None:
    assert all(prompt == clean_text(prompt, 300) for prompt in extract_prompts(text))


@pytest.mark.data
def test_every_prompt_of_the_released_raw_answers_is_read(shared_data: Path) -> None:
    raw = json.loads((shared_data / "atlantis_cars196" / "raw_enhanced_captions_train.json").read_text())
    broken = {name[:3]: value for name, value in raw.items() if isinstance(value, str)}
    assert {name: len(extract_prompts(value)) for name, value in broken.items()} == {"045": 59, "070": 63}
    for value in broken.values():
        assert extract_prompts(value) == value[2 : value.rindex('"')].split('", "')
        assert extract_json(value) == extract_prompts(value)
    assert all(extract_prompts(value) == cleaned(value) for value in raw.values() if isinstance(value, list))
