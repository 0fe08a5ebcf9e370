"""Image sizes: what a model generates and what is saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

_MULTIPLE = 8  # autoencoders halve an image three times


def fit_to_model(image: Image, side_px: int) -> Image:
    """Resize a source image to the model's short side, with both sides multiples of 8."""
    from PIL.Image import Resampling

    scale = side_px / min(image.size)
    width, height = (max(_MULTIPLE, round(side * scale / _MULTIPLE) * _MULTIPLE) for side in image.size)
    return image.resize((width, height), Resampling.LANCZOS)


def shrink(image: Image, side_px: int) -> Image:
    """Shrink an image to a short side of `side_px`; 0, or a smaller image, changes nothing."""
    from PIL.Image import Resampling

    short = min(image.size)
    if not side_px or short <= side_px:
        return image
    width, height = (max(1, round(side * side_px / short)) for side in image.size)
    return image.resize((width, height), Resampling.LANCZOS)
