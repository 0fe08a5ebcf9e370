"""A drawing as a list of shapes, rendered as SVG and PNG.

matplotlib was tried instead. It needs an extra install (56 MB), its SVG is 2 to 6 times larger (1,500 images: 1.1 MiB
instead of 203 KiB), and notes on single shapes would still need edits to its undocumented SVG layout.
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree as ET

from atlantis_core.base.text import clean_text

Anchor = Literal["start", "middle", "end"]

_INK = "#1d2733"
_FAINT = "#5b6672"
_PAPER = "#ffffff"
_FONT = "system-ui, -apple-system, 'Segoe UI', 'Noto Sans', sans-serif"
_NOT_XML = dict.fromkeys((0xFFFE, 0xFFFF))  # invalid in XML, and not removed by `clean_text`
_LONGEST = 400
_FINER = 2  # supersampling factor of the PNG, for smooth edges
_PNG_SCALE = 2


@dataclass(frozen=True, slots=True)
class Dot:
    """A disc, with an optional ring that highlights it."""

    x: float
    y: float
    radius: float
    fill: str
    """`#rrggbb`"""
    opacity: float = 1.0
    ring: str = ""
    note: str = ""
    """Shown on hover."""
    key: str = ""
    """Identifies its thumbnail on a page."""


@dataclass(frozen=True, slots=True)
class Box:
    """A filled rectangle; (x, y) is its upper left corner."""

    x: float
    y: float
    width: float
    height: float
    fill: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line of text with its baseline at (x, y); if `turned`, it runs upwards from there."""

    x: float
    y: float
    text: str
    size: float = 12
    anchor: Anchor = "start"
    turned: bool = False
    bold: bool = False
    faint: bool = False


Shape = Dot | Box | TextLine


@dataclass(frozen=True, slots=True)
class Canvas:
    """A drawing on white; y grows downwards, units are CSS pixels. Its text may be untrusted."""

    width: float
    height: float
    title: str
    shapes: tuple[Shape, ...]


def estimate_width(text: str, size: float) -> float:
    """Estimate the width of a line of text, in units; wide characters such as Chinese count double."""
    return size * 0.58 * sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def render_svg(canvas: Canvas) -> str:
    """Return the drawing as an SVG element. All text is escaped, and nothing is loaded from elsewhere."""
    size = {"width": _number(canvas.width), "height": _number(canvas.height)}
    box = f"0 0 {size['width']} {size['height']}"
    facts = {"xmlns": "http://www.w3.org/2000/svg", **size, "viewBox": box, "role": "img", "font-family": _FONT}
    root = ET.Element("svg", facts)
    ET.SubElement(root, "title").text = _plain(canvas.title)
    ET.SubElement(root, "rect", {**size, "fill": _PAPER})
    for shape in canvas.shapes:
        if isinstance(shape, TextLine):
            ET.SubElement(root, "text", _words(shape)).text = _plain(shape.text)
            continue
        kind, facts = ("circle", _dot(shape)) if isinstance(shape, Dot) else ("rect", _box(shape))
        added = ET.SubElement(root, kind, facts)
        if shape.note:
            ET.SubElement(added, "title").text = _plain(shape.note)
    return ET.tostring(root, encoding="unicode")


def _dot(dot: Dot) -> dict[str, str]:
    facts = {"cx": _number(dot.x), "cy": _number(dot.y), "r": _number(dot.radius), "fill": dot.fill}
    if dot.opacity < 1:
        facts["fill-opacity"] = _number(dot.opacity)
    if dot.ring:
        facts |= {"stroke": dot.ring, "stroke-width": "2"}
    return facts | ({"data-key": dot.key} if dot.key else {})


def _box(box: Box) -> dict[str, str]:
    where = {"x": box.x, "y": box.y, "width": box.width, "height": box.height}
    return {**{name: _number(value) for name, value in where.items()}, "fill": box.fill}


def _words(words: TextLine) -> dict[str, str]:
    x, y = _number(words.x), _number(words.y)
    facts = {"x": x, "y": y, "font-size": _number(words.size), "text-anchor": words.anchor}
    facts["fill"] = _FAINT if words.faint else _INK
    if words.bold:
        facts["font-weight"] = "600"
    return facts | ({"transform": f"rotate(-90 {x} {y})"} if words.turned else {})


def render_png(canvas: Canvas) -> bytes:
    """Return the drawing as a PNG with two pixels per unit; characters missing in Pillow's font become boxes."""
    from PIL import Image, ImageColor, ImageDraw

    finer = _FINER * _PNG_SCALE
    image = Image.new("RGB", (round(canvas.width * finer), round(canvas.height * finer)), _PAPER)
    pen = ImageDraw.Draw(image, "RGBA")
    for shape in canvas.shapes:
        if isinstance(shape, TextLine):
            continue
        red, green, blue = ImageColor.getrgb(shape.fill)[:3]
        if isinstance(shape, Dot):
            fill = (red, green, blue, round(255 * shape.opacity))
            pen.circle(
                (shape.x * finer, shape.y * finer),
                shape.radius * finer,
                fill=fill,
                outline=shape.ring or None,
                width=2 * finer if shape.ring else 0,
            )
        else:
            corner = (shape.x + shape.width) * finer - 1, (shape.y + shape.height) * finer - 1
            pen.rectangle((shape.x * finer, shape.y * finer, *corner), fill=(red, green, blue))
    small = image.resize((image.width // _FINER, image.height // _FINER), Image.Resampling.LANCZOS)
    _draw_text(small, [shape for shape in canvas.shapes if isinstance(shape, TextLine)])
    target = io.BytesIO()
    small.save(target, "PNG", optimize=True)
    return target.getvalue()


def find_missing_letters(canvas: Canvas) -> str:
    """Return the letters of a drawing's text that Pillow's font lacks, each once, in order."""
    from PIL import ImageFont

    font = ImageFont.load_default(20)
    box = bytes(font.getmask("\U0010ffff"))  # no font has this character
    text = "".join(_plain(shape.text) for shape in canvas.shapes if isinstance(shape, TextLine))
    return "".join(letter for letter in dict.fromkeys(text) if bytes(font.getmask(letter)) == box)


def _draw_text(image: object, lines: Sequence[TextLine]) -> None:
    """Draw lines of text onto an image with `_PNG_SCALE` pixels per unit."""
    from PIL import Image, ImageDraw, ImageFont

    assert isinstance(image, Image.Image)
    anchors: dict[str, str] = {"start": "ls", "middle": "ms", "end": "rs"}
    for line in lines:
        font = ImageFont.load_default(line.size * _PNG_SCALE)
        text, colour = _plain(line.text), _FAINT if line.faint else _INK
        at = line.x * _PNG_SCALE, line.y * _PNG_SCALE
        stroke = 0.4 if line.bold else 0
        if not line.turned:
            ImageDraw.Draw(image).text(at, text, colour, font, anchors[line.anchor], stroke_width=stroke)
            continue
        length, height = round(font.getlength(text)) + 4, round(line.size * _PNG_SCALE * 1.6)
        strip = Image.new("L", (length, height))
        ImageDraw.Draw(strip).text((2, height * 0.7), text, 255, font, "ls", stroke_width=stroke)
        upright = strip.rotate(90, expand=True)
        image.paste(colour, (round(at[0] - height * 0.7), round(at[1] - length)), upright)


def _plain(text: str) -> str:
    return clean_text(text, _LONGEST).translate(_NOT_XML)


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
