"""Which words mean which edits."""

import pytest

from atlantis_core.captioning.attributes import AttributeCaptioner
from atlantis_core.generation.edit_plan import _EDIT_ORDER
from atlantis_core.generation.edit_reasons import explain_edits
from atlantis_core.generation.edit_words import _CELL_LEXICON, find_edits, find_requested_edits, name_edit
from atlantis_core.generation.edits import BORROWING_EDITS, EDITS
from atlantis_core.generation.medium_words import MEDIA
from atlantis_core.generation.photometric import PhotometricGenerator
from atlantis_core.records import Cell


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


@pytest.mark.parametrize(
    ("facet", "values", "edit"),
    [
        (
            "style",
            "sketch; sketches; Sketch; SKETCHY; hand-drawn; line_art; lineArt; lineart; line-drawings; pencil; pen; "
            "ink; quickdraw; QuickDraw; doodles; outline; pencil sketch; pen and ink; charcoal",
            "line_drawing",
        ),
        ("domain", "clipart; Clip Art; cartoon; cartoons; comic; comics; anime; illustration; vector", "cartoon"),
        ("domain", "painting; art_painting; oil; oil painting; watercolour; watercolor; Art", "painting"),
        ("kind", "silhouette; silhouettes", "silhouette"),
        ("medium", "print; prints; poster; newspaper; halftone; stencil; engraving; engravings; photocopy", "print"),
        ("source", "screen; screenshot; monitor; TV", "screen"),
        ("camera", "infrared; infra-red; thermal; IR; NIR", "infrared"),
        ("film", "bw; monochromatic; black-white", "grey"),
    ],
)
def test_media_in_many_spellings(facet, values, edit):
    for value in values.split(";"):
        assert [match.edit for match in find_requested_edits(facet, value.strip(), "tug", "")] == [edit], value


@pytest.mark.parametrize(
    ("facet", "value", "prompt"),
    [
        ("", "", "a tug beside a screen with a pen and a poster"),
        ("material", "canvas", ""),
        ("colour", "charcoal", ""),
        ("light", "flat", ""),
    ],
)
def test_things_that_are_no_medium_here(facet, value, prompt):
    media = {match.edit for match in find_requested_edits(facet, value, "tug", prompt)}
    assert not media.intersection(MEDIA)


def test_yes_of_a_facet_that_is_a_medium():
    assert [match.edit for match in find_requested_edits("sketch", "yes", "tug", "")] == ["line_drawing"]
    assert not find_requested_edits("sketch", "no", "tug", "")


@pytest.mark.parametrize("edit", sorted({*EDITS, *BORROWING_EDITS}))
def test_an_edit_can_be_asked_for_by_its_name(edit):
    assert [match.edit for match in find_edits(f"a photo of a tug, {name_edit(edit)}")] == [edit]


@pytest.mark.parametrize(
    ("cell", "prompt", "has_reference", "told"),
    [
        (Cell("tug", "style", "sketch"), "", False, "line_drawing: style=sketch says 'sketch'"),
        (Cell("tug", "style", "sketch"), "", False, "light, weather and camera are ignored"),
        (Cell("tug", "camera", "B"), "a tug, line drawing", False, "line_drawing: the prompt says 'line drawing'"),
        (Cell("tug", "camera", "B"), "a tug", False, "no training photo shows camera=B, so the images need not look"),
        (Cell("tug", "camera", "B"), "a tug", True, "light is borrowed from training photos that show camera=B"),
        (Cell("tug"), "a tug", False, "no word of the prompt"),
    ],
)
def test_the_reason_is_told(cell, prompt, has_reference, told):
    assert told in explain_edits(cell, prompt, has_reference)
