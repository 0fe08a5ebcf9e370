"""Opening and decoding images, for all parts alike: the readable formats, the limits, and one error for the rest.

What the pixels mean is in `data.pixels`. Whatever `data.inspection` accepts is read later, since it decodes here too.
"""

from __future__ import annotations

import io
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from atlantis_core.base.errors import SetupError, ToolError
from atlantis_core.data.file_formats import name_format, read_start
from atlantis_core.data.pixels import (
    DECODE_ERRORS,
    UnknownDepth,
    find_turn,
    is_mapped_sideways,
    read_deep_planes,
    to_upright_rgb,
)

if TYPE_CHECKING:
    from PIL.Image import Image

_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "AVIF")

MAX_BYTES = 256 * 1024 * 1024
"""Larger files are not read."""
MOST_PIXELS = 64_000_000
"""Larger images are refused as decompression bombs: a small file may unpack to more than fits in memory."""

_TOO_LARGE = f"it has more than {MOST_PIXELS // 10**6} million pixels; make it smaller"
_LONGEST_REASON = 200

_TURNING = {"exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif"}
"""What Pillow reads an orientation from."""

_ABOUT_THE_FILE = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)
_QUIET: tuple[Any, ...] = ("ignore", None, Warning, re.compile(r"PIL\."), 0)
"""The filter of Pillow's warnings, as `warnings.filters` lists it: they are about odd metadata, or bombs."""


class UnreadableImage(OSError):  # noqa: N818 (no suffix needed)
    """The content of a file is not an image that can be used; the message says why.

    It is an `OSError` like those of files that are missing, so that whoever reads images catches both at once.
    """

    def __init__(
        self,
        kind: Literal["not an image", "unsupported", "huge", "unknown depth", "truncated", "unreadable"],
        reason: str,
    ) -> None:
        super().__init__(reason)
        self.kind = kind


@cache
def readable_formats() -> tuple[str, ...]:
    """Return the allowed formats that this build of Pillow can read (AVIF and WebP are optional).

    No other format is tried, whatever the source of a file: Pillow would start Ghostscript to read EPS.
    """
    from PIL import Image as Pillow

    Pillow.init()
    return tuple(name for name in _FORMATS if name in Pillow.OPEN)


@contextmanager
def open_undecoded(source: str | Path | bytes) -> Iterator[Image]:
    """Open an image file, or its content; only the header is read until the pixels are used.

    Raises:
        UnreadableImage: It is not an image, too large or damaged, as found on opening or in the caller's block.
        OSError: There is no such file, or it may not be read.
    """
    from PIL import Image as Pillow

    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    with _as_unreadable(source), Pillow.open(stream, formats=readable_formats()) as file:
        _check_size(file)
        yield file


def decode(source: str | Path | bytes | Image, least_px: int = 0) -> Image:
    """Decode an image file, its content or a PIL image as upright RGB on white; see `data.pixels`.

    A large JPEG is decoded at about `least_px` a side, which is several times faster; 0 decodes it in full.

    Raises:
        UnreadableImage: It is not an image, too large or damaged.
        OSError: There is no such file, or it may not be read.
    """
    if isinstance(source, str | Path | bytes):
        # Its content, as in the look at a collection: from a path, Pillow exchanges the sides of some turned TIFFs.
        with open_undecoded(source if isinstance(source, bytes) else read_bytes(source)) as image:
            if least_px:
                image.draft("RGB", (least_px, least_px))
            return to_upright_rgb(image)
    path = getattr(source, "filename", "")
    if path and is_mapped_sideways(source) and source.tell() == 0:
        return decode(path)
    with _as_unreadable():
        _check_size(source)
        if source.format == "TIFF":
            read_deep_planes(source)
            source.load()  # Pillow turns it; the caller's object keeps its EXIF block
        return to_upright_rgb(source)


def read_bytes(path: str | Path) -> bytes:
    """Return the content of a file of at most `MAX_BYTES`.

    Raises:
        UnreadableImage: It is larger.
        OSError: There is no such file, or it may not be read.
    """
    with open(path, "rb") as file:  # noqa: PTH123 (a path per photo takes longer than opening it)
        if (size := os.fstat(file.fileno()).st_size) > MAX_BYTES:
            raise UnreadableImage("huge", f"{size:,} bytes (limit {MAX_BYTES:,})")
        return file.read()


def open_image(path: str, least_px: int = 0) -> Image:
    """Decode an image file as upright RGB; see `decode`.

    Raises:
        ToolError: The file cannot be read.
        SetupError: The file is gone; a person must put it back.
    """
    try:
        return decode(path, least_px)
    except FileNotFoundError as error:
        raise SetupError(f"image {path!r} is gone; put the collection back where it was and resume") from error
    except OSError as error:
        raise ToolError(f"image {path!r} cannot be read ({error}); leave it out or choose another") from error


def upright_size(image: Image) -> tuple[int, int]:
    """Return width and height of an undecoded image as they are when it is upright."""
    width, height = image.size
    if image.format == "TIFF" or not _TURNING & image.info.keys():  # Pillow has turned a TIFF's size
        return width, height
    is_turned = str(getattr(find_turn(image), "name", "")) in {"ROTATE_90", "ROTATE_270", "TRANSPOSE", "TRANSVERSE"}
    return (height, width) if is_turned else (width, height)


def _check_size(image: Image) -> None:
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise UnreadableImage("huge", _TOO_LARGE)


@contextmanager
def _as_unreadable(source: str | Path | bytes = b"") -> Iterator[None]:
    """Raise whatever Pillow raises about an image's content as `UnreadableImage`, and silence its warnings.

    The filter stays: `warnings.catch_warnings` affects the process, so threads would undo each other's.
    """
    from PIL import Image as Pillow
    from PIL import UnidentifiedImageError

    if _QUIET not in warnings.filters:
        warnings.filterwarnings("ignore", module=_QUIET[3].pattern)
    try:
        yield
    except (*_ABOUT_THE_FILE, UnreadableImage):
        raise
    except Pillow.DecompressionBombError as error:  # Pillow's own limit is higher
        raise UnreadableImage("huge", _TOO_LARGE) from error
    except UnidentifiedImageError as error:
        found = name_format(source if isinstance(source, bytes) else read_start(source))
        raise UnreadableImage(
            *(found or ("not an image", "it is not an image, or of a kind that is not read"))
        ) from error
    except UnknownDepth as error:
        raise UnreadableImage("unknown depth", str(error)) from error
    except DECODE_ERRORS as error:
        is_cut = "truncated" in str(error).lower() or isinstance(error, EOFError)
        reason = " ".join(str(error).split())[:_LONGEST_REASON] or type(error).__name__
        raise UnreadableImage("truncated" if is_cut else "unreadable", reason) from error
