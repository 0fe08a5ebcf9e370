"""Reproductions and other sensors: prints, screens, grey and infrared images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.generation.edits import pixels, shapes

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from atlantis_core.generation.draws import RandomDraws

_PROCESS_INKS = ((0.0, 0.62, 0.88), (0.9, 0.05, 0.5), (1.0, 0.92, 0.05), (0.08, 0.08, 0.08))
"""Cyan, magenta, yellow and black ink on white paper, RGB."""
_SCREEN_DEGREES = (15.0, 75.0, 0.0, 45.0)
"""The usual angles of the four halftone screens, so that they do not interfere."""


def print_ink(image: Tensor, strength: float, draws: RandomDraws) -> Tensor:
    """Print the image: halftone in four inks or one, lines as in an engraving, or ink and paper only as a stencil."""
    ways = (_four_inks, _four_inks, _one_ink, _one_ink, _engraving, _stencil)
    paper_level, yellow = draws.uniform(0.82, 1.0), draws.uniform(0.0, 0.14)
    paper = pixels.rgb_tensor((paper_level, paper_level - 0.25 * yellow, paper_level - yellow))
    printed = draws.pick(ways)(image, draws) * paper
    return pixels.blend(image, pixels.add_grain(printed, draws, draws.uniform(0, 0.03)), strength).clamp(0, 1)


def _screen(image: Tensor, degrees: float, period_px: float, draws: RandomDraws) -> NDArray[np.float32]:
    """Return the threshold of a halftone screen at every pixel, (H, W), uniform between 0 and 1."""
    height, width = image.shape[-2:]
    rows, columns = np.mgrid[:height, :width].astype(np.float32) + draws.uniform(0, 9)
    angle = np.deg2rad(degrees)
    along = (columns * np.cos(angle) + rows * np.sin(angle)) * 2 * np.pi / period_px
    across = (rows * np.cos(angle) - columns * np.sin(angle)) * 2 * np.pi / period_px
    wave = np.cos(along) + np.cos(across)
    return np.asarray(np.argsort(np.argsort(wave.ravel())).reshape(wave.shape) / wave.size, dtype=np.float32)


def _dots(ink: Tensor, screen: NDArray[np.float32]) -> Tensor:
    """Return which share of each pixel is printed, (1, H, W), for ink of (1, H, W), 0 to 1; dots have soft rims."""
    import torch

    return ((ink - torch.from_numpy(screen)[None]) * 4 + 0.5).clamp(0, 1)


def _four_inks(image: Tensor, draws: RandomDraws) -> Tensor:
    import torch

    period = draws.uniform(3.0, 5.5) * max(1.0, min(image.shape[-2:]) / 128)
    missing = 1 - image.clamp(0, 1)
    black = missing.amin(0, keepdim=True) * draws.uniform(0.6, 1.0)
    inks = torch.cat([missing - black, black])
    out = torch.ones_like(image)
    for plate, (tone, degrees) in enumerate(zip(_PROCESS_INKS, _SCREEN_DEGREES, strict=True)):
        slip = draws.integer(-1, 1) if draws.chance(0.3) else 0  # plates that do not register
        dots = _dots(inks[plate : plate + 1], _screen(image, degrees, period, draws)).roll(slip, -1)
        out = out * pixels.blend(torch.ones_like(image), pixels.rgb_tensor(tone), dots)
    return out


def _one_ink(image: Tensor, draws: RandomDraws) -> Tensor:
    import torch

    period = draws.uniform(3.0, 6.0) * max(1.0, min(image.shape[-2:]) / 128)
    ink = 1 - pixels.stretch_levels(pixels.luma(image)) ** draws.uniform(0.6, 1.0)
    dots = _dots(ink, _screen(image, draws.uniform(30, 60), period, draws))
    return pixels.blend(torch.ones_like(image), pixels.rgb_tensor((0, 0, 0)) + draws.uniform(0.02, 0.2), dots)


def _engraving(image: Tensor, draws: RandomDraws) -> Tensor:
    """Cut lines that swell where the image is dark; crossed by others in the darkest parts."""
    import torch

    height, width = image.shape[-2:]
    grey = pixels.stretch_levels(pixels.luma(image))
    period = draws.uniform(3.2, 5.0) * max(1.0, min(height, width) / 128)
    bend = shapes.to_image(shapes.smooth_shifts(draws, height, width, 4, 0.3)[0] + 0.5) * 3
    degrees = draws.uniform(0, 180)
    ink = torch.zeros_like(grey)
    for turn, tone in ((0.0, 0.0), (70.0, 0.35)):
        angle = np.deg2rad(degrees + turn)
        rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        wave = torch.cos((columns * np.cos(angle) + rows * np.sin(angle)) * 2 * np.pi / period + bend)
        swell = (1 - grey - tone) / (1 - tone) * 1.7 - 0.85
        ink = torch.maximum(ink, ((wave * 0.5 + swell) * 4).clamp(0, 1))
    return 1 - ink * draws.uniform(0.8, 1.0)


def _stencil(image: Tensor, draws: RandomDraws) -> Tensor:
    """Print only what is darker than most of its surroundings, in one colour."""
    import torch

    grey = pixels.gaussian_blur(pixels.stretch_levels(pixels.luma(image)), 0.012 * min(image.shape[-2:]))
    around = pixels.gaussian_blur(grey, draws.uniform(0.12, 0.3) * min(image.shape[-2:]))
    level = draws.uniform(0.3, 0.7) * around + draws.uniform(0.2, 0.3)
    covered = ((level - grey) * 12 + 0.5).clamp(0, 1)
    tone = pixels.rgb_tensor((0, 0, 0)) + draws.flat(3, 1, 1) * (0.5 if draws.chance(0.4) else 0.1)
    return pixels.blend(torch.ones_like(image), tone, covered)


def screen(image: Tensor, strength: float, draws: RandomDraws) -> Tensor:
    """Photograph the image from a screen: its grid beats with the camera's (moire), with a glow and a cast."""
    import torch

    height, width = image.shape[-2:]
    side = min(height, width)
    lit = pixels.tint(image, (draws.uniform(0.85, 1.0), draws.uniform(0.92, 1.02), draws.uniform(1.0, 1.15)))
    lit = lit * draws.uniform(0.9, 1.05) + draws.uniform(0.02, 0.12)
    angle = np.deg2rad(draws.uniform(-8, 8))
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    bulge = draws.uniform(0.0, 0.25) * pixels.distance_map(image, 0.5, 0.5)[0] ** 2 * side
    across = columns * np.cos(angle) + rows * np.sin(angle) + bulge
    down = rows * np.cos(angle) - columns * np.sin(angle) + bulge
    # A grid near two pixels a period shows as broad coloured bands: each colour's stripes lie beside the others'.
    period = draws.uniform(1.85, 2.3)
    phases = torch.tensor([0.0, 2.1, 4.2]).view(3, 1, 1)
    stripes = torch.cos(across * 2 * np.pi / period + phases) + draws.uniform(0.3, 1) * torch.cos(
        down * 2 * np.pi / draws.uniform(1.9, 2.2)
    )
    # The beat of grid and sensor: a few broad waves, bent by the lens, in each colour a little later.
    wide = (
        across * draws.uniform(-1, 1) + down * draws.uniform(0.5, 1.5) + 4 * pixels.smooth_noise(image, draws, 3)[0]
    )
    beats = torch.cos(wide * 2 * np.pi / (side * draws.uniform(0.07, 0.25)) + phases * draws.uniform(0.3, 1))
    out = lit * (1 + draws.uniform(0.1, 0.25) * stripes) + draws.uniform(0.03, 0.13) * beats
    glow = pixels.gaussian_blur(lit, draws.uniform(0.01, 0.03) * side)
    return pixels.blend(image, pixels.blend(out, glow, draws.uniform(0.1, 0.35)), strength).clamp(0, 1)


