"""Which words mean which edits."""

import pytest

from atlantis_core.captioning.attributes import AttributeCaptioner
from atlantis_core.generation.edit_plan import _EDIT_ORDER
from atlantis_core.generation.edit_words import _CELL_LEXICON, find_edits, find_requested_edits
from atlantis_core.generation.edits import BORROWING_EDITS, EDITS
from atlantis_core.generation.photometric import PhotometricGenerator


@pytest.mark.parametrize(
    ("text", "edits"),
    [
        ("night", ("night",)),
        ("NIGHT_TIME", ("night",)),
        ("foggy", ("fog",)),
        ("light mist over the harbour", ("fog",)),
        ("a tug at night in a storm", ("night", "storm")),
        ("low contrast", ("low_contrast",)),
        ("lowContrast", ("low_contrast",)),
        ("motion blur", ("motion",)),
        ("a wooden table", ()),
        ("", ()),
        ("no fog", ()),
        ("without any rain", ()),
        ("not dark, but foggy", ("fog",)),
        ("blur-free", ()),
        ("dark and bright", ("dark",)),
        ("snow, snow, snow", ("snow",)),
        ("knight", ()),
    ],
)
def test_texts(text, edits):
    assert PhotometricGenerator().recognises(text) == edits


def test_modifiers_change_the_strength():
    slight, plain, heavy = (find_edits(text)[0].strength for text in ("slightly dim", "dim", "very dim"))
    assert slight < plain < heavy <= 1


@pytest.mark.parametrize(
    ("facet", "value", "class_name", "prompt", "edits"),
    [
        ("contrast", "low", "tug", "", ["low_contrast"]),
        ("contrast", "normal", "tug", "", []),
        ("light", "normal", "tug", "", ["clear"]),
        ("foggy", "yes", "tug", "", ["fog"]),
        ("foggy", "no", "tug", "", []),
        ("blur", "none", "tug", "", []),
        ("weather", "clear", "tug", "", ["clear"]),
        ("lighting", "night", "tug", "a tug by day", ["night"]),
        ("", "", "tug", "a tug in the rain", ["rain"]),
        ("", "", "Dark-Chocolate", "a dark chocolate on a shelf", []),
        ("", "", "Dark-Chocolate", "a dark chocolate in the dark", ["dark"]),
        ("visit", "B", "Snow_Peas", "SnowPeas on snow", ["snow"]),
        ("background", "plain", "tug", "", ["background_plain"]),
        ("background", "normal", "tug", "", []),
    ],
)
def test_requests(facet, value, class_name, prompt, edits):
    assert [meaning.edit for meaning in find_requested_edits(facet, value, class_name, prompt)] == edits


def test_every_word_has_an_edit_and_every_edit_a_word_and_a_place():
    assert {edit for edit, _ in _CELL_LEXICON.values()} == set(EDITS) | set(BORROWING_EDITS) == set(_EDIT_ORDER)
    assert all(phrase and 0 < strength <= 1 for phrase, (_, strength) in _CELL_LEXICON.items())


@pytest.mark.parametrize(
    ("facet", "value"),
    [
        ("light", "dark"),
        ("light", "bright"),
        ("contrast", "low"),
        ("contrast", "high"),
        ("colour", "muted"),
        ("colour", "vivid"),
        ("cast", "warm"),
        ("cast", "cool"),
        ("sharpness", "blurred"),
        ("sharpness", "sharp"),
        ("background", "plain"),
        ("background", "cluttered"),
    ],
)
def test_what_the_captioner_names_the_generator_can_make(facet, value):
    assert AttributeCaptioner.name == "attributes"
    assert len(find_requested_edits(facet, value, "tug", "")) == 1
