"""The lines of a model card that turn a file into the model's square input, with Pillow and NumPy alone."""

from __future__ import annotations

import ast
import inspect
import math
from collections.abc import Mapping, Sequence
from typing import Any

from atlantis_core.data import pixels

_CENTRAL_SQUARE = """\
short = min(image.size)
left, top = (image.width - short) // 2, (image.height - short) // 2
box = (left, top, left + short, top + short)
image = image.resize(({side}, {side}), Image.Resampling.BICUBIC, box)"""

_SIZES = {
    "center": "short = min(image.size)\nsize = [{scaled} * length // short for length in image.size]",
    "squash": "size = ({scaled}, {scaled})",
    "border": "long = max(image.size)\nsize = [round(length / (long / {scaled})) for length in image.size]",
}
"""timm's `crop_mode` -> size that the image is scaled to."""

_CROP = """\
left, top = (round((length - {side}) / 2) for length in image.size)
image = image.crop((left, top, left + {side}, top + {side}))"""

_CROP_OR_PAD = """\
left, top = (({side} - n) // 2 if n < {side} else -round((n - {side}) / 2) for n in image.size)
canvas = Image.new("RGB", ({side}, {side}), {fill})
canvas.paste(image, (left, top))
image = canvas"""


_NOT_NEEDED = {"is_read_anew", "is_mapped_sideways"}


def decode_snippet() -> str:
    """Return Python that defines `to_upright_rgb`: the source of `data.pixels`, without docstrings and types."""
    kept = []
    for node in ast.parse(inspect.getsource(pixels)).body:
        is_errors = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "DECODE_ERRORS"
        if isinstance(node, ast.ClassDef):
            kept.append(f"class {node.name}({ast.unparse(node.bases[0])}):\n    pass")
        elif is_errors or (isinstance(node, ast.FunctionDef) and node.name not in _NOT_NEEDED):
            kept.append(ast.unparse(_strip(node)))
    return "\n".join(["import struct, zlib", *kept])


def _strip(node: ast.stmt) -> ast.stmt:
    if isinstance(node, ast.FunctionDef):
        node.returns = None
        for argument in node.args.args:
            argument.annotation = None
        if ast.get_docstring(node) is not None:
            del node.body[0]
    return node


def input_snippet(side_px: int, crop: Mapping[str, Any], mean: Sequence[float]) -> str:
    """Return Python that replaces `image`, an upright RGB image, by what `preprocessing.to_input` returns.

    `crop` is `BackboneSpec.crop`, empty for version 1 of the preprocessing; `mean` is the colour of timm's borders.
    """
    if not crop:
        return _CENTRAL_SQUARE.format(side=side_px)
    mode, filtered = crop["crop_mode"], crop["interpolation"].upper()
    fill = tuple(round(255 * value) for value in mean) if mode == "border" else (0, 0, 0)
    pads = mode == "border" or crop["crop_pct"] > 1
    return "\n".join(
        [
            _SIZES[mode].format(scaled=math.floor(side_px / crop["crop_pct"])),
            f"image = image.resize(size, Image.Resampling.{filtered})",
            (_CROP_OR_PAD if pads else _CROP).format(side=side_px, fill=fill),
        ]
    )
