"""The camera: defocus, motion, sensor noise, sharpening."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlantis_core.generation.edits import pixels

if TYPE_CHECKING:
    from torch import Tensor

    from atlantis_core.generation.draws import RandomDraws


def blur(image: Tensor, strength: float, draws: RandomDraws) -> Tensor:
    """Defocus by about 1 to 2.5 % of the short side; about one image in three gets motion blur instead."""
    if draws.chance(0.35):
        return motion(image, strength, draws)
    return pixels.gaussian_blur(image, strength * draws.uniform(0.009, 0.024) * min(image.shape[-2:])).clamp(0, 1)


def motion(image: Tensor, strength: float, draws: RandomDraws) -> Tensor:
    """Blur along one direction by about 4 to 10 % of the short side, as camera shake does."""
    length_px = strength * draws.uniform(0.045, 0.1) * min(image.shape[-2:])
    return pixels.directional_blur(image, max(3.0, length_px), draws.uniform(0, 180))


def noise(image: Tensor, strength: float, draws: RandomDraws) -> Tensor:
    """Add sensor noise, stronger in bright areas (shot noise); fine, or blotchy as after denoising."""
    height, width = image.shape[-2:]
    pattern = draws.normal(3, height, width)
    if draws.chance(0.4):
        pattern = pixels.gaussian_blur(pattern, 0.7) * 2.2
    sigma = strength * draws.uniform(0.05, 0.13)
    return (image + sigma * (0.5 + image.clamp_min(0).sqrt()) * pattern).clamp(0, 1)


def sharp(image: Tensor, strength: float, draws: RandomDraws) -> Tensor:
    """Sharpen with an unsharp mask."""
    soft = pixels.gaussian_blur(image, draws.uniform(0.8, 1.6))
    return (image + strength * draws.uniform(0.5, 1.3) * (image - soft)).clamp(0, 1)
