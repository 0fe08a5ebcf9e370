"""From a picture file to the normalised square a trunk reads: one way for training, cache and embedding."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.base.errors import SetupError
from atlantis_core.base.text import to_one_line
from atlantis_core.data.image_io import DECODE_ERRORS, MOST_PIXELS, is_huge, readable_formats, to_upright_rgb

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from atlantis_core.learning.models.backbones import BackboneSpec

VERSION = 1
"""Raise it whenever the same file would give other pixels: cached activations are keyed by it."""


def decode_image(source: str | Path | bytes | Image, name: str = "") -> Image:
    """Decode a picture to upright RGB; transparent pixels become white.

    Args:
        source: A file, its content, or a picture.
        name: What a person calls it; empty takes the path.

    Raises:
        SetupError: The file is missing, damaged, huge or no picture, or `source` is nothing of the three.
    """
    from PIL import Image, UnidentifiedImageError

    _check_kind(source)
    try:
        if isinstance(source, Image.Image):
            return to_upright_rgb(source)
        file = io.BytesIO(source) if isinstance(source, bytes) else source
        with Image.open(file, formats=readable_formats()) as picture:
            if is_huge(picture):
                raise Image.DecompressionBombError
            return to_upright_rgb(picture)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:  # Pillow's limits are higher
        raise _unreadable_error(
            source, name, f"more than {MOST_PIXELS // 10**6} million pixels; make it smaller"
        ) from error
    except UnidentifiedImageError as error:
        raise _unreadable_error(source, name, "it is no picture") from error
    except DECODE_ERRORS as error:
        raise _unreadable_error(source, name, str(error) or type(error).__name__) from error


def _unreadable_error(source: object, name: str, reason: str) -> SetupError:
    called = repr(name or str(source)) if name or isinstance(source, str | Path) else "in memory"
    return SetupError(f"image {called} cannot be read: {reason}")


def _check_kind(source: object) -> None:
    from PIL import Image

    if not isinstance(source, str | Path | bytes | Image.Image):
        raise SetupError(f"{to_one_line(source)} is neither the path of an image (str or Path) nor a PIL image")


def centre_crop(picture: Image, side_px: int) -> Image:
    """Return the centred square of a picture, its shorter side scaled to `side_px` (bicubic, antialiased)."""
    from PIL.Image import Resampling

    if picture.size == (side_px, side_px):
        return picture
    width, height = picture.size
    short = min(width, height)
    left, top = (width - short) // 2, (height - short) // 2  # whole pixels: half of one would blur the picture
    box = (left, top, left + short, top + short)
    return picture.resize((side_px, side_px), Resampling.BICUBIC, box=box)


def to_batch(pictures: Sequence[Image], backbone: BackboneSpec) -> Tensor:
    """Stack N pictures of one size as a normalised float32 tensor (N, 3, S, S)."""
    import torch

    pixels = np.stack([np.asarray(picture, dtype=np.uint8) for picture in pictures])
    batch = torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div_(255)
    mean = torch.tensor(backbone.mean).view(1, 3, 1, 1)
    std = torch.tensor(backbone.std).view(1, 3, 1, 1)
    return batch.sub_(mean).div_(std).contiguous()
