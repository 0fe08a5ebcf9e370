"""The edit for a facet value whose words say nothing, where the truth is planted."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from PIL import Image

from atlantis_core.generation.draws import RandomDraws
from atlantis_core.generation.photometric import edit_image
from atlantis_core.records import LabelledImage
from atlantis_core.run.family_choice import FEWEST_PHOTOS, choose_family
from tests.atlantis_core.generation.conftest import photo

CLASSES = ("tug", "yacht", "ferry")


def embed(images: Sequence[Image.Image]) -> np.ndarray:
    """A space in which look matters: coarse colours, brightness, and how much there is of fine detail."""
    rows = []
    for image in images:
        small = np.asarray(image.convert("RGB").resize((64, 48)), dtype=np.float32) / 255
        fine = np.abs(np.diff(small, axis=1))
        chroma = small.max(-1) - small.min(-1)
        blocks = small.reshape(4, 12, 4, 16, 3).mean((1, 3)).ravel()
        spread = [small.std(), chroma.mean(), fine.mean(), np.quantile(small, 0.9), (small.mean(-1) > 0.9).mean()]
        rows.append([*blocks, *np.multiply(spread, 4)])
    return np.array(rows, dtype=np.float32)


@pytest.fixture
def plant(tmp_path) -> Callable[..., list[LabelledImage]]:
    """Write photos of three classes, put through one edit: `plant("night", first=100)`."""

    def planted(edit: str, first: int, count: int = 24) -> list[LabelledImage]:
        found = []
        for number in range(first, first + count):
            image = photo(number)
            if edit:
                image = edit_image(image, photo(999), edit, 1.0, RandomDraws(number))
            path = tmp_path / f"{number}.png"
            image.save(path)
            found.append(LabelledImage(str(number), str(path), CLASSES[number % 3], "train"))
        return found

    return planted


@pytest.mark.parametrize("edit", ["line_drawing", "night", "grey"])
def test_the_planted_family_is_found(edit, plant):
    choice = choose_family("camera=B", plant(edit, 100), plant("", 0), embed)
    assert choice.edit == edit
    assert choice.fits[0].edit == edit
    assert choice.fits[0].closed > 0.6
    assert 0 < choice.fits[0].low < choice.fits[0].closed
    assert choice.reason.startswith(f"camera=B: {edit} closes {choice.fits[0].closed:.0%}")
    assert "12 training photos that show it" in choice.reason, "the other half only lends its colours"


def test_photos_that_do_not_differ_get_no_edit(plant):
    choice = choose_family("camera=B", plant("", 100), plant("", 0), embed)
    assert (choice.edit, choice.strength) == ("", 0.0)
    assert "look like those that do not" in choice.reason


def test_what_no_edit_can_show_is_said(tmp_path, plant):
    """Photos that hang upside down: light, colour and sharpness are the same, and no edit turns a photo round."""
    showing = []
    for image in plant("", 100, 16):
        path = tmp_path / f"turned{image.id}.png"
        Image.open(image.path).rotate(180).save(path)
        showing.append(LabelledImage(image.id, str(path), image.label, "train"))
    choice = choose_family("camera=B", showing, plant("", 0, 16), lambda images: embed(images)[:, :48])
    assert choice.edit == ""
    assert "no edit takes photos nearer" in choice.reason


@pytest.mark.parametrize(("showing", "others", "told"), [(FEWEST_PHOTOS - 1, 24, "show it"), (24, 2, "show another")])
def test_too_few_photos_are_named(showing, others, told, plant):
    choice = choose_family("camera=B", plant("night", 100, showing), plant("", 0, others), embed)
    assert choice.edit == ""
    assert choice.fits == ()
    assert f"{min(showing, others)} training photos {told}" in choice.reason


def test_equal_photos_give_an_equal_choice(plant):
    showing, others = plant("night", 100, 12), plant("", 0, 12)
    assert choose_family("camera=B", showing, others, embed, 1) == choose_family(
        "camera=B", showing[::-1], others[::-1], embed, 1
    )
