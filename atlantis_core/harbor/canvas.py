"""A supersampled image to paint polygons on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

SIDE_PX = 64
"""Side of a finished image."""

OVERSAMPLING = 3
"""Drawn pixels per finished pixel along each axis; enough for smooth edges."""

DRAWN_PX = SIDE_PX * OVERSAMPLING
"""Side of the image before it is reduced."""

Colour = tuple[int, int, int]


class Canvas:
    """A square image in drawn pixels; the origin is the upper left corner."""

    def __init__(self, background: npt.NDArray[np.float64]) -> None:
        """Fill the canvas row by row.

        Args:
            background: Colour of each drawn row, `DRAWN_PX` x 3, 0 to 255.
        """
        rows = np.clip(background + 0.5, 0, 255).astype(np.uint8)[:, None, :]
        self._image = Image.fromarray(np.repeat(rows, DRAWN_PX, axis=1))
        self._draw = ImageDraw.Draw(self._image)

    def polygon(self, points: Sequence[tuple[float, float]], colour: Colour) -> None:
        """Fill a polygon with corners in drawn pixels."""
        self._draw.polygon(points, fill=colour)

    def disc(self, x: float, y: float, radius_px: float, colour: Colour) -> None:
        """Fill a circle around (x, y) in drawn pixels."""
        self.ellipse(x - radius_px, y - radius_px, x + radius_px, y + radius_px, colour)

    def ellipse(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        """Fill the ellipse inside a box in drawn pixels."""
        self._draw.ellipse((left, top, right, bottom), fill=colour)

    def box(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        """Fill a box in drawn pixels."""
        self._draw.rectangle((left, top, right, bottom), fill=colour)

    def line(self, points: Sequence[tuple[float, float]], colour: Colour, width_px: int = 1) -> None:
        """Draw a line through two or more points in drawn pixels."""
        self._draw.line(points, fill=colour, width=width_px)

    def to_array(self) -> npt.NDArray[np.float32]:
        """Return the image at finished size, `SIDE_PX` x `SIDE_PX` x 3, 0 to 255."""
        return np.asarray(self._image.reduce(OVERSAMPLING), dtype=np.float32)
