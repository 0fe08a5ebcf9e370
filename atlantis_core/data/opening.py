"""Opening one photo to work on its pixels: for all parts the same formats, and the same upright RGB."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from atlantis_core.errors import SetupError, ToolError

if TYPE_CHECKING:
    from PIL.Image import Image

_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "AVIF")


@cache
def read_formats() -> tuple[str, ...]:
    """Return the formats that are read, of those that this Pillow was built with; AVIF and WebP are optional.

    Whoever's file it is, nothing else is tried: Pillow would read EPS by starting Ghostscript.
    """
    from PIL import Image as Pillow

    Pillow.init()
    return tuple(name for name in _FORMATS if name in Pillow.OPEN)


def open_photo(path: str, least_px: int = 0) -> Image:
    """Decode a photo as RGB, upright; see `upright_rgb`.

    Args:
        path: The file.
        least_px: Where no more than so many pixels a side are needed, a large JPEG is decoded at about that size,
            which is several times faster; 0 decodes it whole.

    Raises:
        ToolError: It cannot be read.
        SetupError: It is gone; a person must put it back.
    """
    from PIL import Image as Pillow

    try:
        with Pillow.open(path, formats=read_formats()) as file:
            if least_px:
                file.draft("RGB", (least_px, least_px))
            return upright_rgb(file)
    except FileNotFoundError as error:
        raise SetupError(f"image {path!r} is gone; put the collection back where it was and resume") from error
    except (OSError, ValueError) as error:
        raise ToolError(f"image {path!r} cannot be read ({error}); leave it out or choose another") from error


def upright_rgb(picture: Image) -> Image:
    """Turn a picture as its EXIF says, and lay it on white paper where it is transparent.

    What a pixel holds that nobody sees is often black, or what was cut away: models must not see it either.
    """
    from PIL import Image as Pillow
    from PIL import ImageOps

    upright = ImageOps.exif_transpose(picture)
    if not upright.has_transparency_data:
        return upright.convert("RGB")
    coloured = upright.convert("RGBA")
    paper = Pillow.new("RGBA", coloured.size, "white")
    return Pillow.alpha_composite(paper, coloured).convert("RGB")
