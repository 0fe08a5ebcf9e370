"""Operations that several edits share: brightness, blending, smooth noise, scattered spots, blur."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from atlantis_core.generation.draws import RandomDraws


def luma(image: Tensor) -> Tensor:
    """Return the brightness of (3, H, W) as (1, H, W), ITU-R BT.601 weights."""
    from kornia.color import rgb_to_grayscale

    grey: Tensor = rgb_to_grayscale(image)
    return grey


def saturate(image: Tensor, factor: float) -> Tensor:
    """Scale saturation: 0 gives grey, 1 changes nothing, 2 doubles it."""
    grey = luma(image)
    return (grey + factor * (image - grey)).clamp(0, 1)


def tint(image: Tensor, gains: tuple[float, float, float]) -> Tensor:
    """Multiply red, green and blue by gains; the result may leave the range 0 to 1."""
    return image * rgb_tensor(gains)


def rgb_tensor(rgb: tuple[float, float, float]) -> Tensor:
    """Return a colour as a tensor (3, 1, 1)."""
    import torch

    return torch.tensor(rgb).view(3, 1, 1)


def blend(image: Tensor, other: Tensor, share: Tensor | float) -> Tensor:
    """Blend `other` into `image` by `share`, 0 to 1: one number, or a map per pixel."""
    return image + share * (other - image)


def gaussian_blur(image: Tensor, sigma_px: float) -> Tensor:
    """Blur (C, H, W) with a Gaussian; the kernel is truncated to fit small images."""
    from kornia.filters import gaussian_blur2d

    if sigma_px < 0.15:
        return image
    fits = min(image.shape[-2:]) - 1
    radius = max(1, min(round(3 * sigma_px), fits))
    size = 2 * radius + 1
    out: Tensor = gaussian_blur2d(image[None], (size, size), (sigma_px, sigma_px), border_type="replicate")[0]
    return out


def directional_blur(image: Tensor, length_px: float, degrees: float) -> Tensor:
    """Blur (C, H, W) along a line of `length_px` at an angle (0 is horizontal)."""
    from kornia.filters import motion_blur

    size = max(3, 2 * round(length_px / 2) + 1)
    out: Tensor = motion_blur(image[None], size, degrees, 0.0, border_type="replicate")[0]
    return out.clamp(0, 1)


def smooth_noise(image: Tensor, draws: RandomDraws, cells: int) -> Tensor:
    """Return a smooth random map (1, H, W), 0 to 1, that varies over about 1/`cells` of the image."""
    import torch

    coarse = draws.flat(1, 1, cells + 1, cells + 1)
    size = list(image.shape[-2:])
    smooth = torch.nn.functional.interpolate(coarse, size=size, mode="bicubic", align_corners=True)
    return smooth[0].clamp(0, 1)


def linear_ramp(image: Tensor, degrees: float) -> Tensor:
    """Return a linear map (1, H, W), 0 to 1, rising along `degrees` (0 to the right, 90 downwards)."""
    import torch

    height, width = image.shape[-2:]
    angle = torch.deg2rad(torch.tensor(degrees))
    down = torch.linspace(-1, 1, height)[:, None] * torch.sin(angle)
    right = torch.linspace(-1, 1, width)[None, :] * torch.cos(angle)
    ramp = down + right
    return ((ramp - ramp.min()) / (ramp.max() - ramp.min()).clamp_min(1e-6))[None]


def distance_map(image: Tensor, x: float, y: float) -> Tensor:
    """Return the distance of every pixel from (x, y), as (1, H, W), in units of the short side."""
    import torch

    height, width = image.shape[-2:]
    side = min(height, width)
    rows = (torch.arange(height) - y * (height - 1))[:, None] / side
    columns = (torch.arange(width) - x * (width - 1))[None, :] / side
    return torch.sqrt(rows**2 + columns**2)[None]


def scatter_spots(image: Tensor, draws: RandomDraws, count: int, sigma_px: float) -> Tensor:
    """Scatter soft spots of one size; return their coverage (1, H, W), 0 to 1."""
    import torch

    height, width = image.shape[-2:]
    cover = torch.zeros(1, height, width)
    centres = draws.flat(count, 2)
    cover[0, (centres[:, 0] * height).long(), (centres[:, 1] * width).long()] = 1.0
    peak = max(1.0, 2 * torch.pi * sigma_px**2)
    return (gaussian_blur(cover, sigma_px) * peak * 1.4).clamp(0, 1)


def add_grain(image: Tensor, draws: RandomDraws, sigma: float) -> Tensor:
    """Add sensor noise of standard deviation `sigma` (0 to 1), about a third of it shared by the channels."""
    height, width = image.shape[-2:]
    noise = 0.8 * draws.normal(3, height, width) + 0.6 * draws.normal(1, height, width)
    return (image + sigma * noise).clamp(0, 1)


def stretch_levels(image: Tensor) -> Tensor:
    """Stretch the tones of (C, H, W), all channels alike: the darkest and lightest 2 % become 0 and 1."""
    import torch

    low, high = torch.quantile(image.flatten(), torch.tensor([0.02, 0.98]))
    stretched: Tensor = ((image - low) / (high - low).clamp_min(0.05)).clamp(0, 1)
    return stretched
