"""Files altered at random, from a seed: other EXIF, ICC, chunks, depth, alpha and palette, cut off, bytes flipped."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator
from PIL import Image

from atlantis_core.data.pixels import DECODE_ERRORS
from tests.inputs.image_files import GREY, GREY_ALPHA, PALETTE, RGB, RGBA, chunk, exif, orientation, png, tiff

WIDTH, HEIGHT = 24, 16
_CHUNKS = (b"eXIf", b"iCCP", b"tRNS", b"PLTE", b"gAMA", b"sBIT", b"pHYs", b"acTL", b"fcTL", b"tEXt", b"zTXt", b"iTXt")
_KINDS = (GREY, RGB, PALETTE, GREY_ALPHA, RGBA)


def altered_file(seed: int) -> bytes:
    """Return an image file of a random format with up to three alterations; the same for the same seed."""
    rng = np.random.default_rng(seed)
    content = _pick(rng, _WRITERS)(rng)
    for _ in range(int(rng.integers(0, 4))):
        content = _pick(rng, _ALTERATIONS)(content, rng)
    return content


def _pick(rng: Generator, options: Any) -> Any:
    return options[int(rng.integers(len(options)))]


def _bytes(rng: Generator, most: int) -> bytes:
    return rng.bytes(int(rng.integers(0, most + 1)))


def _values(rng: Generator, channels: int = 3, bits: int = 8) -> Any:
    """Return values of a random part of the depth: some fill it, some do not."""
    most = 2 ** int(rng.integers(1, bits + 1))
    shape = (HEIGHT, WIDTH, channels) if channels > 1 else (HEIGHT, WIDTH)
    return rng.integers(0, most, shape).astype(np.uint8 if bits <= 8 else np.uint16 if bits <= 16 else np.uint32)


def _exif(rng: Generator) -> bytes:
    tags = (0x010F, 0x0110, 0x0112, 0x011A, 0x0131, 0x8769, 0x8825, 0x02BC)
    entries = [
        (int(_pick(rng, tags)), int(rng.integers(0, 14)), int(rng.integers(0, 4)), rng.bytes(4)) for _ in range(3)
    ]
    entries.insert(int(rng.integers(4)), orientation(int(rng.integers(0, 10))))
    block = exif(*entries, after=_bytes(rng, 30), order=_pick(rng, "<>"))
    return block[: int(rng.integers(len(block) + 1))] if rng.random() < 0.3 else block


def _write_png(rng: Generator) -> bytes:
    colour = _pick(rng, _KINDS)
    depths = {GREY: (1, 2, 4, 8, 16), PALETTE: (1, 2, 4, 8)}
    bits = int(_pick(rng, depths.get(colour, (8, 16))))
    channels = {GREY: 1, PALETTE: 1, GREY_ALPHA: 2, RGB: 3, RGBA: 4}[colour]
    chunks = [(b"PLTE", rng.bytes(3 * 2 ** min(bits, 8)))] if colour == PALETTE else []
    late = []
    if rng.random() < 0.4:
        key = rng.bytes(int(_pick(rng, (1, 2, 6, 16)))) if rng.random() < 0.5 else struct.pack(">3H", 1, 1, 1)
        chunks.append((b"tRNS", key))
    if rng.random() < 0.5:
        (late if rng.random() < 0.3 else chunks).append((b"eXIf", _exif(rng)))
    if rng.random() < 0.2:
        chunks.insert(0, (b"iCCP", b"icc\0\0" + _bytes(rng, 40)))
    return png(_values(rng, channels, bits), bits, colour, chunks, late)


def _write_tiff(rng: Generator) -> bytes:
    form = str(_pick(rng, ("u1", "u2", "u4", "i2", "i4", "f4", "u1x3", "u2x3")))
    values = _values(rng, 3 if form.endswith("x3") else 1, 8 * int(form[1]) if form[0] != "f" else 8)
    if form[0] == "f":
        values = (values * rng.normal(1, 50)).astype(np.float32)
        values[0, 0] = _pick(rng, (np.nan, np.inf, -np.inf, 0))
    values = values.astype(form.removesuffix("x3"))
    tags = {274: int(rng.integers(0, 10)), 262: int(_pick(rng, (0, 1, 2)))}
    if rng.random() < 0.2:
        tags[int(_pick(rng, (282, 305, 700, 34665, 34675, 34853)))] = int(rng.integers(65536))
    return tiff(values, tags if rng.random() < 0.8 else None, _pick(rng, "<>"))


def _write_with_pillow(kind: str, modes: tuple[str, ...], **options: tuple[Any, ...]) -> Callable[[Generator], bytes]:
    def write(rng: Generator) -> bytes:
        image = Image.fromarray(np.dstack([_values(rng), _values(rng, 1)])).convert(str(_pick(rng, modes)))
        chosen = {name: _pick(rng, values) for name, values in options.items() if rng.random() < 0.7}
        if kind in ("JPEG", "WEBP") and rng.random() < 0.5:
            chosen["exif"] = _exif(rng) if kind == "WEBP" else b"Exif\0\0" + _exif(rng)
        if kind in ("JPEG", "WEBP") and rng.random() < 0.2:
            chosen["icc_profile"] = _bytes(rng, 60)
        if kind in ("GIF", "WEBP") and rng.random() < 0.3:
            chosen |= {"save_all": True, "append_images": [image.transpose(Image.Transpose.ROTATE_180)]}
        stream = io.BytesIO()
        try:
            image.save(stream, kind, **chosen)
        except DECODE_ERRORS:  # Pillow does not write such an EXIF block
            image.save(stream, kind)
        return stream.getvalue()

    return write


_WRITERS: tuple[Callable[[Generator], bytes], ...] = (
    *(_write_png, _write_png, _write_png, _write_tiff, _write_tiff),
    _write_with_pillow("JPEG", ("RGB", "L", "CMYK"), quality=(10, 95), progressive=(True,), subsampling=(0, 2)),
    _write_with_pillow("JPEG", ("RGB",), quality=(80,)),
    _write_with_pillow("WEBP", ("RGB", "RGBA"), lossless=(True,), quality=(5, 90)),
    _write_with_pillow(
        "TIFF", ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK"), compression=("tiff_lzw", "tiff_deflate")
    ),
    _write_with_pillow("GIF", ("P", "L", "1"), transparency=(0, 3, 255), interlace=(0, 1)),
    _write_with_pillow("BMP", ("1", "L", "P", "RGB", "RGBA")),
    _write_with_pillow("PPM", ("1", "L", "RGB")),
)


def _flip_bytes(content: bytes, rng: Generator) -> bytes:
    changed = bytearray(content)
    for _ in range(int(rng.integers(1, 9))):
        changed[int(rng.integers(len(changed)))] = int(rng.integers(256))
    return bytes(changed)


def _flip_in_header(content: bytes, rng: Generator) -> bytes:
    start = int(rng.integers(0, 120))
    return content[:start] + _flip_bytes(content[start : start + 12] or b"\0", rng) + content[start + 12 :]


def _cut(content: bytes, rng: Generator) -> bytes:
    return content[: int(rng.integers(1, len(content) + 1))]


def _insert(content: bytes, rng: Generator) -> bytes:
    at = int(rng.integers(len(content)))
    return content[:at] + _bytes(rng, 20) + content[at:]


def _alter_chunks(content: bytes, rng: Generator) -> bytes:
    """Drop, repeat, swap or add chunks of a PNG, with right checksums; flip bytes of any other file."""
    if not content.startswith(b"\x89PNG"):
        return _flip_bytes(content, rng)
    parts, at = [], 8
    while at + 12 <= len(content):
        (size,) = struct.unpack(">I", content[at : at + 4])
        parts.append(chunk(content[at + 4 : at + 8], content[at + 8 : at + 8 + size]))
        at += 12 + size
    where = int(rng.integers(1, max(2, len(parts))))
    added = chunk(bytes(_pick(rng, _CHUNKS)), _exif(rng) if rng.random() < 0.4 else _bytes(rng, 40))
    change = int(rng.integers(4))
    if change == 0:
        parts.insert(where, added)
    elif change == 1:
        del parts[where : where + 1]
    elif change == 2:
        parts[where:where] = parts[where : where + 1]
    else:
        parts[where - 1 : where + 1] = parts[where - 1 : where + 1][::-1]
    return content[:8] + b"".join(parts)


def _put_exif(content: bytes, rng: Generator) -> bytes:
    """Put an EXIF block into a JPEG; flip bytes of any other file."""
    if not content.startswith(b"\xff\xd8"):
        return _flip_bytes(content, rng)
    segment = b"Exif\0\0" + _exif(rng)
    return content[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + content[2:]


_ALTERATIONS = (_flip_bytes, _flip_in_header, _cut, _insert, _alter_chunks, _alter_chunks, _put_exif)
