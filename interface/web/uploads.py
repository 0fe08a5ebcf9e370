"""Pictures that people upload: read with limits, and refused in one clear line."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Any

from atlantis_core.data.opening import read_formats, upright_rgb
from atlantis_core.errors import SetupError

if TYPE_CHECKING:
    from PIL.Image import Image

LARGEST_BYTES = 8 * 1024 * 1024
LARGEST_PIXELS = 50_000_000
"""A small file can unpack to far more than the memory holds: its size is read before its pixels are."""


def picture_from(data: bytes, name: str) -> Image:
    """Return an uploaded picture as RGB.

    Args:
        data: The file, whole.
        name: What the person calls it, for the message.

    Raises:
        SetupError: It is no picture, damaged, or too large.
    """
    from PIL import Image, UnidentifiedImageError

    if not data:
        raise SetupError(f"{name!r:.80} is empty; choose a picture")
    if len(data) > LARGEST_BYTES:
        raise SetupError(f"{name!r:.80} is larger than {LARGEST_BYTES // 2**20} MB; make it smaller")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(data), formats=read_formats())
            _check_size(picture, name)
            return upright_rgb(picture)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise SetupError(f"{name!r:.80} is no picture that can be read ({type(error).__name__})") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise SetupError(_too_many(name)) from error


def _check_size(picture: Any, name: str) -> None:
    width, height = picture.size
    if width * height > LARGEST_PIXELS:
        raise SetupError(_too_many(name))


def _too_many(name: str) -> str:
    return f"{name!r:.80} has more than {LARGEST_PIXELS // 1_000_000} million pixels; make it smaller"
