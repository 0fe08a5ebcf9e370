"""Opening one photo to work on its pixels: for all parts the same formats, and the same upright RGB."""

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
"""Larger pictures are taken for decompression bombs: a small file can unpack to far more than the memory holds."""

# What Pillow's readers raise on damaged files, gathered from its sources and by feeding them damaged files.
DECODE_ERRORS = (
    *(OSError, SyntaxError, ValueError, EOFError, OverflowError, TypeError, IndexError, KeyError),
    *(RuntimeError, MemoryError, struct.error, zlib.error),
)


@cache
def readable_formats() -> tuple[str, ...]:
    """Return the formats that are read, of those that this Pillow was built with; AVIF and WebP are optional.

    Whoever's file it is, nothing else is tried: Pillow would read EPS by starting Ghostscript.
    """
    from PIL import Image as Pillow

    Pillow.init()
    return tuple(name for name in _FORMATS if name in Pillow.OPEN)


@contextmanager
def open_undecoded(source: str | Path | IO[bytes]) -> Iterator[Image]:
    """Open an image file of a readable format; only its header is read until its pixels are used.

    Raises:
        OSError: The file is missing, or no image (`PIL.UnidentifiedImageError` is one).
    """
    from PIL import Image as Pillow

    with Pillow.open(source, formats=readable_formats()) as file:
        yield file


def open_image(path: str, least_px: int = 0) -> Image:
    """Decode a photo as RGB, upright; see `to_upright_rgb`.

    Args:
        path: The file.
        least_px: Where no more than so many pixels a side are needed, a large JPEG is decoded at about that size,
            which is several times faster; 0 decodes it whole.

    Raises:
        ToolError: It cannot be read.
        SetupError: It is gone; a person must put it back.
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
    """Make Pillow's bomb warning an error and its remarks on odd EXIF blocks nothing.

    Enter it once around a pool of threads: `catch_warnings` changes the process, not the thread.
    """
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def is_huge(picture: Image) -> bool:
    """Whether a picture has more than `MOST_PIXELS`, as its first bytes say; no pixel is decoded."""
    width, height = picture.size
    return width * height > MOST_PIXELS


def to_upright_rgb(picture: Image) -> Image:
    """Turn a picture as its EXIF says, and lay it on white paper where it is transparent.

    What a pixel holds that nobody sees is often black, or what was cut away: models must not see it either.
    """
    from PIL import Image as Pillow
    from PIL import ImageOps

    upright = ImageOps.exif_transpose(picture)
    if not upright.has_transparency_data:
        return upright.convert("RGB")
    coloured = upright.convert("RGBA")
    paper = Pillow.new("RGBA", coloured.size, "white")
    return Pillow.alpha_composite(paper, coloured).convert("RGB")
