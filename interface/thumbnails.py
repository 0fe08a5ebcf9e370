"""Small pictures for pages: JPEG, upright."""

from __future__ import annotations

import base64
import io


def thumbnail(path: str, side_px: int) -> bytes:
    """Return an image as a JPEG of at most `side_px` on its longer side, turned as its EXIF says.

    Raises:
        OSError: The file has gone or is damaged.
        ValueError: The file is damaged.
    """
    from PIL import Image, ImageOps

    target = io.BytesIO()
    with Image.open(path) as image:
        image.draft("RGB", (side_px, side_px))
        small = ImageOps.exif_transpose(image).convert("RGB")
        small.thumbnail((side_px, side_px))
        small.save(target, "JPEG", quality=84)
    return target.getvalue()


def embedded_thumbnail(path: str, side_px: int) -> str | None:
    """Return a thumbnail as a data URL for a page; None where the file has gone or is damaged."""
    try:
        data = thumbnail(path, side_px)
    except (OSError, ValueError):
        return None
    return "data:image/jpeg;base64," + base64.b64encode(data).decode("ascii")
