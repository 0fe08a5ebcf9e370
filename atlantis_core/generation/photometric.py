"""The generator without weights: edits of real photos, driven by the protocol's words.

It keeps the thing and changes how it was seen. What the words ask for is drawn anew for each image from ranges,
because a cell without real images needs variety, not one filter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from atlantis_core.errors import ToolError
from atlantis_core.generation.draws import Draws
from atlantis_core.generation.edits import EDITS
from atlantis_core.generation.plan import plan_of
from atlantis_core.generation.vocabulary import recognised_in
from atlantis_core.registry import load

if TYPE_CHECKING:
    from PIL.Image import Image

    from atlantis_core.records import GenerationRequest


class PhotometricGenerator:
    """Edits real photos: night, fog, rain, snow, sunset, glare, blur, noise, viewpoint, background ..."""

    name = "photometric"
    version = "1"

    def settings(self, request: GenerationRequest) -> Mapping[str, Any]:
        """Return the edits with their strengths, and whether any word of the request was known."""
        plan = plan_of(request)
        return {
            "edits": [{"edit": step.edit, "strength": step.strength} for step in plan.steps],
            "recognised": plan.recognised,
            "words": list(plan.words),
        }

    def recognises(self, text: str) -> tuple[str, ...]:
        """Return the names of the edits that a text asks for; empty means a mild mix would be made."""
        return tuple(meaning.edit for meaning in recognised_in(text))

    def generate(self, requests: Iterable[GenerationRequest]) -> Iterator[Image]:
        """Yield one RGB image per request, in order; its short side is `side_px` (0: the source's own).

        Raises:
            ToolError: A request without a source image, or with one that cannot be read.
        """
        for request in requests:
            yield _edited(_source(request), request)


def _source(request: GenerationRequest) -> Image:
    from PIL import Image as Pillow
    from PIL import ImageOps
    from PIL.Image import Resampling

    if not request.source_path:
        raise ToolError(
            f"request {request.key!r} names no source image; `photometric` edits real photos: use the `edit` arm"
        )
    try:
        with Pillow.open(request.source_path) as file:
            image = ImageOps.exif_transpose(file).convert("RGB")
    except (OSError, ValueError) as error:
        raise ToolError(f"source image {request.source_path!r} cannot be read ({error}); choose another") from error
    scale = request.side_px / min(image.size) if request.side_px else 1.0
    if scale == 1.0:
        return image
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return image.resize(size, Resampling.LANCZOS)


def _edited(image: Image, request: GenerationRequest) -> Image:
    import numpy as np
    import torch
    from PIL import Image as Pillow

    picture = torch.from_numpy(np.asarray(image, dtype=np.float32) / 255).permute(2, 0, 1).contiguous()
    with torch.inference_mode():
        for step in plan_of(request).steps:
            edit = load(EDITS, step.edit, "edit")
            picture = edit(picture, step.strength, Draws(step.seed))
        eight_bit = (picture.clamp(0, 1) * 255).round().to(torch.uint8)
    return Pillow.fromarray(eight_bit.permute(1, 2, 0).contiguous().numpy())
