"""Thumbnails for pages, as JPEG."""

from __future__ import annotations

import base64
import io

from atlantis_core.base.errors import AtlantisError
from atlantis_core.data.image_io import open_image


def make_thumbnail(path: str, side_px: int) -> bytes:
    """Return an image as a JPEG of at most `side_px` on its longer side.

    Raises:
        AtlantisError: The file is missing or damaged.
    """
    target = io.BytesIO()
    small = open_image(path, side_px)
    small.thumbnail((side_px, side_px))
    small.save(target, "JPEG", quality=84)
    return target.getvalue()


def embed_thumbnail(path: str, side_px: int) -> str | None:
    """Return a thumbnail as a data URL; None if the file is missing or damaged."""
    try:
        data = make_thumbnail(path, side_px)
    except AtlantisError:
        return None
    return "data:image/jpeg;base64," + base64.b64encode(data).decode("ascii")
