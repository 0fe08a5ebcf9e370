"""What is decoded are the photo's own pixels: every depth, kind of transparency and colour model, computed apart."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms, PngImagePlugin, TiffImagePlugin

from atlantis_core.base.errors import SetupError
from atlantis_core.data.entries import Entry
from atlantis_core.data.image_io import decode, open_image, open_undecoded, upright_size
from atlantis_core.data.inspection import check_header, inspect_files
from atlantis_core.exporting.input_snippet import decode_snippet
from atlantis_core.learning.inputs.preprocessing import decode_image
from tests.inputs.image_files import (
    GREY,
    GREY_ALPHA,
    PALETTE,
    RGB,
    RGBA,
    bmp,
    planar_tiff,
    png,
    smooth,
    tiff,
)

PHOTO = smooth(1)
LIGHT = PHOTO[..., 0]
ALPHA = smooth(2, channels=1)[..., 0]
DEEP = np.random.default_rng(3).integers(0, 65536, (16, 24), np.uint16)
DEEP_PHOTO = np.random.default_rng(4).integers(0, 65536, (16, 24, 3), np.uint16)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def by_range(values: NDArray[Any], low: float, high: float) -> NDArray[np.float64]:
    return np.stack([(values.astype(np.float64) - low) / (high - low) * 255] * 3, axis=-1)


def on_white(values: NDArray[Any], alpha: NDArray[Any], largest: int = 255) -> NDArray[np.float64]:
    colour = values.astype(np.float64) if values.ndim == 3 else np.stack([values.astype(np.float64)] * 3, axis=-1)
    share = (alpha / largest)[..., None]
    return colour / largest * 255 * share + 255 * (1 - share)


def keyed(values: NDArray[Any], key: Any, scale: float) -> NDArray[np.float64]:
    """Return values as grey levels, white where they have the value that a PNG calls transparent."""
    is_key = (values == key).all(axis=-1) if values.ndim == 3 else values == key
    levels = values * scale if values.ndim == 3 else np.stack([values * scale] * 3, axis=-1)
    return np.where(is_key[..., None], 255, levels)


def every(bits: int) -> NDArray[np.uint8]:
    """Return (16, 24) values that contain every value of so many bits."""
    return (np.arange(16 * 24).reshape(16, 24) * 7 % 2**bits).astype(np.uint8)


def short(*values: int) -> tuple[bytes, bytes]:
    return b"tRNS", struct.pack(f">{len(values)}H", *values)


def pgm(values: NDArray[Any], most: int) -> bytes:
    return b"P5\n24 16\n%d\n" % most + values.astype(">u2").tobytes()


KEY = tuple(int(value) for value in DEEP_PHOTO[3, 5])
INDEX = every(2)
COLOURS = np.array([[0, 0, 0], [250, 10, 20], [30, 240, 50], [90, 80, 70]], np.uint8)
OPACITY = np.array([0, 255, 128, 255], np.uint8)
GREY_3 = np.stack([LIGHT] * 3, axis=-1)
FLOATS = smooth(5)[..., 0].astype(np.float32) * 2.7 - 31.4
ODD_FLOATS = FLOATS.copy()
ODD_FLOATS[0, :3] = [np.nan, np.inf, -np.inf]
ODD_EXPECTED = by_range(np.clip(np.nan_to_num(ODD_FLOATS), FLOATS.min(), FLOATS.max()), FLOATS.min(), FLOATS.max())
ODD_EXPECTED[0, :3] = [[255] * 3, [255] * 3, [0] * 3]
ODD_FLOATS[1, 0], ODD_FLOATS[1, 1] = FLOATS.min(), FLOATS.max()
ODD_EXPECTED[1, 0], ODD_EXPECTED[1, 1] = 0, 255

LOWEST = np.where(np.isfinite(ODD_FLOATS), ODD_FLOATS, np.finfo(np.float32).min)
LOWEST_EXPECTED = np.where(np.isfinite(ODD_FLOATS)[..., None], ODD_EXPECTED, 255)


def with_missing_value(value: float) -> bytes:
    """Return a TIFF of floats of which some have the value that its GDAL tag calls missing."""
    stream, info = io.BytesIO(), TiffImagePlugin.ImageFileDirectory_v2()
    info[42113] = f"{value:g}"
    info.tagtype[42113] = 2
    filled = np.where(np.isfinite(ODD_FLOATS), ODD_FLOATS, value).astype(np.float32)
    Image.fromarray(filled).save(stream, "TIFF", tiffinfo=info)
    return stream.getvalue()


CASES: dict[str, tuple[bytes, NDArray[Any]]] = {
    "png grey 16": (png(DEEP, 16, GREY), by_range(DEEP, 0, 65535)),
    "png grey 16, one value transparent": (
        png(DEEP, 16, GREY, [short(int(DEEP[2, 2]))]),
        keyed(DEEP, DEEP[2, 2], 1 / 257),
    ),
    "png colour 16": (png(DEEP_PHOTO, 16, RGB), DEEP_PHOTO / 257),
    "png colour 16, one colour transparent": (
        png(DEEP_PHOTO, 16, RGB, [short(*KEY)]),
        keyed(DEEP_PHOTO, KEY, 1 / 257),
    ),
    "png grey 16 with alpha": (
        png(np.stack([DEEP, DEEP_PHOTO[..., 0]], axis=-1), 16, GREY_ALPHA),
        on_white(DEEP, DEEP_PHOTO[..., 0], 65535),
    ),
    "png colour 16 with alpha": (
        png(np.dstack([DEEP_PHOTO, DEEP]), 16, RGBA),
        on_white(DEEP_PHOTO, DEEP, 65535),
    ),
    "png colour with alpha": (png(np.dstack([PHOTO, ALPHA]), 8, RGBA), on_white(PHOTO, ALPHA)),
    "png grey with alpha": (png(np.stack([LIGHT, ALPHA], axis=-1), 8, GREY_ALPHA), on_white(LIGHT, ALPHA)),
    "png colour, one colour transparent": (
        png(PHOTO, 8, RGB, [short(*(int(value) for value in PHOTO[3, 5]))]),
        keyed(PHOTO, PHOTO[3, 5], 1),
    ),
    **{
        f"png grey {bits}, one value transparent": (
            png(every(bits), bits, GREY, [short(1)]),
            keyed(every(bits), 1, 255 / (2**bits - 1)),
        )
        for bits in (1, 2, 4, 8)
    },
    "png grey 1": (png(every(1), 1, GREY), keyed(every(1), 9, 255)),
    "png palette with alpha": (
        png(INDEX, 2, PALETTE, [(b"PLTE", COLOURS.tobytes()), (b"tRNS", OPACITY.tobytes())]),
        on_white(COLOURS[INDEX], OPACITY[INDEX]),
    ),
    "webp with alpha": (
        saved(Image.fromarray(np.dstack([PHOTO, ALPHA])), "WEBP", lossless=True, exact=True),
        on_white(PHOTO, ALPHA),
    ),
    "tiff with alpha": (saved(Image.fromarray(np.dstack([PHOTO, ALPHA])), "TIFF"), on_white(PHOTO, ALPHA)),
    "tiff 16": (tiff(DEEP), by_range(DEEP, 0, 65535)),
    "tiff 16, big-endian": (tiff(DEEP, order=">"), by_range(DEEP, 0, 65535)),
    "tiff 16, white is zero": (tiff(DEEP, {262: 0}), 255 - by_range(DEEP, 0, 65535)),
    "tiff 16, compressed": (
        saved(Image.fromarray(DEEP), "TIFF", compression="tiff_deflate"),
        by_range(DEEP, 0, 65535),
    ),
    "tiff colour 16": (tiff(DEEP_PHOTO), DEEP_PHOTO / 257),
    "tiff colour 16, planes apart": (planar_tiff(DEEP_PHOTO), DEEP_PHOTO / 257),
    "tiff colour 16, planes apart, big-endian": (planar_tiff(DEEP_PHOTO, ">"), DEEP_PHOTO / 257),
    "tiff colour 8, planes apart": (planar_tiff(PHOTO), PHOTO),
    "tiff floats with a missing value": (with_missing_value(-9999), LOWEST_EXPECTED),
    "tiff floats with the lowest float for missing": (tiff(LOWEST), LOWEST_EXPECTED),
    "bmp with alpha": (bmp(np.dstack([PHOTO, ALPHA])), on_white(PHOTO, ALPHA)),
    "bmp with an unused alpha": (bmp(np.dstack([PHOTO, ALPHA * 0])), PHOTO),
    "tiff 16, signed": (tiff((DEEP >> 1).astype(np.int16)), by_range(DEEP >> 1, 0, 32767)),
    "tiff 32": (tiff(DEEP.astype(np.uint32) * 65537), by_range(DEEP, 0, 65535)),
    "tiff 32, signed": (tiff(DEEP.astype(np.int32) << 15), by_range(DEEP, 0, 65535)),
    "tiff 32 that holds 16 bits": (tiff(DEEP.astype(np.int32)), by_range(DEEP, 0, 65535)),
    "tiff 16 that holds 8 bits": (tiff(LIGHT.astype(np.uint16)), GREY_3),
    "tiff 32 that holds 8 bits": (tiff(LIGHT.astype(np.int32)), GREY_3),
    "tiff floats, 8 bits of 0 to 1": (tiff(LIGHT.astype(np.float32) / 255), GREY_3),
    "tiff floats, 8 bits of 0 to 255": (tiff(LIGHT.astype(np.float32)), GREY_3),
    "tiff floats, black and white": (tiff((LIGHT > 99).astype(np.float32)), keyed(LIGHT > 99, 2, 255)),
    "tiff floats of a range of their own": (tiff(FLOATS), by_range(FLOATS, FLOATS.min(), FLOATS.max())),
    "tiff floats, big-endian": (tiff(FLOATS, order=">"), by_range(FLOATS, FLOATS.min(), FLOATS.max())),
    "tiff floats that are not all finite": (tiff(ODD_FLOATS), ODD_EXPECTED),
    "pgm 16": (pgm(DEEP, 65535), by_range(DEEP, 0, 65535)),
    "pgm 12": (pgm(DEEP >> 4, 4095), by_range(DEEP >> 4, 0, 4095)),
    "pfm": (
        b"Pf\n24 16\n-1.0\n" + FLOATS[::-1].astype("<f4").tobytes(),
        by_range(FLOATS, FLOATS.min(), FLOATS.max()),
    ),
}
"""Name -> file and its right pixels, (height, width, 3) in 0..255."""


def check_pixels(found: Image.Image, wanted: NDArray[Any], tolerance: float = 1.01) -> None:
    """Compare; the high byte of 16 bits, as Pillow takes it from values and alpha, is up to a level too low."""
    assert found.mode == "RGB"
    assert np.abs(np.asarray(found, np.float64) - wanted).max() <= tolerance


@pytest.mark.parametrize("name", CASES)
def test_a_file_has_the_pixels_that_its_values_say(name: str, tmp_path: Path) -> None:
    content, wanted = CASES[name]
    path = tmp_path / "photo.img"
    path.write_bytes(content)
    check_pixels(decode(content), wanted, 2.01 if name.endswith("16 with alpha") else 1.01)
    images, problems = inspect_files([Entry(path, "photo.img", "a", None)])
    assert (len(images), problems) == (1, ())


@pytest.mark.parametrize("name", CASES)
def test_every_reader_and_the_snippet_of_the_model_card_see_the_same(name: str, tmp_path: Path) -> None:
    content = CASES[name][0]
    path = tmp_path / "photo.img"
    path.write_bytes(content)
    alone: dict[str, Any] = {"np": np, "Image": Image}
    exec(decode_snippet(), alone)
    readings = [
        *(decode_image(path), decode_image(str(path)), decode_image(content), open_image(str(path))),
        *(decode_image(Image.open(path)), alone["to_upright_rgb"](Image.open(io.BytesIO(path.read_bytes())))),
    ]
    twice = Image.open(path)
    readings += [decode_image(twice), decode_image(twice)]
    assert {reading.tobytes() for reading in readings} == {decode(content).tobytes()}


FLAT_12 = (DEEP >> 4).astype(np.uint16)
LEFT_OUT: dict[str, tuple[bytes, str]] = {
    "12 bits in a png of 16": (png(FLAT_12, 16, GREY), "16-bit values is above 4,0"),
    "12 bits in a colour png of 16": (png(DEEP_PHOTO >> 4, 16, RGB), "16-bit values is above 4,095"),
    "8 bits in a colour png of 16": (png(PHOTO.astype(np.uint16), 16, RGB), "unknown depth"),
    "12 bits in a tiff of 16": (tiff(FLAT_12), "unknown depth"),
    "24 bits in a tiff of 32": (tiff(DEEP.astype(np.int32) << 8), "unknown depth"),
    "negative integers of 8 bits": (tiff((LIGHT.astype(np.int16) - 99).astype(np.int8)), "negative values"),
    "negative integers": (tiff(DEEP.astype(np.int32) - 9000), "negative values"),
    "negative bytes": (tiff((LIGHT.astype(int) - 128).astype(np.int8)), "negative values"),
    "12 bits in cmyk of 16": (
        tiff(np.dstack([DEEP_PHOTO, DEEP]) >> 4, {262: 5}),
        "16-bit values is above 4,095",
    ),
    "12 bits in a ppm of 16": (
        b"P6\n24 16\n65535\n" + (DEEP_PHOTO >> 4).astype(">u2").tobytes(),
        "16-bit values is above 4,095",
    ),
    "planes of 16 bits with alpha": (planar_tiff(np.dstack([DEEP_PHOTO, DEEP])), "planes of 16 bits"),
    "no finite float": (tiff(np.full((16, 24), np.nan, np.float32)), "none of its values is a finite number"),
}


@pytest.mark.parametrize("name", LEFT_OUT)
def test_an_image_whose_depth_nobody_knows_is_left_out_by_name_with_the_reason(name: str, tmp_path: Path) -> None:
    content, reason = LEFT_OUT[name]
    path = tmp_path / "photo.img"
    path.write_bytes(content)
    images, (problem,) = inspect_files([Entry(path, "photo.img", "a", None)])
    assert not images
    assert problem.path == "photo.img"
    assert reason in problem.problem
    with pytest.raises(SetupError, match=r"photo\.img' cannot be read: ") as refused:
        decode_image(path)
    assert reason.removeprefix("unknown depth") in str(refused.value)
    assert "save it with 8 bits" in problem.problem or "finite" in reason


def test_a_kind_of_tiff_that_pillow_does_not_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "photo.tif"
    path.write_bytes(tiff(PHOTO.astype(np.float32)))
    _, (problem,) = inspect_files([Entry(path, "photo.tif", "a", None)])
    assert problem.problem.startswith(
        "unsupported: it is a TIFF: its channels, bits or compression are not supported"
    )
    with pytest.raises(SetupError, match="it is a TIFF: its channels, bits or compression are not supported"):
        decode_image(path)


def test_integers_in_memory_have_no_known_depth() -> None:
    with pytest.raises(SetupError, match="image in memory cannot be read: nothing states the depth of its integers"):
        decode_image(Image.fromarray(DEEP.astype(np.int32)))
    check_pixels(decode_image(Image.fromarray(DEEP)), by_range(DEEP, 0, 65535))


OTHER_FILES: dict[str, tuple[bytes, str]] = {
    "floats of 64 bits": (tiff(FLOATS.astype(np.float64)), "unsupported: it is a TIFF: its channels, bits"),
    "grey with alpha of 16 bits": (tiff(np.stack([DEEP, DEEP], axis=-1)), "unsupported: it is a TIFF"),
    "colour of floats": (tiff(PHOTO.astype(np.float32)), "unsupported: it is a TIFF"),
    "phone": (b"\0\0\0\x18ftypheic" + bytes(99), "unsupported: it is a HEIC file"),
    "film": (b"\0\0\0\x18ftypmp42" + bytes(99), "unsupported: it is a video"),
    "jpeg 2000": (b"\0\0\0\x0cjP  \r\n" + bytes(99), "unsupported: it is a JPEG 2000 file"),
    "drawing": (b'<?xml version="1.0"?><svg/>', "unsupported: it is an SVG drawing"),
    "scan of a hospital": (bytes(128) + b"DICM" + bytes(99), "unsupported: it is a DICOM file"),
    "answer of a server": (b"\n<!DOCTYPE HTML><html>404", "unreadable: it is a web page"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\n", "unreadable: it is a Git LFS pointer"),
    "archive": (b"PK\3\4" + bytes(99), "unreadable: it is a ZIP archive"),
    "noise": (b"no image", "unreadable: no image in it, or one of a kind that is not read"),
}


@pytest.mark.parametrize("name", OTHER_FILES)
def test_a_file_that_is_something_else_than_its_suffix_says_is_named_as_what_it_is(name: str, tmp_path: Path) -> None:
    content, reason = OTHER_FILES[name]
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    _, (problem,) = inspect_files([Entry(path, "photo.jpg", "a", None)])
    assert problem.problem.startswith(reason)
    assert check_header(content, "photo.jpg") == problem.problem


def test_the_preview_in_a_cameras_raw_file_is_not_taken_for_the_photo(tmp_path: Path) -> None:
    path = tmp_path / "photo.NEF"
    path.write_bytes(tiff(PHOTO))
    _, (problem,) = inspect_files([Entry(path, "photo.NEF", "a", None)])
    assert problem.problem.startswith("unsupported: .nef files cannot be read")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_an_orientation_in_xmp_alone_turns_the_photo_and_its_size(kind: str) -> None:
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", xmp.decode())
    options: dict[str, Any] = {"pnginfo": text} if kind == "PNG" else {"xmp": xmp, "quality": 95}
    content = saved(Image.fromarray(PHOTO), kind, **options)
    with open_undecoded(content) as image:
        assert upright_size(image) == (16, 24) == decode(content).size


def with_frames(kind: str, frames: Sequence[NDArray[np.uint8]]) -> bytes:
    first, *others = [Image.fromarray(frame) for frame in frames]
    return saved(first, kind, save_all=True, append_images=others, **({"lossless": True} if kind == "WEBP" else {}))


@pytest.mark.parametrize("kind", ["WEBP", "PNG", "TIFF", "GIF"])
def test_of_several_frames_the_first_counts(kind: str) -> None:
    flat = [np.full((16, 24, 3), level, np.uint8) for level in (40, 200, 90)]
    check_pixels(decode(with_frames(kind, flat)), flat[0])


def test_a_gifs_transparent_pixels_are_white() -> None:
    image = Image.fromarray(INDEX, "P")
    image.putpalette(COLOURS.tobytes())
    wanted = np.where((INDEX == 2)[..., None], 255, COLOURS[INDEX])
    check_pixels(decode(saved(image, "GIF", transparency=2)), wanted, 0)


def test_colour_models_of_print_and_of_perception() -> None:
    cyan = Image.merge("CMYK", [Image.new("L", (16, 16), level) for level in (255, 0, 0, 51)])
    for kind in ("JPEG", "TIFF"):
        check_pixels(decode(saved(cyan, kind)), np.full((16, 16, 3), [0, 204, 204]), 3)
    check_pixels(decode_image(Image.new("HSV", (8, 8), (0, 255, 255))), np.full((8, 8, 3), [255, 0, 0]), 1)
    grey = Image.merge("LAB", [Image.new("L", (16, 16), level) for level in (137, 128, 128)])  # L* 53.7 is sRGB 128
    check_pixels(decode(saved(grey, "TIFF")), np.full((16, 16, 3), 128), 2)


def test_a_colour_profile_changes_no_pixel() -> None:
    plain = saved(Image.fromarray(PHOTO), "PNG")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()  # any but sRGB
    assert decode(saved(Image.fromarray(PHOTO), "PNG", icc_profile=profile)).tobytes() == decode(plain).tobytes()
    assert (
        decode(saved(Image.fromarray(PHOTO), "PNG", icc_profile=b"no profile")).tobytes() == decode(plain).tobytes()
    )


def test_ordinary_photos_keep_every_bit() -> None:
    """Stored embeddings are of these pixels."""
    for kind in ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "PPM"):
        content = saved(Image.fromarray(PHOTO), kind)
        assert decode(content).tobytes() == Image.open(io.BytesIO(content)).convert("RGB").tobytes()
