"""Tone: contrast, saturation, colour cast."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlantis_core.generation.edits import pixels

if TYPE_CHECKING:
    from torch import Tensor

    from atlantis_core.generation.draws import RandomDraws


def low_contrast(image: Tensor, strength: float, draws: RandomDraws) -> Tensor:
    """Compress the tones around a grey near the image's mean."""
    centre = image.mean() + draws.uniform(-0.08, 0.15)
    return pixels.blend(image, centre, strength * draws.uniform(0.4, 0.72)).clamp(0, 1)


def high_contrast(image: Tensor, strength: float, draws: RandomDraws) -> Tensor:
    """Spread the tones around the image's mean."""
    centre = image.mean() + draws.uniform(-0.06, 0.06)
    return (centre + (1 + strength * draws.uniform(0.35, 0.95)) * (image - centre)).clamp(0, 1)


def muted(image: Tensor, strength: float, draws: RandomDraws) -> Tensor:
    """Remove most of the colour."""
    return pixels.saturate(image, 1 - strength * draws.uniform(0.55, 1.0))


def vivid(image: Tensor, strength: float, draws: RandomDraws) -> Tensor:
    """Make the colours stronger."""
    return pixels.saturate(image, 1 + strength * draws.uniform(0.4, 1.1))


def warm(image: Tensor, strength: float, draws: RandomDraws) -> Tensor:
    """Tint towards yellow and red, as lamplight does."""
    tint = strength * draws.uniform(0.1, 0.32)
    return pixels.tint(image, (1 + 0.45 * tint, 1 - draws.uniform(0.1, 0.4) * tint, 1 - 1.3 * tint)).clamp(0, 1)


def cool(image: Tensor, strength: float, draws: RandomDraws) -> Tensor:
    """Tint towards blue or cyan, as shade and some fluorescent tubes do."""
    tint = strength * draws.uniform(0.1, 0.32)
    return pixels.tint(image, (1 - 1.2 * tint, 1 - draws.uniform(0.0, 0.4) * tint, 1 + 0.4 * tint)).clamp(0, 1)
