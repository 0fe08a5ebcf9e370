from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from atlantis_core.data.near_duplicates import (
    LENGTH,
    MIRROR_THRESHOLD,
    THRESHOLD,
    distances,
    find_near_duplicates,
    fingerprint_file,
    fingerprint_image,
    mirror_fingerprint,
    unit_vectors,
)
from tests.atlantis_core.data.sample_images import encoded, picture, write


def as_jpeg(image: Image.Image, quality: int = 50) -> Image.Image:
    import io

    return Image.open(io.BytesIO(encoded(image, "JPEG", quality=quality)))


def cropped(image: Image.Image, share: float = 0.02) -> Image.Image:
    across, down = max(1, round(image.width * share)), max(1, round(image.height * share))
    return image.crop((across, down, image.width - across, image.height - down))


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "half": lambda image: image.resize((image.width // 2, image.height // 2)),
    "double": lambda image: image.resize((image.width * 2, image.height * 2)),
    "jpeg": as_jpeg,
    "crop": cropped,
    "darker": lambda image: ImageEnhance.Brightness(image).enhance(0.8),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.25),
    "contrast": lambda image: ImageEnhance.Contrast(image).enhance(1.2),
    "all": lambda image: as_jpeg(ImageEnhance.Brightness(cropped(image).resize((96, 96))).enhance(1.15)),
}


def distance(one: Image.Image, other: Image.Image) -> float:
    return float(distances(fingerprint_image(one), unit_vectors([fingerprint_image(other)]))[0])


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_near_and_another_picture_is_not(change: str) -> None:
    for seed in range(10):
        original = picture(seed, 128)
        assert distance(CHANGES[change](original.copy()), original.copy()) < THRESHOLD
        assert distance(CHANGES[change](original.copy()), picture(seed + 100, 128)) > THRESHOLD


def test_the_mirrored_fingerprint_is_that_of_the_mirrored_picture() -> None:
    for seed in range(5):
        turned = picture(seed).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        guessed = unit_vectors([mirror_fingerprint(fingerprint_image(picture(seed)))])
        assert distances(fingerprint_image(turned), guessed)[0] < MIRROR_THRESHOLD / 3
    print_ = fingerprint_image(picture(1))
    assert mirror_fingerprint(mirror_fingerprint(print_)) == print_ != mirror_fingerprint(print_)


def test_a_file_has_the_fingerprint_of_its_picture_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held sideways
    sideways = picture(1).transpose(Image.Transpose.ROTATE_90)
    write(tmp_path, {"x.png": 1, "turned.png": encoded(sideways, "PNG", exif=exif)})  # type: ignore[arg-type]
    assert fingerprint_file(tmp_path / "x.png") == fingerprint_image(picture(1))
    turned = unit_vectors([fingerprint_file(tmp_path / "turned.png")])
    assert distances(fingerprint_image(picture(1)), turned)[0] < 0.01
    with pytest.raises(OSError, match="no-such"):
        fingerprint_file(tmp_path / "no-such.png")


def test_a_flat_picture_is_near_nothing_not_even_itself() -> None:
    blank = fingerprint_image(Image.new("RGB", (32, 32), "red"))
    assert len(blank) == LENGTH
    assert find_near_duplicates([blank, blank, fingerprint_image(picture(1))]) == []


def test_pairs_agree_with_a_slow_loop_across_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    base = rng.integers(-127, 128, (1100, LENGTH)).astype(np.int8)
    base[1050] = base[3]
    base[7] = base[6]
    base[1099] = base[1098]
    prints = [row.tobytes() for row in base]
    assert find_near_duplicates(prints) == [(3, 1050), (6, 7), (1098, 1099)]
    few = [fingerprint_image(change(picture(seed, 96))) for seed in range(4) for change in CHANGES.values()]
    vectors = unit_vectors(few)
    slow = [
        (one, other)
        for one in range(len(few))
        for other in range(one + 1, len(few))
        if 1 - float(vectors[one] @ vectors[other]) < 0.1
    ]
    assert find_near_duplicates(few, threshold=0.1) == slow
    assert find_near_duplicates([]) == []


@pytest.mark.data
def test_on_shop_photos_copies_are_found_and_other_visits_are_not(shared_data: Path) -> None:
    folder = shared_data / "grocery81"
    with (folder / "metadata.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))[::6]
    prints = [fingerprint_file(folder / row["file_name"]) for row in rows]
    crossing = [
        (one, other) for one, other in find_near_duplicates(prints) if rows[one]["visit"] != rows[other]["visit"]
    ]
    assert crossing == []
    for name, change in CHANGES.items():
        found = 0
        for row in rows[::5]:
            photo = Image.open(folder / row["file_name"]).convert("RGB")
            found += distance(change(photo.copy()), photo) < THRESHOLD
        assert found >= 0.97 * len(rows[::5]), name
