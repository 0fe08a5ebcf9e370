"""Crops, mirror images and rotations are found by fingerprints alone; other pictures are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageOps

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


def test_many_images_are_compared_as_each_of_them_is(known: list[bytes]) -> None:
    finder = CopyFinder(known)
    copies = [fingerprint_image(COPIES["crop to 64 %"](picture(seed))) for seed in range(20)]
    others = [fingerprint_image(picture(seed)) for seed in range(200, 220)]
    assert finder.contains_each([*copies, *others]) == [*map(finder.contains, copies), *map(finder.contains, others)]
    assert sum(finder.contains_each(copies)) == 20
    assert CopyFinder([]).contains_each(copies) == [False] * 20


def drawing(seed: int) -> Image.Image:
    """Draw one closed outline with two lines in it, different for every seed."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (128, 128), "white")
    corners = int(rng.integers(5, 9))
    angles, reach = np.sort(rng.uniform(0, 2 * np.pi, corners)), rng.uniform(30, 52, corners)
    outline = [(64 + r * np.cos(a), 64 + r * np.sin(a)) for r, a in zip(reach, angles, strict=True)]
    pen = ImageDraw.Draw(image)
    pen.line([*outline, outline[0]], fill="black", width=2)
    pen.line([tuple(point) for point in rng.uniform(40, 88, (3, 2)).tolist()], fill="black", width=2)
    return image


@pytest.fixture(scope="module")
def sketches(tmp_path_factory: pytest.TempPathFactory) -> tuple[CopyFinder, Path]:
    folder = tmp_path_factory.mktemp("sketches")
    for seed in range(40):
        drawing(seed).save(folder / f"{seed}.png")
    paths = [str(folder / f"{seed}.png") for seed in range(40)]
    return CopyFinder([fingerprint_image(drawing(seed)) for seed in range(40)], paths), folder


def judge_drawing(finder: CopyFinder, image: Image.Image, path: Path) -> tuple[bool, bool]:
    """Whether an image matches, and whether its pixels bear that out."""
    image.save(path)
    print_ = fingerprint_image(image)
    found = finder.contains(print_)
    return found, found and finder.confirms(print_, str(path))


def test_pixels_tell_drawings_apart_that_fingerprints_do_not(sketches: tuple[CopyFinder, Path]) -> None:
    finder, folder = sketches
    judged = [judge_drawing(finder, drawing(seed), folder / "other.png") for seed in range(100, 150)]
    found, confirmed = np.sum(judged, axis=0)
    assert found > 3
    assert confirmed == 0


@pytest.mark.parametrize("name", ["crop", "mirrored crop", "half the size"])
def test_pixels_confirm_copies_of_drawings(name: str, sketches: tuple[CopyFinder, Path]) -> None:
    finder, folder = sketches
    change = {
        "crop": lambda image: image.crop((8, 8, 120, 120)),
        "mirrored crop": lambda image: ImageOps.mirror(image.crop((6, 10, 122, 120))),
        "half the size": lambda image: image.resize((64, 64)),
    }[name]
    judged = [judge_drawing(finder, change(drawing(seed)), folder / "copy.png") for seed in range(15)]
    found, confirmed = np.sum(judged, axis=0)
    assert found >= 13
    assert confirmed == found


def test_a_match_whose_file_is_gone_counts_as_it_is(sketches: tuple[CopyFinder, Path]) -> None:
    _, folder = sketches
    path = folder / "0.png"
    print_ = fingerprint_image(drawing(0))
    assert CopyFinder([print_], [str(folder / "gone.png")]).confirms(print_, str(path))
    assert CopyFinder([print_]).confirms(print_, str(path))
