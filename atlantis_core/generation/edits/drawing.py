"""A drawing on paper: strokes where the photo has edges, mostly of the object alone, and around it.

Choices were made on 506 pen sketches of 62 classes (sketchy125, the training sketches of `split_half`) that look for
drawings of training photos, with frozen ImageNet features: docs/results.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.generation.edits import pixels, shapes, strokes

if TYPE_CHECKING:
    from torch import Tensor

    from atlantis_core.generation.draws import RandomDraws
    from atlantis_core.generation.edits.strokes import Ink

_OBJECT_ALONE = 0.85
"""Share of drawings without their background: people who sketch a thing leave the rest of the paper white."""
_SHADED = 0.04
"""Share of drawings with soft shading besides the strokes, as with a pencil."""
_INKED = (0.03, 0.08)
"""Share of the paper that strokes cover, one pixel wide."""
_BROKEN = 0.1
"""Share of drawings with gaps in their strokes."""
_TINTED, _COLOURED = 0.1, 0.05
"""Share of drawings on paper that is not plain white, and of those with a coloured pen."""
_FEWEST_STROKES = 0.015
"""Share of the paper under strokes one pixel wide: less than this shows no object."""


def line_drawing(image: Tensor, strength: float, draws: RandomDraws) -> Tensor:
    """Draw the image in lines: detector, thickness, gaps, wobble, size on the paper, pen and paper are drawn anew.

    After "randomised binary traced edges" (Efthymiadis et al. 2022, arXiv 2202.13164): many ways of tracing edges
    take a model nearer to human sketches than one.
    """
    source = shapes.to_pixels(image)
    side = min(source.shape[:2])
    thing = shapes.find_object(source, draws) if draws.chance(_OBJECT_ALONE) else None
    ink = _trace_edges(source, np.float32(1), draws) if thing is None else _draw_thing(source, thing, draws)
    shade = np.zeros_like(ink)
    if draws.chance(_SHADED):
        shade = _shading(source, draws.uniform(0.25, 0.6)) * (1 if thing is None else thing)
    ink, shade = strokes.shake_and_place((ink, shade), draws, fits=thing is not None)
    if draws.chance(_BROKEN) and ink.mean() > _FEWEST_STROKES:
        ink = strokes.break_strokes(ink, draws, draws.uniform(0.0, 0.1))
    ink = np.maximum(strokes.thicken(ink, draws.uniform(0.7, 1.9) * max(1.0, side / 128)), shade)
    return pixels.blend(image, _put_on_paper(ink, draws), strength).clamp(0, 1)


def _trace_edges(source: shapes.Pixels, inside: Ink | np.float32, draws: RandomDraws) -> Ink:
    """Trace the edges inside by a detector; elsewhere too, or by the next one, where hardly a stroke is found."""
    share, shortest_px = draws.uniform(*_INKED), draws.uniform(0.05, 0.12) * min(source.shape[:2])
    first = draws.integer(0, len(strokes.DETECTORS) - 1)
    most = np.zeros(source.shape[:2], dtype=np.float32)
    for turn in range(len(strokes.DETECTORS)):
        edges = strokes.DETECTORS[(first + turn) % len(strokes.DETECTORS)](source, draws)
        for wanted in (edges * inside, edges):
            ink = strokes.keep_long_strokes(wanted, share, shortest_px)
            if ink.mean() > _FEWEST_STROKES:
                return ink
            most = max(most, ink, key=np.sum)
    return most


def _draw_thing(source: shapes.Pixels, thing: Ink, draws: RandomDraws) -> Ink:
    """Draw around a thing (H, W), 0 to 1, and the edges in it."""
    import cv2

    reach = shapes.odd(0.06 * min(thing.shape))
    inside = np.asarray(cv2.dilate(thing, np.ones((reach, reach), np.uint8)) > 0.5, dtype=np.float32)
    return strokes.add_outline(_trace_edges(source, inside, draws), strokes.draw_outline(thing))


def _shading(source: shapes.Pixels, most: float) -> Ink:
    """Shade as a soft pencil does ("colour dodge"): what is darker than its surroundings, at most `most` dark."""
    import cv2

    grey = cv2.cvtColor(source, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    around = cv2.GaussianBlur(grey, (0, 0), 0.06 * min(grey.shape))
    return np.asarray(np.clip(1 - (grey + 0.05) / (around + 0.05), 0, most), dtype=np.float32)


def _put_on_paper(ink: Ink, draws: RandomDraws) -> Tensor:
    """Draw with a dark pen on paper that is white, or in some drawings a little yellow, grey or rough."""
    covered = shapes.to_image(ink)
    paper, pen = pixels.rgb_tensor((1, 1, 1)), pixels.rgb_tensor((0, 0, 0)) + draws.uniform(0.0, 0.25)
    if draws.chance(_TINTED):
        level, yellow = draws.uniform(0.9, 1.0), draws.uniform(0.0, 0.06)
        paper = pixels.rgb_tensor((level, level - 0.3 * yellow, level - yellow))
        paper = pixels.add_grain(paper.expand(3, *ink.shape), draws, draws.uniform(0.0, 0.02))
    if draws.chance(_COLOURED):
        pen = pen + draws.flat(3, 1, 1) * 0.3
    return pixels.blend(paper.expand(3, *ink.shape), pen, covered).clamp(0, 1)
