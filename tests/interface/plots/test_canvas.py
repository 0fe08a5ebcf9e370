"""Drawings: the same shapes as SVG and as PNG, whatever the texts."""

from __future__ import annotations

import io
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from atlantis_dml.plots.canvas import Box, Canvas, Dot, TextLine, estimate_width, render_png, render_svg
from atlantis_dml.plots.palette import colour_of_share, colour_of_value, pick_group_colours

NAMESPACE = "{http://www.w3.org/2000/svg}"
NASTY = "</text><script>alert(1)</script> \x00\x1b[31m\u202egnp\ufffe & \"x\" 'y'"


def test_texts_stay_texts_in_svg():
    shapes = (
        TextLine(5, 20, NASTY),
        Dot(9, 9, 3, "#0072b2", note=NASTY, key='"><b>'),
        Box(0, 0, 5, 5, "#ffffff", NASTY),
    )
    root = ET.fromstring(render_svg(Canvas(100, 50, NASTY, shapes)))
    assert {element.tag for element in root.iter()} == {
        f"{NAMESPACE}{k}" for k in ("svg", "title", "rect", "text", "circle")
    }
    for element in [root.find(f"{NAMESPACE}text"), *root.iter(f"{NAMESPACE}title")]:
        assert element.text.startswith("</text><script>alert(1)</script>")
        assert not set(element.text or "") & set("\x00\x1b\u202e\ufffe")
    assert root.find(f"{NAMESPACE}circle").attrib["data-key"] == '"><b>'


def test_a_png_shows_each_shape_at_its_place():
    shapes = (
        Box(10, 10, 20, 20, "#ff0000"),
        Dot(60, 20, 8, "#00ff00", ring="#0000ff"),
        Dot(60, 60, 8, "#000000", opacity=0.5),
        TextLine(5, 90, "Words", 20),
        TextLine(95, 90, "turned", 12, turned=True),
    )
    image = Image.open(io.BytesIO(render_png(Canvas(100, 100, "", shapes)))).convert("RGB")
    assert image.size == (200, 200)
    assert image.getpixel((40, 40)) == (255, 0, 0)
    assert image.getpixel((64, 40)) == (255, 255, 255)
    assert image.getpixel((120, 40)) == (0, 255, 0)
    assert np.abs(np.asarray(image)[40, 120 + 14].astype(int) - [0, 0, 255]).max() < 20
    assert np.abs(np.array(image.getpixel((120, 120))) - 127).max() <= 2
    dark = np.asarray(image.convert("L")) < 128
    assert dark[150:182, 10:110].sum() > 100, "the words are there"
    rows, columns = np.nonzero(dark[100:182, 170:200])
    assert np.ptp(rows) > 2 * np.ptp(columns) > 0, "these run upwards"


def test_a_png_of_any_text_is_drawn():
    assert render_png(
        Canvas(
            200,
            40,
            "",
            (TextLine(5, 20, NASTY), TextLine(50, 38, "\u6e2f\u53e3 \u0645\u064a\u0646\u0627\u0621", turned=True)),
        )
    )


def test_wide_letters_take_room():
    assert estimate_width("\u6e2f\u53e3", 10) == 2 * estimate_width("ab", 10)


@pytest.mark.parametrize("count", [0, 1, 7, 8, 81])
def test_groups_have_colours_of_their_own(count):
    assert len(set(pick_group_colours(count))) == count


def test_scales_run_from_dark_to_bright_and_from_bright_to_dark():
    def light(colour: str) -> int:
        return sum(int(colour[at : at + 2], 16) for at in (1, 3, 5))

    shares = [0.0, 0.2, 0.5, 0.8, 1.0]
    assert [light(colour_of_value(share)) for share in shares] == sorted(
        light(colour_of_value(share)) for share in shares
    )
    assert [light(colour_of_share(share)) for share in shares] == sorted(
        (light(colour_of_share(s)) for s in shares), reverse=True
    )
    assert colour_of_value(-1) == colour_of_value(0)
    assert colour_of_value(2) == colour_of_value(1)
