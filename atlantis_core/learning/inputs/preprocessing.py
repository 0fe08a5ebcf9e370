"""Turn an image file into the normalised square that a backbone reads, alike for training, cache and embedding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.base.errors import SetupError
from atlantis_core.base.text import to_one_line
from atlantis_core.data.image_io import decode
from atlantis_core.learning.models.timm_config import input_facts

if TYPE_CHECKING:
    from PIL.Image import Image, Resampling
    from torch import Tensor

    from atlantis_core.learning.models.backbones import BackboneSpec

VERSION = 1
"""Raise it whenever the same file would give other pixels: it is part of the hash of cached activations. Differences
between backbones are in `BackboneSpec.fingerprint`."""

_MAX_ASPECT = 16


def decode_image(source: str | Path | bytes | Image, name: str = "") -> Image:
    """Decode a path, the content of a file or a PIL image to upright RGB on white; see `data.pixels`.

    Errors call the image `name`, or by its path.

    Raises:
        SetupError: The file is missing, damaged, too large or not an image, or `source` has another type.
    """
    from PIL import Image

    if not isinstance(source, str | Path | bytes | Image.Image):
        raise SetupError(f"{to_one_line(source)} is neither the path of an image (str or Path) nor a PIL image")
    try:
        return decode(source)
    except OSError as error:
        label = repr(name or str(source)) if name or isinstance(source, str | Path) else "in memory"
        raise SetupError(f"image {label} cannot be read: {error.strerror or error}") from error


def centre_crop(image: Image, side_px: int) -> Image:
    """Return the central square of an image, scaled to `side_px` (bicubic, antialiased).

    This is version 1 of the preprocessing; see `to_input`.
    """
    from PIL.Image import Resampling

    if image.size == (side_px, side_px):
        return image
    width, height = image.size
    short = min(width, height)
    left, top = (width - short) // 2, (height - short) // 2  # integers: half a pixel would blur the image
    box = (left, top, left + short, top + short)
    return image.resize((side_px, side_px), Resampling.BICUBIC, box=box)


def to_input(image: Image, side_px: int, backbone: BackboneSpec) -> Image:
    """Return the square of `side_px` that a backbone reads of an image.

    From version 2 on, this is timm's evaluation transform (`timm.data.create_transform`) without the normalisation.
    """
    if backbone.preprocessing == 1:
        return centre_crop(image, side_px)
    scale, crop = _timm_steps(side_px, backbone)
    return crop(scale(_limit_aspect(image)))


def around_input(changed: Image, image: Image, backbone: BackboneSpec) -> Image:
    """Return an image for which `to_input` gives `changed`, so that an attacked input can be saved as an image.

    The original fills the margin that the backbone crops away. If the backbone pads instead, changes outside the
    image are lost.
    """
    if backbone.preprocessing == 1:
        return changed
    scale, _ = _timm_steps(changed.width, backbone)
    scaled = scale(_limit_aspect(image)).copy()
    left, top = (round((length - changed.width) / 2) for length in scaled.size)
    scaled.paste(changed, (left, top))
    return scaled


def _timm_steps(side_px: int, backbone: BackboneSpec) -> tuple[Callable[[Image], Image], Callable[[Image], Image]]:
    return _steps(side_px, backbone.interpolation, backbone.crop_pct, backbone.crop_mode, backbone.mean)


@lru_cache(maxsize=32)
def _steps(
    side_px: int, interpolation: str, crop_pct: float, crop_mode: str, mean: tuple[float, float, float]
) -> tuple[Callable[[Image], Image], Callable[[Image], Image]]:
    from timm.data import create_transform

    transform = create_transform(
        side_px, interpolation=interpolation, crop_pct=crop_pct, crop_mode=crop_mode, mean=mean, normalize=False
    )
    scale, crop, _ = transform.transforms  # the last one makes a tensor
    return scale, crop


def _limit_aspect(image: Image) -> Image:
    """Crop an image to an aspect ratio of at most `_MAX_ASPECT`, since timm would enlarge all of a thin strip."""
    width, height = image.size
    most = _MAX_ASPECT * min(width, height)
    if max(width, height) <= most:
        return image
    across, down = min(width, most), min(height, most)
    left, top = (width - across) // 2, (height - down) // 2
    return image.crop((left, top, left + across, top + down))


def resampling(backbone: BackboneSpec) -> Resampling:
    """Return Pillow's filter for a backbone's interpolation; augmented views, which skip `to_input`, need it."""
    from PIL.Image import Resampling

    return Resampling[backbone.interpolation.upper()]


def to_batch(images: Sequence[Image], backbone: BackboneSpec) -> Tensor:
    """Stack N images of one size into a normalised float32 tensor (N, 3, S, S)."""
    import torch

    pixels = np.stack([np.asarray(image, dtype=np.uint8) for image in images])
    batch = torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div_(255)
    mean = torch.tensor(backbone.mean).view(1, 3, 1, 1)
    std = torch.tensor(backbone.std).view(1, 3, 1, 1)
    return batch.sub_(mean).div_(std).contiguous()


def earlier_preprocessing(backbone: BackboneSpec) -> str:
    """Say that a timm model still uses version 1 of the preprocessing; empty if it does not.

    It does not apply to weights from a file, whose description decides, nor to the small transformer from scratch,
    which has no published settings.
    """
    if backbone.preprocessing > 1 or backbone.source == "file" or backbone.pinned_name == "scratch":
        return ""
    facts = input_facts(backbone.architecture)
    crop = f"{facts['interpolation']}, crop_pct {facts['crop_pct']:g}, crop_mode {facts['crop_mode']}"
    return (
        "Images are prepared as when this model was made (the central square, bicubic), not with timm's settings of "
        f"{backbone.architecture} ({crop}); train again to use timm's"
    )
