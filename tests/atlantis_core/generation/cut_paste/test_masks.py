"""Objects whose outline is known: what is found of them, and which photos are refused, and why."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from atlantis_core.base.errors import ToolError
from atlantis_core.generation.cut_paste.masks import BadMask, find_mask

SIDE = 96


def disc(radius: float, at: tuple[float, float] = (48, 48)) -> NDArray[np.bool_]:
    rows, columns = np.mgrid[:SIDE, :SIDE]
    return np.hypot(rows - at[0], columns - at[1]) < radius


def draw(
    shape: NDArray[np.bool_], colour: tuple[int, int, int], ground: float, noise: float = 1.0
) -> NDArray[np.uint8]:
    rng = np.random.default_rng(0)
    pixels = np.where(shape[..., None], np.array(colour), np.full(3, ground))
    return (pixels + rng.normal(0, noise, (SIDE, SIDE, 3))).clip(0, 255).astype(np.uint8)


def overlap(found: NDArray[np.bool_], true: NDArray[np.bool_]) -> float:
    return float((found & true).sum() / (found | true).sum())


@pytest.mark.parametrize("ground", [254, 128, 20])
@pytest.mark.parametrize("noise", [0.5, 2.0])
def test_on_plain_ground_the_outline_is_found(ground: int, noise: float) -> None:
    shape = disc(30)
    found = find_mask(draw(shape, (200, 60, 40), ground, noise))
    assert found.how == "plain ground"
    assert overlap(found.inside, shape) > 0.93


def test_what_has_the_colour_of_the_ground_inside_the_object_is_kept() -> None:
    pixels = draw(disc(30) & ~disc(10), (200, 60, 40), 254)
    assert find_mask(pixels).inside[48, 48]


def test_an_object_may_touch_the_border_on_two_sides() -> None:
    shape = np.zeros((SIDE, SIDE), bool)
    shape[:, 34:62] = True
    found = find_mask(draw(shape, (30, 90, 160), 254))
    assert overlap(found.inside, shape) > 0.9


def test_on_textured_ground_grabcut_finds_it_the_same_way_each_time() -> None:
    rng = np.random.default_rng(1)
    shape = disc(26)
    ground = rng.integers(90, 200, (SIDE, SIDE, 1)) * np.array([0.5, 1.0, 0.6])
    pixels = np.where(shape[..., None], np.array([210, 40, 30]) + rng.normal(0, 6, (SIDE, SIDE, 3)), ground)
    found = find_mask(pixels.clip(0, 255).astype(np.uint8))
    assert found.how == "GrabCut"
    assert overlap(found.inside, shape) > 0.85
    again = find_mask(pixels.clip(0, 255).astype(np.uint8))
    np.testing.assert_array_equal(found.inside, again.inside)


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        (disc(5), "too small"),
        (disc(90), "fills the photo"),
        (np.logical_or.reduce([disc(6, (y, x)) for y in (16, 48, 80) for x in (16, 48, 80)]), "in 9 pieces"),
    ],
    ids=["small", "large", "pieces"],
)
def test_a_given_mask_of_no_use_is_refused(shape: NDArray[np.bool_], reason: str) -> None:
    pixels = draw(shape, (200, 60, 40), 254)
    with pytest.raises(BadMask, match=reason):
        find_mask(pixels, np.where(shape, 255, 0).astype(np.uint8))


def test_a_photo_that_shows_nothing_or_texture_alone_is_refused() -> None:
    with pytest.raises(BadMask, match="too small"):
        find_mask(np.full((SIDE, SIDE, 3), 240, np.uint8))
    texture = np.random.default_rng(2).integers(0, 255, (SIDE, SIDE, 3)).astype(np.uint8)
    with pytest.raises(BadMask):
        find_mask(texture)
    with pytest.raises(BadMask, match="too small to cut"):
        find_mask(texture[:4, :4])
    assert issubclass(BadMask, ToolError)


def test_a_given_mask_wins_over_what_would_be_found() -> None:
    red, given = disc(20, (30, 30)), disc(20, (60, 60))
    found = find_mask(draw(red, (200, 60, 40), 254), np.where(given, 255, 0).astype(np.uint8))
    assert found.how == "given"
    assert overlap(found.inside, given) > 0.95
