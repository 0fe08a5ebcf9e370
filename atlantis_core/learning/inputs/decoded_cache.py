"""Keep decoded images in memory, so that images drawn repeatedly are decoded once while there is room."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.learning.inputs.preprocessing import decode_image

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from atlantis_core.learning.inputs.activation_cache import IdentifiedImage

MAX_BYTES = 2 * 2**30
"""Images up to this size in total are cached; the others are decoded at every draw."""

_MARGIN = 2
"""Images are cached at this many times the input's side, so that a crop of a quarter still has enough pixels."""


class DecodedImageCache:
    """Images by position, no larger than a training needs, in `max_bytes`; safe to share between threads."""

    def __init__(self, images: Sequence[IdentifiedImage], side_px: int, max_bytes: int = MAX_BYTES) -> None:
        self.ids = [image.id for image in images]
        self._paths = [image.path for image in images]
        self._short_px = _MARGIN * side_px
        self._room = max_bytes
        self._held: dict[int, NDArray[np.uint8]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, number: int) -> Image:
        """Return one image as RGB.

        Raises:
            SetupError: The image cannot be read.
        """
        from PIL import Image

        held = self._held.get(number)
        if held is not None:
            return Image.fromarray(held)
        image = decode_image(self._paths[number])
        factor = self._short_px / min(image.size)
        if factor < 1:
            width, height = (max(1, round(side * factor)) for side in image.size)
            image = image.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=3.0)
        pixels = np.asarray(image)
        with self._lock:
            if number not in self._held and pixels.nbytes <= self._room:
                self._held[number] = pixels
                self._room -= pixels.nbytes
        return image
