"""What a fit is trained on, decided before anything is loaded: photos, prompts, settings, and their content hash."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.base.errors import SetupError
from atlantis_core.base.hashing import content_hash
from atlantis_core.generation.prompt_templates import fill_templates
from atlantis_core.records import Cell

if TYPE_CHECKING:
    from atlantis_core.records import LabelledImage

FIT_VERSION = 1
"""Increased whenever the same photos and settings would give other weights."""

_UNCONDITIONAL_SHARE = 0.1
"""Share of draws without a prompt, for classifier-free guidance (Ho and Salimans 2022)."""


@dataclass(frozen=True, slots=True)
class FitSettings:
    """How LoRA weights are trained."""

    steps: int
    rank: int
    rate: float
    """Learning rate of AdamW."""
    batch: int
    """Photos per step."""
    seed: int


class FitPlan:
    """The photos of a fit with their prompts, in an order that depends on the settings alone.

    Args:
        base: Content hash of the pipeline.
        photos: Training photos, of the training split only.
        settings: How to train.
        device: Kind of device; another one gives other weights.

    Raises:
        SetupError: There is no photo.
    """

    def __init__(self, base: str, photos: Sequence[LabelledImage], settings: FitSettings, device: str) -> None:
        if not photos:
            raise SetupError("fit=lora has no training photo to fit the generator to; use the model without it")
        if strange := next((photo for photo in photos if photo.split != "train"), None):
            raise ValueError(f"{strange.path!r} is a photo of split {strange.split!r}")
        self.photos, self.settings, self.base, self.device = tuple(photos), settings, base, device

    @cached_property
    def photos_hash(self) -> str:
        """Content hash of the photos, their classes and facets."""
        return content_hash("fit-photos", sorted((p.id, p.label, sorted(p.facets.items())) for p in self.photos))

    @cached_property
    def key(self) -> str:
        """Content hash of all that the weights depend on."""
        return content_hash("lora", [FIT_VERSION, self.base, self.photos_hash, self.settings, self.device])

    @cached_property
    def draws(self) -> tuple[tuple[tuple[LabelledImage, str], ...], ...]:
        """The photos of each step with their prompts: classes equally often, a tenth without a prompt."""
        rng = np.random.default_rng([13, self.settings.seed])
        of_class: dict[str, list[LabelledImage]] = {}
        for photo in sorted(self.photos, key=lambda photo: photo.id):
            of_class.setdefault(photo.label, []).append(photo)
        classes = sorted(of_class)

        def draw() -> tuple[LabelledImage, str]:
            shown = of_class[classes[int(rng.integers(len(classes)))]]
            photo = shown[int(rng.integers(len(shown)))]
            prompts = list_prompts(photo)
            prompt = prompts[int(rng.integers(len(prompts)))]
            return photo, "" if rng.random() < _UNCONDITIONAL_SHARE else prompt

        return tuple(tuple(draw() for _ in range(self.settings.batch)) for _ in range(self.settings.steps))


def list_prompts(photo: LabelledImage) -> tuple[str, ...]:
    """Return the prompts that the prompt writer by rules would write for the cells of a photo."""
    cells = [Cell(photo.label, facet, value) for facet, value in sorted(photo.facets.items())]
    return tuple(prompt for cell in cells or [Cell(photo.label)] for prompt in fill_templates(cell))
