from __future__ import annotations

import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from atlantis_core.base.errors import SetupError
from atlantis_core.learning.inputs.augmentation import STRENGTHS, Strength, augmented_view, strength_of
from atlantis_core.learning.inputs.preprocessing import centre_crop, decode_image, to_batch
from atlantis_core.learning.models.backbones import BackboneSpec


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def test_a_square_of_the_right_side_is_left_alone() -> None:
    assert np.array_equal(np.asarray(centre_crop(noise(32, 32), 32)), np.asarray(noise(32, 32)))


@pytest.mark.parametrize(("width", "height"), [(32, 43), (43, 32)])
def test_the_centre_is_cut_on_whole_pixels(width: int, height: int) -> None:
    image = noise(width, height)
    left, top = (width - 32) // 2, (height - 32) // 2
    expected = np.asarray(image)[top : top + 32, left : left + 32]
    assert np.array_equal(np.asarray(centre_crop(image, 32)), expected)


def test_large_images_are_scaled_by_their_shorter_side() -> None:
    assert centre_crop(noise(300, 200), 32).size == (32, 32)


def test_orientation_and_transparency_are_honoured(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # lying on its side
    noise(40, 20).save(tmp_path / "turned.jpg", exif=exif)
    assert decode_image(tmp_path / "turned.jpg").size == (20, 40)
    clear = decode_image(Image.new("RGBA", (4, 4), (0, 0, 0, 0)))
    assert clear.getpixel((0, 0)) == (255, 255, 255)
    assert decode_image(Image.new("L", (4, 4), 7)).getpixel((0, 0)) == (7, 7, 7)


def test_formats_that_collections_do_not_take_are_not_tried(tmp_path: Path) -> None:
    noise(40, 20).save(tmp_path / "poster.eps")  # Pillow would start Ghostscript
    with pytest.raises(SetupError, match=r"poster\.eps' cannot be read: it is not an image"):
        decode_image(tmp_path / "poster.eps")


@pytest.mark.parametrize("content", [b"", b"not an image"])
def test_unreadable_files_are_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.jpg"
    path.write_bytes(content)
    with pytest.raises(SetupError, match=r"broken\.jpg"):
        decode_image(path)


@pytest.mark.parametrize("side_px", [8_100, 10_000, 30_000])  # below Pillow's limits, between them, above both
def test_a_decompression_bomb_is_refused_with_one_limit(tmp_path: Path, side_px: int) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(_claiming(side_px))
    for source in (path, path.read_bytes()):
        with pytest.raises(
            SetupError, match=r"bomb\.png' cannot be read: it has more than 64 million pixels; make it"
        ):
            decode_image(source, "bomb.png")


def _claiming(side_px: int) -> bytes:
    """The first bytes of a grey PNG of so many pixels a side."""
    head = b"IHDR" + struct.pack(">IIBBBBB", side_px, side_px, 8, 0, 0, 0, 0)
    chunks = struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))
    return b"\x89PNG\r\n\x1a\n" + chunks + b"\0\0\0\0IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))


def test_a_truncated_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cut.png"
    noise(64, 64).save(path)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(SetupError, match=r"cut\.png"):
        decode_image(path)


def test_a_batch_is_normalised(backbone: BackboneSpec) -> None:
    batch = to_batch([Image.new("RGB", (4, 4), (255, 0, 127))], backbone)
    assert batch.shape == (1, 3, 4, 4)
    assert batch[0, :, 0, 0].tolist() == pytest.approx([2.0, -2.0, (127 / 255 - 0.5) * 4], abs=1e-5)


@pytest.mark.parametrize("strength", STRENGTHS.values(), ids=list(STRENGTHS))
def test_views_depend_on_image_and_number_alone(strength: Strength) -> None:
    image = noise(50, 40)

    def pixels(image_id: str, number: int) -> bytes:
        return augmented_view(image, 32, strength, image_id, number).tobytes()

    assert pixels("a", 1) == pixels("a", 1)
    assert len({pixels("a", 1), pixels("a", 2), pixels("b", 1)}) == 3
    assert augmented_view(image, 32, strength, "a", 1).size == (32, 32)


def test_strong_views_stray_further_than_mild_ones() -> None:
    ramp = np.linspace(0, 255, 64, dtype=np.uint8)
    image = Image.fromarray(np.stack([np.tile(ramp, (64, 1))] * 3, axis=-1))
    clean = np.asarray(centre_crop(image, 32), dtype=float)

    def distance(name: str) -> float:
        views = [augmented_view(image, 32, STRENGTHS[name], "x", n) for n in range(60)]
        return float(np.mean([np.abs(np.asarray(v, dtype=float) - clean).mean() for v in views]))

    assert distance("strong") > 1.2 * distance("mild") > 0


def test_an_unknown_strength_is_reported() -> None:
    with pytest.raises(SetupError, match=r"'wild'.*mild, strong"):
        strength_of("wild")


@pytest.mark.parametrize("side_px", [1, 8, 13, 14])
def test_blur_fits_small_sides_too(side_px: int) -> None:
    blurred = replace(strength_of("mild"), blur=1.0)
    assert augmented_view(noise(32, 32), side_px, blurred, "id", 1).size == (side_px, side_px)
