"""What a file is that cannot be read as an image, by its first bytes: suffixes are often wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

_LONGEST_START = 512
_CONVERT = "convert it to an 8-bit PNG or JPEG"
_IMAGES: tuple[tuple[bytes, str], ...] = (
    *((start, "a TIFF") for start in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
    (b"P7\n", "a PAM file"),
    (b"PF\n", "a PFM file in colour"),
    (b"8BPS", "a Photoshop file"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 file"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 file"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL file"),
    (b"\xff\x0a", "a JPEG XL file"),
    (b"\0\0\1\0", "an icon file"),
    (b"\x76\x2f\x31\x01", "an OpenEXR file"),
    (b"SIMPLE  =", "a FITS file"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x89HDF", "an HDF5 file"),
    (b"%PDF", "a PDF"),
)
_OTHERS = (
    (b"PK\3\4", "it is a ZIP archive; unpack it"),
    (b"\x1f\x8b", "it is compressed by gzip; unpack it"),
    (b"version https://git-lfs", "it is a Git LFS pointer; run git lfs pull"),
    (b"<!doctype html", "it is a web page; download the photo itself"),
    (b"<html", "it is a web page; download the photo itself"),
)
_BRANDS = {b"heic": "a HEIC", b"heix": "a HEIC", b"mif1": "a HEIF", b"msf1": "a HEIF", b"avif": "an AVIF"}


def read_start(path: str | Path) -> bytes:
    """Return the first bytes of a file, for `name_format`."""
    with Path(path).open("rb") as file:
        return file.read(_LONGEST_START)


def name_format(content: bytes) -> tuple[Literal["unsupported", "unreadable"], str] | None:
    """Return the kind of problem of a file that Pillow did not recognise, and what it is; None if that is unknown."""
    if image := _name_image(content):
        why = "its channels, bits or compression are not supported, or it is damaged" if image == "a TIFF" else ""
        return "unsupported", f"it is {image}{why and ': '}{why}; {_CONVERT}"
    text = content[:_LONGEST_START].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for start, reason in _OTHERS:
        if content.startswith(start) or text.startswith(start):
            return "unreadable", reason
    return None


def _name_image(content: bytes) -> str:
    for start, image in _IMAGES:
        if content.startswith(start):
            return image
    if content[4:8] == b"ftyp":
        return f"{_BRANDS[content[8:12]]} file" if content[8:12] in _BRANDS else "a video"
    if content[128:132] == b"DICM":
        return "a DICOM file"
    return "an SVG drawing" if b"<svg" in content[:_LONGEST_START].lower() else ""
