"""Crops, mirror images and rotations are found by fingerprints alone; other pictures are not."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFilter, ImageOps

from atlantis_core.data.hidden_copies import CopyFinder, restore_brightness
from atlantis_core.data.near_duplicates import fingerprint_image, is_near_duplicate, unit_vectors
from atlantis_core.data.sealed import SealedSplit
from atlantis_core.filtering.leak_guard import ValidationFingerprints
from atlantis_core.records import LabelledImage


def picture(seed: int) -> Image.Image:
    """Draw blobs of colour, different for every seed."""
    pixels = np.random.default_rng(seed).integers(0, 255, (7, 7, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((128, 128), Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(2))


COPIES = {
    "crop to 64 %": lambda image: image.crop((20, 5, 122, 107)),
    "flat crop": lambda image: image.crop((0, 30, 128, 110)),
    "mirrored crop": lambda image: ImageOps.mirror(image.crop((10, 10, 115, 118))),
    "turned": lambda image: image.rotate(5, Image.Resampling.BICUBIC),
    "mirrored": ImageOps.mirror,
    "grey": lambda image: ImageOps.grayscale(image).convert("RGB"),
}


@pytest.fixture(scope="module")
def known() -> list[bytes]:
    return [fingerprint_image(picture(seed)) for seed in range(40)]


@pytest.mark.parametrize("name", COPIES)
def test_copies_are_found(name: str, known: list[bytes]) -> None:
    finder, sealed = (
        CopyFinder(known),
        SealedSplit([LabelledImage(str(seed), "", "x", "test") for seed in range(40)], known),
    )
    for seed in range(6):
        copy = fingerprint_image(COPIES[name](picture(seed)))
        assert finder.contains(copy)
        assert sealed.contains_copy(copy)
        assert ValidationFingerprints(known).contains_copy(copy)


def test_the_fast_check_misses_crops_of_two_thirds(known: list[bytes]) -> None:
    copy = fingerprint_image(COPIES["crop to 64 %"](picture(0)))
    assert not is_near_duplicate(copy, unit_vectors(known))


def test_other_pictures_are_not_found(known: list[bytes]) -> None:
    finder = CopyFinder(known)
    assert not any(finder.contains(fingerprint_image(picture(seed))) for seed in range(100, 140))
    assert not finder.contains(fingerprint_image(Image.new("RGB", (64, 64), "grey")))
    assert not CopyFinder([]).contains(known[0])


def test_brightness_is_restored_from_the_steps() -> None:
    image = picture(3)
    small = np.asarray(image.resize((17, 17), Image.Resampling.LANCZOS), np.float64).mean(axis=2)
    assert np.corrcoef(restore_brightness(fingerprint_image(image)).ravel(), small.ravel())[0, 1] > 0.95
