"""Opening images: the readable formats, and pixels as upright RGB, for all parts alike."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING

from atlantis_core.base.errors import SetupError, ToolError

if TYPE_CHECKING:
    from PIL.Image import Image

_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "AVIF")

MOST_PIXELS = 64_000_000
"""Larger images are refused as decompression bombs: a small file may unpack to more than fits in memory."""

# Raised by Pillow's readers on damaged files, as found in its sources and by fuzzing.
DECODE_ERRORS = (
    *(OSError, SyntaxError, ValueError, EOFError, OverflowError, TypeError, IndexError, KeyError),
    *(RuntimeError, MemoryError, struct.error, zlib.error),
)


@cache
def readable_formats() -> tuple[str, ...]:
    """Return the allowed formats that this build of Pillow can read (AVIF and WebP are optional).

    No other format is tried, whatever the source of a file: Pillow would start Ghostscript to read EPS.
    """
    from PIL import Image as Pillow

    Pillow.init()
    return tuple(name for name in _FORMATS if name in Pillow.OPEN)


@contextmanager
def open_undecoded(source: str | Path | IO[bytes]) -> Iterator[Image]:
    """Open an image file of a readable format; only its header is read until its pixels are used.

    Raises:
        OSError: The file is missing or not an image (`PIL.UnidentifiedImageError` is an `OSError`).
    """
    from PIL import Image as Pillow

    with Pillow.open(source, formats=readable_formats()) as file:
        yield file


def open_image(path: str, least_px: int = 0) -> Image:
    """Decode an image as upright RGB; see `to_upright_rgb`.

    A large JPEG is decoded at about `least_px` a side, which is several times faster; 0 decodes it in full.

    Raises:
        ToolError: The file cannot be read.
        SetupError: The file is gone; a person must put it back.
    """
    try:
        with open_undecoded(path) as file:
            if least_px:
                file.draft("RGB", (least_px, least_px))
            return to_upright_rgb(file)
    except FileNotFoundError as error:
        raise SetupError(f"image {path!r} is gone; put the collection back where it was and resume") from error
    except (OSError, ValueError) as error:
        raise ToolError(f"image {path!r} cannot be read ({error}); leave it out or choose another") from error


@contextmanager
def pillow_warning_filter() -> Iterator[None]:
    """Turn Pillow's bomb warning into an error and silence its warnings about odd EXIF blocks.

    Enter it once around a thread pool: `catch_warnings` affects the process, not the thread.
    """
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def is_huge(image: Image) -> bool:
    """Whether an image has more than `MOST_PIXELS` according to its header; no pixel is decoded."""
    width, height = image.size
    return width * height > MOST_PIXELS


def to_upright_rgb(image: Image) -> Image:
    """Apply the EXIF orientation, and put transparent images on white.

    Invisible pixels are often black or contain what was cut away; models must not see them either.
    """
    from PIL import Image as Pillow
    from PIL import ImageOps

    upright = ImageOps.exif_transpose(image)
    if not upright.has_transparency_data:
        return upright.convert("RGB")
    coloured = upright.convert("RGBA")
    paper = Pillow.new("RGBA", coloured.size, "white")
    return Pillow.alpha_composite(paper, coloured).convert("RGB")
