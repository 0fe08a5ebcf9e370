"""The one meaning of an image's pixels: upright, on white, 8 bit RGB.

What is decided here, for every part alike (`data.image_io` decodes files with it):

- The EXIF orientation is applied if it can be read, whatever else is wrong with the EXIF block.
- Transparent pixels are white paper: what lies under them was cut away. The alpha channel of a BMP does not count if
  all of it is 0.
- Integers of more than 8 bits are scaled by their depth: the high byte counts, as in Pillow's own 16-bit colour. If
  all of them fit into 8 bits (or, of 32, into 16), that is their depth. Values that fill less than a sixteenth of it,
  such as 12 bits stored as 16, have a depth that nobody states: the image is refused, since it would be nearly black.
- Floating-point values are 8-bit values if all are (0 to 255, or 0 to 1 in steps of 1/255); else the image's own
  least and greatest value become black and white. Missing values are white: NaN, what a TIFF names as its missing
  value (GDAL), and the least number that single precision has.
- ICC profiles are not applied: the stored values count, as for torchvision and timm.
- Of an animation or a file of several pages, the first frame.

Model cards contain the source of these functions (`exporting.input_snippet`), so they use Pillow and NumPy alone.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

VERSION = 2
"""Raise it whenever an image would get other pixels, and let `is_read_anew` find those."""

# Raised by Pillow's readers on damaged files, as found in its sources and by fuzzing; IndexError, KeyError,
# OverflowError, ZeroDivisionError and UnicodeError are among them by inheritance.
DECODE_ERRORS = (
    *(OSError, SyntaxError, ValueError, EOFError, TypeError, LookupError, ArithmeticError, AttributeError),
    *(
        AssertionError,
        BufferError,
        RuntimeError,
        MemoryError,
        NameError,
        SystemError,
        Warning,
        struct.error,
        zlib.error,
    ),
)


class UnknownDepth(ValueError):  # noqa: N818 (no suffix needed)
    """Nothing says how bright an image's values are."""


def to_upright_rgb(image: Image) -> Image:
    """Return an opened image of any mode as upright RGB on white; of its metadata only an ICC profile is kept.

    An undecoded TIFF loses its EXIF block here: Pillow turns TIFFs while it decodes them, and fails on one odd tag.

    Raises:
        UnknownDepth: The depth of its values cannot be known.
        ValueError: None of its values is finite.
        Exception: One of `DECODE_ERRORS`: the image is damaged.
    """
    raw = find_stored_form(image)
    is_tiff = bool(raw) and image.format == "TIFF"
    turn = find_turn(image) if is_tiff else None
    if is_tiff:
        raw += ";16" * has_deep_planes(image)
        read_deep_planes(image)
        exif = image.getexif()
        for tag in list(exif):
            del exif[tag]
    image.load()
    turn = turn if is_tiff else find_turn(image)
    rgb = _grey_to_rgb(image) if image.mode[0] in "IF" else _colour_to_rgb(image, raw)
    rgb.info = {key: value for key, value in rgb.info.items() if key == "icc_profile"}
    return rgb if turn is None else rgb.transpose(turn)


def find_stored_form(image: Image) -> str:
    """Return how an undecoded image's values are stored, such as `RGB;16B`; empty once it is decoded."""
    tiles = getattr(image, "tile", None) or []
    return str(tiles[0][3]) if tiles else ""


def has_deep_planes(image: Image) -> bool:
    """Whether an undecoded TIFF has uncompressed planes of 16 bits, stored apart; Pillow reads them as 8 bits."""
    file: Any = image
    if image.format != "TIFF" or len(file.tile) < 2 or file.tile[0][0] != "raw":
        return False
    return file.tag_v2.get(258, (8,))[0] == 16 and len(file.tile[0][3][0]) == 1


