"""The lines of a model card that make a model's square input of an RGB image, with Pillow alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

_CENTRAL_SQUARE = """\
short = min(picture.size)
left, top = (picture.width - short) // 2, (picture.height - short) // 2
box = (left, top, left + short, top + short)
picture = picture.resize(({side}, {side}), Image.Resampling.BICUBIC, box)"""

_SIZES = {
    "center": "short = min(picture.size)\nsize = [{scaled} * length // short for length in picture.size]",
    "squash": "size = ({scaled}, {scaled})",
    "border": "long = max(picture.size)\nsize = [round(length / (long / {scaled})) for length in picture.size]",
}
"""timm's `crop_mode` -> size to which the whole image is scaled."""

_CROP = """\
left, top = (round((length - {side}) / 2) for length in picture.size)
picture = picture.crop((left, top, left + {side}, top + {side}))"""

_CROP_OR_PAD = """\
left, top = (({side} - n) // 2 if n < {side} else -round((n - {side}) / 2) for n in picture.size)
canvas = Image.new("RGB", ({side}, {side}), {fill})
canvas.paste(picture, (left, top))
picture = canvas"""


def input_snippet(side_px: int, crop: Mapping[str, Any], mean: Sequence[float]) -> str:
    """Return Python that replaces `picture`, an upright RGB image, by what `learning.pictures.to_input` gives.

    Args:
        side_px: Side of the square.
        crop: `Backbone.crop`: empty for version 1 of the preprocessing.
        mean: Of the normalised input; it is the colour of timm's borders.
    """
    if not crop:
        return _CENTRAL_SQUARE.format(side=side_px)
    mode, filtered = crop["crop_mode"], crop["interpolation"].upper()
    fill = tuple(round(255 * value) for value in mean) if mode == "border" else (0, 0, 0)
    pads = mode == "border" or crop["crop_pct"] > 1
    return "\n".join(
        [
            _SIZES[mode].format(scaled=math.floor(side_px / crop["crop_pct"])),
            f"picture = picture.resize(size, Image.Resampling.{filtered})",
            (_CROP_OR_PAD if pads else _CROP).format(side=side_px, fill=fill),
        ]
    )
