"""From a picture file to the normalised square a trunk reads: one way for training, cache and embedding."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.base.errors import SetupError
from atlantis_core.base.text import to_one_line
from atlantis_core.data.image_io import DECODE_ERRORS, MOST_PIXELS, is_huge, readable_formats, to_upright_rgb

if TYPE_CHECKING:
    from PIL.Image import Image, Resampling
    from torch import Tensor

    from atlantis_core.learning.models.backbones import BackboneSpec

VERSION = 1
"""Raise it whenever the same file would give other pixels: cached activations are keyed by it. What differs between
backbones is in `Backbone.fingerprint`."""

_LARGEST_ASPECT = 16


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
    """Return the centred square of a picture, its shorter side scaled to `side_px` (bicubic, antialiased).

    This is version 1 of the preprocessing; see `to_input`.
    """
    from PIL.Image import Resampling

    if picture.size == (side_px, side_px):
        return picture
    width, height = picture.size
    short = min(width, height)
    left, top = (width - short) // 2, (height - short) // 2  # whole pixels: half of one would blur the picture
    box = (left, top, left + short, top + short)
    return picture.resize((side_px, side_px), Resampling.BICUBIC, box=box)


def to_input(picture: Image, side_px: int, backbone: BackboneSpec) -> Image:
    """Return the square of `side_px` that a backbone reads of a picture.

    From version 2 on this is `timm.data.create_transform` for evaluation, up to the normalisation.
    """
    if backbone.preprocessing == 1:
        return centre_crop(picture, side_px)
    scale, crop = _timm_steps(side_px, backbone)
    return crop(scale(_without_far_ends(picture)))


def around_input(changed: Image, picture: Image, backbone: BackboneSpec) -> Image:
    """Return a picture whose input is `changed`, a square that was made of the input of another.

    Args:
        changed: Square of the input's side.
        picture: What surrounds it, where a backbone's crop leaves a margin. Where it pads instead, what was changed
            outside the picture is lost.
        backbone: Whose input.
    """
    if backbone.preprocessing == 1:
        return changed
    scale, _ = _timm_steps(changed.width, backbone)
    scaled = scale(_without_far_ends(picture)).copy()
    left, top = (round((length - changed.width) / 2) for length in scaled.size)
    scaled.paste(changed, (left, top))
    return scaled


def _timm_steps(side_px: int, backbone: BackboneSpec) -> tuple[Callable[[Image], Image], Callable[[Image], Image]]:
    """Return how timm scales a picture and what it crops of that."""
    return _steps(side_px, backbone.interpolation, backbone.crop_pct, backbone.crop_mode, backbone.mean)


@lru_cache(maxsize=32)
def _steps(
    side_px: int, interpolation: str, crop_pct: float, crop_mode: str, mean: tuple[float, float, float]
) -> tuple[Callable[[Image], Image], Callable[[Image], Image]]:
    from timm.data import create_transform

    whole = create_transform(
        side_px, interpolation=interpolation, crop_pct=crop_pct, crop_mode=crop_mode, mean=mean, normalize=False
    )
    scale, crop, _ = whole.transforms  # the last one makes a tensor
    return scale, crop


def _without_far_ends(picture: Image) -> Image:
    """Cut a picture to an aspect of at most `_LARGEST_ASPECT`: timm would scale a thread of pixels up as a whole."""
    width, height = picture.size
    most = _LARGEST_ASPECT * min(width, height)
    if max(width, height) <= most:
        return picture
    across, down = min(width, most), min(height, most)
    left, top = (width - across) // 2, (height - down) // 2
    return picture.crop((left, top, left + across, top + down))


def resampling(backbone: BackboneSpec) -> Resampling:
    """Return Pillow's filter of a backbone's interpolation, for views that are cut by other rules than `to_input`."""
    from PIL.Image import Resampling

    return Resampling[backbone.interpolation.upper()]


def to_batch(pictures: Sequence[Image], backbone: BackboneSpec) -> Tensor:
    """Stack N pictures of one size as a normalised float32 tensor (N, 3, S, S)."""
    import torch

    pixels = np.stack([np.asarray(picture, dtype=np.uint8) for picture in pictures])
    batch = torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div_(255)
    mean = torch.tensor(backbone.mean).view(1, 3, 1, 1)
    std = torch.tensor(backbone.std).view(1, 3, 1, 1)
    return batch.sub_(mean).div_(std).contiguous()
