"""Uploaded images: read within limits, or refused with a clear message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlantis_core.base.errors import SetupError
from atlantis_core.learning.inputs.preprocessing import decode_image

if TYPE_CHECKING:
    from fastapi import UploadFile
    from PIL.Image import Image

LARGEST_BYTES = 8 * 1024 * 1024
_LONGEST_NAME = 80


def read_upload(file: UploadFile) -> Image:
    """Return an uploaded image as RGB.

    Raises:
        SetupError: The file is not an image, is damaged, or is too large.
    """
    data, name = file.file.read(LARGEST_BYTES + 1), str(file.filename)[:_LONGEST_NAME]
    if not data:
        raise SetupError(f"{name!r} is empty; choose an image file")
    if len(data) > LARGEST_BYTES:
        raise SetupError(f"{name!r} is larger than {LARGEST_BYTES // 2**20} MB; send a smaller image")
    return decode_image(data, name)
