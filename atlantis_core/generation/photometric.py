"""The generator without weights: edits of real images, chosen by the words of the protocol.

It keeps the object and changes the viewing conditions. Strengths are drawn anew for each image, because a cell
without real images needs variety, not one filter. Where other classes of the collection show the facet value, their
light is transferred: words say what night is, but not what night looks like in this collection.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import ToolError
from atlantis_core.base.ports import Capabilities
from atlantis_core.base.registry import load_part
from atlantis_core.data.image_io import open_image
from atlantis_core.generation.draws import RandomDraws, derive_seed
from atlantis_core.generation.edit_plan import plan_edits
from atlantis_core.generation.edit_reasons import explain_edits
from atlantis_core.generation.edit_words import find_edits, find_requested_edits
from atlantis_core.generation.edits import BORROWING_EDITS, EDITS
from atlantis_core.generation.edits.reference import transfer_light
from atlantis_core.generation.medium_words import MEDIA, OUTLINED

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from atlantis_core.records import Cell, GenerationMode, GenerationRequest


class PhotometricGenerator:
    """Edits real images: night, fog, rain, snow, sunset, glare, blur, noise, viewpoint, background ..."""

    name = "photometric"
    version = "2"
    modes: tuple[GenerationMode, ...] = ("edit",)
    notice = ""
    capabilities = Capabilities(
        "light, weather, camera faults, other backgrounds, small changes of viewpoint, and other media (cartoon, "
        "drawing, painting, print, screen, infrared) of real photos of the class",
        "another object, pose, side, place, season or camera than its photos show",
        frozenset({*EDITS, *BORROWING_EDITS}),
        reads="edits",
    )

    def version_of(self, cell: Cell, prompt: str) -> str:
        """Return 4 where an object is outlined, in a way that version 3 did not know, and 3 for other media.

        Version 2 knew no media and no borrowed statistics.
        """
        found = {one.edit for one in find_requested_edits(cell.facet, cell.value, cell.class_name, prompt)}
        if found & OUTLINED:
            return "4"
        return "3" if found & {*MEDIA, *BORROWING_EDITS} else self.version

    def settings(self, request: GenerationRequest) -> Mapping[str, Any]:
        """Return the edits with their strengths, the words that were recognised, and the reason in a sentence."""
        plan = plan_edits(request)
        return {
            "edits": [{"edit": step.edit, "strength": step.strength} for step in plan.steps],
            "reference": {"id": request.reference_id, "strength": plan.borrowed} if plan.borrowed else None,
            "recognised": plan.recognised,
            "words": list(plan.words),
            "reason": explain_edits(request.cell, request.prompt, bool(request.reference_path)),
        }

    def recognises(self, text: str) -> tuple[str, ...]:
        """Return the names of the edits that a text asks for; if empty, a mild mix would be applied."""
        return tuple(meaning.edit for meaning in find_edits(text))

    def generate(self, requests: Iterable[GenerationRequest]) -> Iterator[Image]:
        """Yield one RGB image per request, in order; its short side is at most `side_px` (0: the source's own).

        Raises:
            ToolError: A request has no source image, or one that cannot be read.
            SetupError: The source image no longer exists.
        """
        for request in requests:
            if not request.source_path:
                raise ToolError(
                    f"request {request.key!r} names no source image; `photometric` edits real images: use mode `edit`"
                )
            image = open_image(request.source_path, 2 * request.side_px)
            scale = min(1.0, request.side_px / min(image.size)) if request.side_px else 1.0
            size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
            yield _apply_edits(_resize(image, size), request)


def _resize(image: Image, size: tuple[int, int]) -> Image:
    from PIL.Image import Resampling

    return image if image.size == size else image.resize(size, Resampling.LANCZOS)


def _to_tensor(image: Image) -> Tensor:
    import numpy as np
    import torch

    return torch.from_numpy(np.asarray(image, dtype=np.float32) / 255).permute(2, 0, 1).contiguous()


def _apply_edits(image: Image, request: GenerationRequest) -> Image:
    import torch

    plan, edited = plan_edits(request), _to_tensor(image)
    borrows = plan.borrowed or any(step.edit in BORROWING_EDITS for step in plan.steps)
    with torch.inference_mode():
        reference = _read_reference(request, image.size) if borrows else edited
        for step in plan.steps:
            edited = apply_edit(edited, reference, step.edit, step.strength, RandomDraws(step.seed))
        if plan.borrowed:
            draws = RandomDraws(derive_seed(request.seed, "reference"))
            edited = transfer_light(edited, reference, plan.borrowed, draws)
        return _to_eight_bit(edited)


def _read_reference(request: GenerationRequest, size: tuple[int, int]) -> Tensor:
    return _to_tensor(_resize(open_image(request.reference_path, 2 * request.side_px), size))


def apply_edit(image: Tensor, reference: Tensor, edit: str, strength: float, draws: RandomDraws) -> Tensor:
    """Apply one edit by its name; `reference`, of the image's shape, is used by `BORROWING_EDITS` alone."""
    if edit in BORROWING_EDITS:
        borrowed: Tensor = load_part(BORROWING_EDITS, edit, "edit")(image, reference, strength, draws)
        return borrowed
    edited: Tensor = load_part(EDITS, edit, "edit")(image, strength, draws)
    return edited


def edit_image(image: Image, reference: Image, edit: str, strength: float, draws: RandomDraws) -> Image:
    """Apply one edit to a decoded image; `reference` may have any size and is used by `BORROWING_EDITS` alone."""
    import torch

    with torch.inference_mode():
        other = _to_tensor(_resize(reference, image.size))
        return _to_eight_bit(apply_edit(_to_tensor(image), other, edit, strength, draws))


def _to_eight_bit(image: Tensor) -> Image:
    import torch
    from PIL import Image as Pillow

    eight_bit = (image.clamp(0, 1) * 255).round().to(torch.uint8)
    return Pillow.fromarray(eight_bit.permute(1, 2, 0).contiguous().numpy())
