"""An unlabelled folder: what is read of it, and what the leak guard leaves of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from atlantis_core.base.errors import SetupError
from atlantis_core.data.near_duplicates import fingerprint_file
from atlantis_core.data.sealed import SealedSplit
from atlantis_core.filtering.leak_guard import HeldOutImages, ValidationFingerprints
from atlantis_core.pool.pool_folder import PoolFolder, guard_pool
from atlantis_core.records import LabelledImage
from tests.atlantis_core.generation.conftest import photo


def test_no_held_out_training_or_repeated_photo_is_left(tmp_path: Path) -> None:
    pool, held = tmp_path / "pool", tmp_path / "held"
    (pool / "deep").mkdir(parents=True)
    held.mkdir()
    for seed in range(6):
        photo(seed).save(pool / f"{seed}.png")
    photo(2).resize((60, 48)).save(pool / "deep" / "2 again.jpg", quality=60)
    photo(0).save(held / "validation.jpg", quality=70)
    photo(1).resize((120, 96)).save(held / "test.png")
    sealed = SealedSplit(
        [LabelledImage("t", str(held / "test.png"), "tug", "test")], [fingerprint_file(held / "test.png")]
    )
    images = PoolFolder(str(pool)).images
    (trained,) = (image.id for image in images if image.path.endswith("5.png"))
    guards: list[HeldOutImages] = [ValidationFingerprints([fingerprint_file(held / "validation.jpg")]), sealed]
    left = guard_pool(images, guards, {trained})
    assert [Path(image.path).name for image in left.images] == ["2.png", "3.png", "4.png"]
    assert (left.held_out, left.known, left.repeated) == (2, 1, 1)
    assert left.describe() == (
        "pool: 3 usable photos; left out: 2 nearly equal to a validation or test photo, 1 already in use, "
        "1 nearly equal to another one of the pool"
    )


def blobs(seed: int) -> Image.Image:
    """Draw blobs of colour, different for every seed."""
    pixels = np.random.default_rng(seed).integers(0, 255, (7, 7, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((128, 128), Image.Resampling.BICUBIC)


def test_crops_of_held_out_photos_are_left_out_where_they_can_be_told_apart(tmp_path: Path) -> None:
    pool, held = tmp_path / "pool", tmp_path / "held"
    pool.mkdir()
    held.mkdir()
    for seed in range(3):
        blobs(seed).save(pool / f"{seed}.png")
    blobs(9).save(held / "validation.png")
    for number, box in enumerate([(0, 0, 100, 100), (25, 20, 125, 124), (5, 30, 120, 128)]):
        blobs(9).crop(box).save(pool / f"crop {number}.png")
    guards: list[HeldOutImages] = [ValidationFingerprints([fingerprint_file(held / "validation.png")])]
    images = PoolFolder(str(pool)).images
    left = guard_pool(images, guards, training=[fingerprint_file(pool / "0.png")])
    assert [Path(image.path).name for image in left.images] == ["0.png", "1.png", "2.png"]
    assert left.describe() == "pool: 3 usable photos; left out: 3 that look like a crop of a validation or test photo"
    alike = guard_pool(
        images, guards, training=[fingerprint_file(pool / f"crop {number}.png") for number in range(3)]
    )
    assert alike.crops == 0
    assert alike.describe().endswith("were not searched for: training images look like such crops")


def test_damaged_files_are_named_and_answers_are_not_read(tmp_path: Path) -> None:
    photo(0).save(tmp_path / "a.png")
    (tmp_path / "b.jpg").write_bytes(b"no image")
    (tmp_path / "answers.csv").write_bytes(b"\xff\xfe not even text")
    folder = PoolFolder(str(tmp_path))
    assert [Path(image.path).name for image in folder.images] == ["a.png"]
    assert [problem.path for problem in folder.problems] == ["b.jpg"]


def test_a_folder_of_no_use_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="contains no images; check --pool FOLDER"):
        PoolFolder(str(tmp_path))
    with pytest.raises(SetupError, match="does not exist"):
        PoolFolder(str(tmp_path / "nowhere"))
