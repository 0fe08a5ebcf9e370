"""Image sizes, read from file headers without decoding a pixel."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from atlantis_core.base.errors import SetupError
from atlantis_core.data.image_io import open_undecoded

if TYPE_CHECKING:
    from atlantis_core.records import LabelledImage


@dataclass(frozen=True, slots=True)
class Spread:
    """Smallest, median and largest value."""

    least: float
    median: float
    most: float


@dataclass(frozen=True, slots=True)
class ImageSizes:
    """Spread of the image sizes."""

    width_px: Spread
    height_px: Spread


def image_sizes(images: Iterable[LabelledImage]) -> ImageSizes | None:
    """Return the spread of widths and heights; None without images.

    Raises:
        SetupError: A file is missing or no longer an image.
    """
    sizes = [_size(image.path) for image in images]
    if not sizes:
        return None
    return ImageSizes(_spread([width for width, _ in sizes]), _spread([height for _, height in sizes]))


def _size(path: str) -> tuple[int, int]:
    try:
        with open_undecoded(path) as image:
            return image.size
    except OSError as error:
        raise SetupError(f"cannot read image {path!r} ({error}); read the collection again") from error


def _spread(values: list[int]) -> Spread:
    return Spread(float(min(values)), float(median(values)), float(max(values)))