def read_deep_planes(image: Image) -> None:
    """Tell Pillow how to read such planes, if an undecoded TIFF has them.

    Raises:
        ValueError: There are planes beside red, green and blue, which Pillow cannot read so.
    """
    if not has_deep_planes(image):
        return
    file: Any = image
    if not {tile[3][0] for tile in file.tile} <= set("RGB"):
        raise ValueError("planes of 16 bits with transparency or in CMYK are not supported; save it with 8 bits")
    order = "B" if file.tag_v2.prefix == b"MM" else "L"
    file.tile = [tile._replace(args=(f"{tile[3][0]};16{order}", *tile[3][1:])) for tile in file.tile]


def find_turn(image: Image) -> Any:
    """Return Pillow's `Transpose` that turns an image upright; None without one, or if the EXIF block is damaged."""
    try:
        orientation = read_orientation(image) or scan_orientation(image.info.get("exif", b""))
        if orientation in (None, 1):
            return None
        from PIL.Image import Transpose

        turns: dict[Any, Transpose] = {
            2: Transpose.FLIP_LEFT_RIGHT,
            3: Transpose.ROTATE_180,
            4: Transpose.FLIP_TOP_BOTTOM,
            5: Transpose.TRANSPOSE,
            6: Transpose.ROTATE_270,
            7: Transpose.TRANSVERSE,
            8: Transpose.ROTATE_90,
        }
        return turns.get(orientation)
    except DECODE_ERRORS:
        return None


def read_orientation(image: Image) -> Any:
    """Return the EXIF orientation as Pillow reads it; None if there is none."""
    try:
        exif = image.getexif()
    except DECODE_ERRORS:
        exif = image.getexif()  # what was read before the damage
    return exif.get(0x0112)


def scan_orientation(block: bytes) -> int | None:
    """Return the orientation of an EXIF block, whose reading Pillow gives up at the first value beyond its end."""
    if not block:
        return None
    block = block.removeprefix(b"Exif\0\0")
    order = ">" if block[:2] == b"MM" else "<"
    (start,) = struct.unpack(f"{order}I", block[4:8])
    (count,) = struct.unpack(f"{order}H", block[start : start + 2])
    for entry in range(start + 2, min(start + 2 + 12 * count, len(block) - 9), 12):
        tag, kind, _, value = struct.unpack(f"{order}HHIH", block[entry : entry + 10])
        if tag == 0x0112 and kind == 3:
            return int(value)
    return None


def _colour_to_rgb(image: Image, raw: str) -> Image:
    """Return an image of 8-bit channels as RGB on white; Pillow has taken the high byte of 16-bit ones."""
    from PIL import Image as Pillow

    key = image.info.get("transparency")
    if isinstance(key, int):  # stated in the file's own steps, while Pillow scales the pixels
        image.info["transparency"] = key * (85 if "L;2" in raw else 17 if "L;4" in raw else 1)
    if isinstance(key, tuple) and ";16" in raw:
        image.info["transparency"] = tuple(value >> 8 for value in key)
    # Windows programs write BMPs with an alpha channel that they leave at 0.
    is_unused = image.format == "BMP" and image.mode == "RGBA" and image.getchannel("A").getextrema() == (0, 0)
    if is_unused or not image.has_transparency_data:
        rgb = image.convert("RGB")
    else:
        coloured = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
        paper = Pillow.new("RGBA", coloured.size, "white")
        rgb = Pillow.alpha_composite(paper, coloured).convert("RGB")
    _check_levels(image, raw)
    return rgb


def _check_levels(image: Image, raw: str) -> None:
    """Refuse channels of more than 8 bits that are nearly empty (Pillow kept the high byte), and negative values."""
    if ";16" not in raw and "65535" not in raw and getattr(image, "tag_v2", {}).get(339, (1,))[0] != 2:
        return
    values = np.asarray(image.copy())
    most = int((values[..., :-1] if image.mode.endswith("A") else values).max())
    if ";16" in raw:
        find_depth(max(1, most) << 8 | 0xFF, 16)
    elif "65535" in raw:  # of PPM, rounded
        find_depth(max(0xFFF, most * 257 - 128), 16)
    elif most > 127:
        raise UnknownDepth("it has negative values; save it with 8 bits")


