"""Whatever the look at a collection accepts is read later, with the pixels that were looked at."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from atlantis_core.base.errors import SetupError
from atlantis_core.data.entries import Entry
from atlantis_core.data.image_io import decode
from atlantis_core.data.inspection import inspect_files
from atlantis_core.data.near_duplicates import THRESHOLD, distances, fingerprint_file, unit_vectors
from atlantis_core.data.reading import read_collection
from atlantis_core.exporting.input_snippet import decode_snippet
from atlantis_core.learning.inputs.preprocessing import decode_image
from atlantis_core.statistics.counts import collection_statistics
from atlantis_dml.report.thumbnails import make_thumbnail
from tests.inputs.image_files import RGB, exif, jpeg, orientation, png, smooth, tiff
from tests.inputs.image_files import Entry as Tag

PHOTO = smooth(1)
TURNED = np.rot90(PHOTO, -1)
"""The photo as orientation 6 shows it: a quarter turn clockwise."""
SIX = orientation(6)
TEXT_RESOLUTION: Tag = (0x011A, 2, 4, b"abc\0")
NOWHERE: Tag = (0x010F, 2, 5000, struct.pack("<I", 60_000))
ODD_TYPE: Tag = (0x0131, 99, 7, b"\xff\xff\xff\xff")
NO_RATIONAL: Tag = (0x011B, 5, 1, struct.pack("<I", 70))


def six(kind: int, count: int, value: bytes) -> bytes:
    return exif((0x0112, kind, count, value))


BLOCKS: dict[str, tuple[bytes, bool]] = {
    "good": (exif(SIX), True),
    "big-endian": (exif((0x0112, 3, 1, struct.pack(">HH", 6, 0)), order=">"), True),
    "beside a resolution in words": (exif(SIX, TEXT_RESOLUTION), True),
    "beside a text that is nowhere": (exif(NOWHERE, SIX), True),
    "beside a tag of no known type": (exif(ODD_TYPE, SIX), True),
    "beside a fraction by zero": (exif(SIX, (0x011A, 5, 1, struct.pack("<I", 38)), after=bytes(8)), True),
    "beside a fraction that is nowhere": (exif(NO_RATIONAL, SIX), True),
    "cut off after it": (exif(SIX, NOWHERE)[:24], True),
    "cut off before it": (exif(NOWHERE, SIX)[:12], False),
    "without a header": (b"no TIFF header here, only text", False),
    "empty": (b"", False),
    "of four bytes": (b"II*\0", False),
    "out of range": (exif(orientation(9)), False),
    "zero": (exif(orientation(0)), False),
    "of type long": (six(4, 1, struct.pack("<I", 6)), True),
    "in words": (six(2, 2, b"6\0\0\0"), False),
    "of no count": (six(3, 0, bytes(4)), False),
    "offset beyond the block": (b"II*\0" + struct.pack("<I", 90_000), False),
    "directory that names itself": (exif(SIX, (0x8769, 4, 1, struct.pack("<I", 8))), True),
}
"""EXIF block -> whether an orientation (6) can be read from it."""


def png_with(block: bytes) -> bytes:
    return png(PHOTO, 8, RGB, [(b"eXIf", block)])


def late_png_with(block: bytes) -> bytes:
    return png(PHOTO, 8, RGB, late=[(b"eXIf", block)])


def webp_with(block: bytes) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(PHOTO).save(stream, "WEBP", lossless=True, exif=block or b"\0")
    return stream.getvalue()


def jpeg_with(block: bytes) -> bytes:
    return jpeg(PHOTO, block or b"\0")


WRITERS: dict[str, Callable[[bytes], bytes]] = {
    "png": png_with,
    "png, after the pixels": late_png_with,
    "webp": webp_with,
    "jpeg": jpeg_with,
}


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("name", BLOCKS)
def test_an_odd_exif_block_loses_no_photo_and_a_readable_orientation_counts(
    kind: str, name: str, tmp_path: Path
) -> None:
    block, is_turned = BLOCKS[name]
    path = tmp_path / "photo.img"
    path.write_bytes(WRITERS[kind](block))
    images, problems = inspect_files([Entry(path, "photo.img", "a", None)])
    assert (len(images), problems) == (1, ())
    found = np.asarray(decode_image(path), int)
    assert np.abs(found - (TURNED if is_turned else PHOTO)).max() <= (60 if kind == "jpeg" else 0)
    assert images[0].fingerprint == fingerprint_file(path)
    alone: dict[str, Any] = {"np": np, "Image": Image}
    exec(decode_snippet(), alone)
    assert np.array_equal(found, alone["to_upright_rgb"](Image.open(io.BytesIO(path.read_bytes()))))


@pytest.mark.parametrize("turn", range(1, 9))
def test_all_eight_orientations_of_every_format_are_turned_alike(turn: int) -> None:
    wanted = {
        1: PHOTO,
        2: PHOTO[:, ::-1],
        3: PHOTO[::-1, ::-1],
        4: PHOTO[::-1],
        5: PHOTO.transpose(1, 0, 2),
        6: TURNED,
        7: PHOTO[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(PHOTO),
    }[turn]
    block = exif(orientation(turn))
    for content in (png_with(block), late_png_with(block), webp_with(block), tiff(PHOTO, {274: turn})):
        assert np.array_equal(np.asarray(decode(content)), wanted)
    assert decode(jpeg_with(block)).size == (wanted.shape[1], wanted.shape[0])


def test_an_odd_tag_loses_no_tiff_and_no_turn(tmp_path: Path) -> None:
    path = tmp_path / "photo.tif"
    content = tiff(PHOTO, {274: 6, 34665: 8, 700: 7})  # an EXIF directory that is none, and XMP that is a number
    path.write_bytes(content)
    assert np.array_equal(np.asarray(decode(content)), TURNED)
    (image,), problems = inspect_files([Entry(path, "photo.tif", "a", None)])
    assert problems == ()
    assert image.fingerprint == fingerprint_file(path)


@pytest.mark.parametrize("turn", [1, 3, 6, 8])
def test_an_opened_tiff_has_the_pixels_of_its_file(turn: int, tmp_path: Path) -> None:
    """Pillow maps it into memory, with width and height exchanged if it lies on its side."""
    path = tmp_path / "grey.tif"
    path.write_bytes(tiff(PHOTO[..., 0], {274: turn}))
    with Image.open(path) as opened:
        found = [np.asarray(decode_image(opened)) for _ in range(2)]
    wanted = np.rot90(PHOTO[..., 0], {1: 0, 3: 2, 6: 3, 8: 1}[turn])
    assert np.array_equal(found[0][..., 0], wanted)
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], np.asarray(decode_image(path)))


def test_sizes_are_those_of_upright_photos(tmp_path: Path) -> None:
    for number in range(4):
        for label in ("boat", "car"):
            (tmp_path / label).mkdir(exist_ok=True)
            content = jpeg(smooth(number + 10 * len(label), 40, 20), exif(SIX))
            (tmp_path / label / f"{number}.jpg").write_bytes(content)
    sizes = collection_statistics(read_collection(tmp_path).collection).sizes
    assert sizes is not None
    assert (sizes.width_px.most, sizes.height_px.least) == (20, 40)


def cut_out(seed: int, under: int) -> bytes:
    """Return a disc of an own texture; what lies under the transparent rest is noise of another seed."""
    rows, columns = np.mgrid[:64, :64]
    alpha = np.where((rows - 32) ** 2 + (columns - 32) ** 2 < 600, 255, 0).astype(np.uint8)
    below = np.random.default_rng(under).integers(0, 256, (64, 64, 3), np.uint8)
    pixels = np.where(alpha[..., None] > 0, smooth(seed, 64, 64), below)
    return png(np.dstack([pixels, alpha]), 8, 6)


def distance(one: bytes, other: bytes, folder: Path) -> float:
    for name, content in {"one.png": one, "other.png": other}.items():
        (folder / name).write_bytes(content)
    prints = [fingerprint_file(folder / name) for name in ("one.png", "other.png")]
    return float(distances(prints[0], unit_vectors(prints[1:]))[0])


def test_cut_outs_are_compared_as_models_see_them(tmp_path: Path) -> None:
    assert distance(cut_out(1, under=1), cut_out(1, under=2), tmp_path) < THRESHOLD
    assert distance(cut_out(1, under=1), cut_out(2, under=1), tmp_path) > THRESHOLD


def test_leaks_of_cut_outs_are_found_and_different_ones_are_no_duplicates(tmp_path: Path) -> None:
    rows = ["file_name,label,split"]
    for seed in range(8):
        for split in ("train", "validation"):
            name = f"{split}-{seed}.png"
            (tmp_path / name).write_bytes(cut_out(seed, under=99 if split == "train" else 100 + seed))
            rows.append(f"{name},{'ab'[seed % 2]},{split}")
    (tmp_path / "metadata.csv").write_text("\n".join(rows))
    loaded = read_collection(tmp_path)
    found = collection_statistics(loaded.collection, loaded.sealed, loaded.fingerprints).duplicates
    assert len(found.across_splits) == 8
    assert found.within_train == ()


def test_thumbnails_captions_and_searches_see_white_where_a_photo_is_transparent(tmp_path: Path) -> None:
    path = tmp_path / "clear.png"
    path.write_bytes(png(np.zeros((16, 16, 4), np.uint8), 8, 6))
    assert set(np.asarray(Image.open(io.BytesIO(make_thumbnail(str(path), 8)))).ravel().tolist()) == {255}
    assert set(np.asarray(decode_image(Image.open(path))).ravel().tolist()) == {255}


def test_a_file_beyond_the_limit_is_refused_by_every_reader(tmp_path: Path) -> None:
    path = tmp_path / "sparse.bmp"
    with path.open("wb") as file:
        file.truncate(256 * 1024 * 1024 + 1)
    with pytest.raises(SetupError, match="268,435,457 bytes"):
        decode_image(path)


def test_nothing_is_written_beside_the_reason_why_a_file_is_left_out(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Pillow logs that a TIFF has too many channels, without the name of the file."""
    path = tmp_path / "satellite.tif"
    path.write_bytes(tiff(np.zeros((16, 24, 8), np.uint8)))
    _, (problem,) = inspect_files([Entry(path, "satellite.tif", "a", None)])
    assert problem.problem.startswith("unsupported: it is a TIFF")
    assert caplog.text == "".join(capfd.readouterr()) == ""
