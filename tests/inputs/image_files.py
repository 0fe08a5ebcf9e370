"""Small image files written byte by byte, for what Pillow cannot or would not write."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Chunk = tuple[bytes, bytes]
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
"""Colour types of PNG."""


def smooth(seed: int, width: int = 24, height: int = 16, channels: int = 3) -> NDArray[np.uint8]:
    """Return a smooth photo-like image, (height, width, channels), that spans most of the grey levels."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 5, channels), np.uint8)
    planes = [
        Image.fromarray(coarse[..., n]).resize((width, height), Image.Resampling.BICUBIC) for n in range(channels)
    ]
    return np.stack([np.asarray(plane) for plane in planes], axis=-1)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    values: NDArray[Any], bits: int, colour: int, chunks: Sequence[Chunk] = (), late: Sequence[Chunk] = ()
) -> bytes:
    """Return a PNG of (height, width) or (height, width, channels) values; `late` chunks follow the pixels."""
    height, width = values.shape[:2]
    flat = values.reshape(height, -1)
    if bits == 16:
        rows = [row.astype(">u2").tobytes() for row in flat]
    elif bits == 8:
        rows = [row.astype(np.uint8).tobytes() for row in flat]
    else:
        binary = (flat[..., None] >> np.arange(bits - 1, -1, -1)) & 1
        rows = [np.packbits(row.reshape(-1)).tobytes() for row in binary]
    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    parts = [chunk(b"IHDR", head), *(chunk(*each) for each in chunks)]
    parts += [chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))]
    return b"\x89PNG\r\n\x1a\n" + b"".join([*parts, *(chunk(*each) for each in late), chunk(b"IEND", b"")])


def tiff(values: NDArray[Any], tags: Mapping[int, int] | None = None, order: Literal["<", ">"] = "<") -> bytes:
    """Return an uncompressed TIFF of (height, width[, channels]) values of their own dtype.

    `tags` are further SHORT tags, such as 262 (0: white is zero) or 274 (orientation), or replace usual ones.
    """
    height, width = values.shape[:2]
    channels = values.shape[2] if values.ndim == 3 else 1
    data = values.astype(values.dtype.newbyteorder(order)).tobytes()
    form = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    shorts = {256: width, 257: height, 258: values.itemsize * 8, 259: 1, 262: 2 if channels == 3 else 1}
    shorts |= {277: channels, 278: height, 339: form} | dict(tags or {})
    bits = struct.pack(f"{order}{channels}H", *[shorts[258]] * channels)
    entries, extra = [], b""
    start = 8 + 2 + 12 * (len(shorts) + 2) + 4
    for tag in sorted({*shorts, 273, 279}):
        if tag == 258 and channels > 2:
            entries.append(struct.pack(f"{order}HHII", 258, 3, channels, start + len(extra)))
            extra += bits
        elif tag in (273, 279):
            entries.append(struct.pack(f"{order}HHII", tag, 4, 1, len(data) if tag == 279 else start + 16))
        else:
            entries.append(struct.pack(f"{order}HHIHH", tag, 3, 1, shorts[tag], 0))
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    return (
        head + struct.pack(f"{order}H", len(entries)) + b"".join(entries) + bytes(4) + extra.ljust(16, b"\0") + data
    )


def planar_tiff(values: NDArray[Any], order: Literal["<", ">"] = "<") -> bytes:
    """Return an uncompressed TIFF of (height, width, channels) values whose channels are stored one after another."""
    height, width, channels = values.shape
    planes = [values[..., n].astype(values.dtype.newbyteorder(order)).tobytes() for n in range(channels)]
    lists = [[values.itemsize * 8] * channels, [], [len(plane) for plane in planes]]  # tags 258, 273, 279
    shorts = {256: width, 257: height, 258: 0, 259: 1, 262: 2, 273: 0, 277: channels, 278: height, 279: 0, 284: 2}
    start = 8 + 2 + 12 * len(shorts) + 4
    first = start + 10 * channels + 2 * (channels % 2)
    lists[1] = [first + sum(lists[2][:n]) for n in range(channels)]
    entries = {
        258: struct.pack(f"{order}HHII", 258, 3, channels, start + 8 * channels),
        273: struct.pack(f"{order}HHII", 273, 4, channels, start),
        279: struct.pack(f"{order}HHII", 279, 4, channels, start + 4 * channels),
    }
    rows = [entries.get(tag) or struct.pack(f"{order}HHIHH", tag, 3, 1, shorts[tag], 0) for tag in shorts]
    extra = struct.pack(f"{order}{channels}I{channels}I{channels}H", *lists[1], *lists[2], *lists[0])
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(rows))
    return head + b"".join(rows) + bytes(4) + extra.ljust(first - start, b"\0") + b"".join(planes)


def bmp(values: NDArray[np.uint8]) -> bytes:
    """Return a BMP of (height, width, 4) values, with a mask for its alpha channel."""
    height, width = values.shape[:2]
    body = values[::-1, :, [2, 1, 0, 3]].tobytes()
    head = struct.pack("<IiiHHIIiiII", 108, width, height, 1, 32, 3, len(body), 0, 0, 0, 0)
    head = (head + struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)).ljust(108, b"\0")
    return b"BM" + struct.pack("<IHHI", 122 + len(body), 0, 0, 122) + head + body


Entry = tuple[int, int, int, bytes]
"""Tag, type, count, and the four bytes of its value or offset."""


def exif(*entries: Entry, after: bytes = b"", order: str = "<") -> bytes:
    """Return an EXIF block (a TIFF header and one directory), with bytes after it for offsets to point to."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    body = b"".join(struct.pack(f"{order}HHI", *entry[:3]) + entry[3] for entry in entries)
    return head + struct.pack(f"{order}H", len(entries)) + body + bytes(4) + after


def orientation(value: int) -> Entry:
    """Return the usual entry of an orientation: one SHORT, little-endian."""
    return (0x0112, 3, 1, struct.pack("<HH", value, 0))


def jpeg(pixels: NDArray[np.uint8], exif_block: bytes = b"", **options: Any) -> bytes:
    """Return a JPEG of (height, width, 3) pixels, with an EXIF block of any bytes."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", **({"quality": 95, "subsampling": 0} | options))
    content = stream.getvalue()
    if not exif_block:
        return content
    segment = b"Exif\0\0" + exif_block
    return content[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + content[2:]