def find_depth(greatest: int, stored_bits: int) -> int:
    """Return the depth in bits of an image's values, given the greatest of them.

    Raises:
        UnknownDepth: It cannot be known.
    """
    if stored_bits < 15:  # packed 12-bit values
        return stored_bits
    depth = min(stored_bits, next(bits for bits in (8, 16, 32) if greatest >> bits == 0))
    if depth > 8 and greatest >> (depth - 4) == 0:
        raise UnknownDepth(f"none of its {depth}-bit values is above {greatest:,}; save it with 8 bits")
    return depth


def _grey_to_rgb(image: Image) -> Image:
    """Return a grey image of 12 to 32 bits, or of floats, as RGB."""
    from PIL import Image as Pillow

    values, tags = np.asarray(image.copy()), getattr(image, "tag_v2", {})  # a copy: a TIFF's size is the turned one
    grey = _scale_floats(values, tags.get(42113)) if image.mode == "F" else _scale_integers(values, image, tags)
    if tags.get(262) == 0:  # a TIFF whose lowest value is white
        grey = 255 - grey
    key = image.info.get("transparency")
    if isinstance(key, int):
        grey = np.where(values == key, 255, grey)
    return Pillow.fromarray(grey.astype(np.uint8)).convert("RGB")


def _scale_integers(values: Any, image: Image, tags: Any) -> Any:
    if image.mode == "I" and not tags and image.format not in ("PNG", "PPM"):
        raise UnknownDepth("nothing states the depth of its integers; save it with 8 bits")
    values, bits = values.astype(np.int64), int(tags.get(258, (16,))[0])
    if tags.get(339, (1,))[0] == 2:  # signed
        bits -= 1
    elif bits == 32:
        values &= 0xFFFFFFFF
    if values.min() < 0:
        raise UnknownDepth("it has negative values; save it with 8 bits")
    return values >> (find_depth(int(values.max()), bits) - 8)


def _scale_floats(values: Any, missing: Any) -> Any:
    """Return values as grey levels; `missing` is a TIFF's own value for what is missing, as text."""
    with np.errstate(invalid="ignore"):  # NaN of any kind
        values = values.astype(np.float64)
    values[values == float(np.finfo(np.float32).min)] = np.nan
    values[np.isclose(values, _to_float(missing), rtol=1e-6, atol=0)] = np.nan
    finite = np.isfinite(values)
    if not finite.any():
        raise ValueError("none of its values is a finite number")
    low, high = values[finite].min(), values[finite].max()
    clipped = np.where(np.isnan(values), high, np.clip(values, low, high))  # infinite ones too
    levels = clipped * 255 if high <= 1 else clipped
    if not (low >= 0 and high <= 255 and np.abs(levels - levels.round()).max() < 1e-3):
        levels = (clipped - low) / ((high - low) or 1) * 255
    return np.where(np.isnan(values), 255, levels.round())


def _to_float(text: Any) -> float:
    try:
        return float(text)
    except (TypeError, ValueError):
        return float("nan")


def is_read_anew(image: Image) -> bool:
    """Whether an undecoded image gives other pixels than in atlantis before `VERSION` 2 of this file."""
    raw = find_stored_form(image)
    is_keyed = "transparency" in image.info and any(form in raw for form in (";16", ";2", ";4"))
    try:
        is_turned = "exif" in image.info and not read_orientation(image) and find_turn(image) is not None
    except DECODE_ERRORS:
        is_turned = False  # before, it was not read at all
    return image.mode[0] in "IF" or is_keyed or is_turned or has_deep_planes(image) or is_mapped_sideways(image)


def is_mapped_sideways(image: Image) -> bool:
    """Whether an undecoded image is a TIFF that Pillow, opening a path, reads with width and height exchanged."""
    file: Any = image
    tags = file.tag_v2 if image.format == "TIFF" and image.mode in ("L", "P", "I;16", "I;16B", "RGBA", "CMYK") else {}
    return tags.get(0x0112) in (5, 6, 7, 8) and bool(file.tile) and file.tile[0][0] == "raw"