def grey(image: Tensor, strength: float, draws: RandomDraws) -> Tensor:
    """Take away all colour; the channels' weights and the contrast vary as those of films do."""
    weights = draws.flat(3, 1, 1) + 0.15
    tone = (image * weights / weights.sum()).sum(0, keepdim=True)
    tone = (tone.clamp(0, 1) ** draws.uniform(0.75, 1.35) - 0.5) * draws.uniform(0.85, 1.3) + 0.5
    grain = draws.normal(1, *image.shape[-2:]) * draws.uniform(0.0, 0.03)
    return pixels.blend(image, (tone + grain).clamp(0, 1).expand_as(image), strength).clamp(0, 1)


def infrared(image: Tensor, strength: float, draws: RandomDraws) -> Tensor:
    """Show what an infrared camera might: near infrared (leaves bright, skies dark) or warmth, white or black hot."""
    tone = _near_infrared(image, draws) if draws.chance(0.5) else _thermal(image, draws)
    noise = draws.normal(1, *image.shape[-2:]) * draws.uniform(0.01, 0.05)
    return pixels.blend(image, (tone + noise).clamp(0, 1).expand_as(image), strength).clamp(0, 1)


def _near_infrared(image: Tensor, draws: RandomDraws) -> Tensor:
    red, green, blue = image[0:1], image[1:2], image[2:3]
    leafy = (green - (red + blue) / 2).clamp_min(0) * draws.uniform(1.5, 3.5)
    tone = pixels.stretch_levels(red * draws.uniform(0.6, 1.0) + green * 0.3 - blue * draws.uniform(0.1, 0.4) + leafy)
    glow = pixels.gaussian_blur(tone, draws.uniform(0.015, 0.04) * min(image.shape[-2:]))
    return (tone + draws.uniform(0.1, 0.4) * glow).clamp(0, 1)


def _thermal(image: Tensor, draws: RandomDraws) -> Tensor:
    """Give things an even tone that their colour does not tell: warm colours are taken for warm, all is soft."""
    warm = image[0:1] * draws.uniform(0.5, 1) - image[2:3] * draws.uniform(0.0, 0.5) + pixels.luma(image) * 0.3
    soft = pixels.stretch_levels(pixels.gaussian_blur(warm, draws.uniform(0.008, 0.02) * min(image.shape[-2:])))
    tone = 1 - soft if draws.chance(0.5) else soft
    far = pixels.distance_map(image, 0.5, 0.5)
    return tone * draws.uniform(0.7, 1.0) * (1 - draws.uniform(0.0, 0.5) * far**2) + draws.uniform(0, 0.1)
