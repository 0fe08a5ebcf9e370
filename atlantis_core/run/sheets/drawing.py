"""Draws contact sheets: small numbered tiles on one JPEG that carries nothing but pixels."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from atlantis_core.base.errors import AtlantisError

if TYPE_CHECKING:
    from PIL.Image import Image

SHEET_PX = 768
"""Largest side of a sheet: providers charge by pixels, and scale larger images down to about this (OpenAI's guide
"Images and vision", detail: shortest side 768)."""

SIDE_PX = 120
"""Side of one image."""

MOST_TILES = 12

_GAP_PX, _LINE_PX = 4, 18
_PAPER, _NOTHING, _INK = (255, 255, 255), (225, 225, 225), (0, 0, 0)
_QUALITY = 85


def count_tiles(num_parts: int) -> int:
    """Return how many tiles of so many images fit on a sheet, at most `MOST_TILES`."""
    return min(MOST_TILES, _count_columns(num_parts) * (SHEET_PX // (SIDE_PX + _LINE_PX + _GAP_PX)))


def draw_sheet(rows: Sequence[Sequence[str]], num_parts: int) -> bytes:
    """Draw a sheet as JPEG.

    The images are decoded and encoded again, so that no metadata and no name travels with them.

    Args:
        rows: Paths of each tile's images, left to right; an empty path, or a file that cannot be read, is a grey
            square.
        num_parts: Images of a tile.
    """
    from PIL import Image, ImageDraw, ImageFont

    columns = min(_count_columns(num_parts), max(1, len(rows)))
    lines = -(-len(rows) // columns)
    tile_px = num_parts * SIDE_PX
    width, height = columns * (tile_px + _GAP_PX) + _GAP_PX, lines * (SIDE_PX + _LINE_PX + _GAP_PX) + _GAP_PX
    sheet = Image.new("RGB", (width, height), _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for place, paths in enumerate(rows):
        line, column = divmod(place, columns)
        left, top = _GAP_PX + column * (tile_px + _GAP_PX), _GAP_PX + line * (SIDE_PX + _LINE_PX + _GAP_PX)
        draw.text((left + 2, top), str(place + 1), fill=_INK, font=font)
        for part, path in enumerate(paths):
            sheet.paste(_read(path), (left + part * SIDE_PX, top + _LINE_PX))
    written = io.BytesIO()
    sheet.save(written, "JPEG", quality=_QUALITY)
    return written.getvalue()


def _count_columns(num_parts: int) -> int:
    return (SHEET_PX - _GAP_PX) // (num_parts * SIDE_PX + _GAP_PX)


def _read(path: str) -> Image:
    """Return an image inside a square; a grey one if there is none."""
    from PIL import Image, ImageOps

    from atlantis_core.data.image_io import open_image

    square = Image.new("RGB", (SIDE_PX, SIDE_PX), _NOTHING)
    try:
        small = ImageOps.contain(open_image(path, SIDE_PX), (SIDE_PX - 2, SIDE_PX - 2)) if path else None
    except AtlantisError:
        small = None
    if small is not None:
        square.paste(small, ((SIDE_PX - small.width) // 2, (SIDE_PX - small.height) // 2))
    return square
