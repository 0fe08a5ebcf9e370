"""The painter's autoencoder: 64 x 64 pixels to a 16 x 16 latent of eight channels and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from atlantis_core.harbor.painter.pool import on_vessel

if TYPE_CHECKING:
    import numpy.typing as npt
    from torch import Tensor

    from atlantis_core.harbor.painter.pool import Pool

LATENT_CHANNELS = 8
"""Four gave 29 dB but moved yellow hulls to orange, and colours are what tells the classes apart (docs/harbor.md)."""

SHAPE: dict[str, Any] = {
    "block_out_channels": (16, 48, 96),  # few channels at full size, where the time goes
    "down_block_types": ("DownEncoderBlock2D",) * 3,
    "up_block_types": ("UpDecoderBlock2D",) * 3,
    "layers_per_block": 1,
    "latent_channels": LATENT_CHANNELS,
    "norm_num_groups": 8,
    "sample_size": 64,
    "mid_block_add_attention": False,
}
_PATCHES = 0.5  # weight of patches' errors
_KL_WEIGHT = 1e-6  # as in latent diffusion (Rombach et al. 2022): hardly any
_BATCH = 8  # small: what an autoencoder lacks at first is updates, not pictures


def make_autoencoder() -> Any:
    """Make the autoencoder with random weights."""
    from diffusers import AutoencoderKL

    return AutoencoderKL(**SHAPE)


class Copyist:
    """Teaches an autoencoder to give back what it was shown.

    Args:
        model: From `make_autoencoder`.
        pool: What to copy.
        steps: Optimiser steps in all.
        device: Where to compute.
        colours: The second stage, for pale pictures: squared error alone copied a green hull in fog as a grey one.
            Errors count by a picture's own contrast, and those of whole patches as they are, not squared.
    """

    def __init__(self, model: Any, pool: Pool, steps: int, device: str, *, colours: bool) -> None:
        import torch

        self.model, self._pool, self._steps, self._device = model.to(device), pool, steps, device
        self._rate, self._colours = 0.8e-3 if colours else 1.5e-3, colours
        self.modules = model
        self.optimiser = torch.optim.AdamW(model.parameters(), lr=self._rate, betas=(0.9, 0.99), weight_decay=0.0)

    def step(self, step: int) -> float:
        """Train on one batch; which pictures is a function of the step alone."""
        import torch

        rng = np.random.default_rng([5 + self._colours, step])
        chosen = rng.integers(0, len(self._pool.pictures), _BATCH)
        batch = as_tensor(self._pool.pictures[chosen]).to(self._device)
        weight = torch.from_numpy(on_vessel(self._pool.boxes[chosen], batch.shape[-1])).to(self._device)
        for group in self.optimiser.param_groups:
            group["lr"] = self._rate * min(
                1.0, (step + 1) / 50, max(0.02, (self._steps - step) / (0.6 * self._steps))
            )
        told = self.model.encode(batch).latent_dist
        noise = torch.from_numpy(rng.standard_normal(tuple(told.mean.shape), np.float32)).to(self._device)
        copied = self.model.decode(told.mean + told.std * noise).sample
        off = copied - batch
        if self._colours:
            weight = weight * _pale(batch)
        loss = ((off.square() + 0.1 * off.abs()) * weight).mean() + _edges(copied, batch)
        if self._colours:
            loss = loss + _PATCHES * (_patches(off).abs() * _patches(weight)).mean()
        loss = loss + _KL_WEIGHT * told.kl().mean()
        self.optimiser.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        return float(loss.detach())


def as_tensor(pictures: npt.NDArray[np.uint8]) -> Tensor:
    """Turn (N, H, W, 3) of 8 bit into (N, 3, H, W) from -1 to 1."""
    import torch

    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1


def _edges(copied: Tensor, shown: Tensor) -> Tensor:
    """Mean difference of neighbouring pixels' differences: what squared error alone would blur."""
    across = (copied.diff(dim=3) - shown.diff(dim=3)).abs().mean()
    down = (copied.diff(dim=2) - shown.diff(dim=2)).abs().mean()
    return 0.1 * (across + down)


def _patches(picture: Tensor) -> Tensor:
    """Means of 4 x 4 pixels: noise is gone there, colours are not."""
    from torch.nn import functional

    return functional.avg_pool2d(picture, 4)


def _pale(batch: Tensor) -> Tensor:
    """Weights (N, 1, 1, 1): more the less contrast a picture has."""
    return (0.4 / batch.std(dim=(1, 2, 3), keepdim=True)).clamp(0.5, 4)


def latents_of(model: Any, pictures: npt.NDArray[np.uint8], device: str, batch: int = 64) -> npt.NDArray[np.float16]:
    """Return the unscaled mean latents (N, 8, 16, 16)."""
    import torch

    found = []
    with torch.inference_mode():
        for start in range(0, len(pictures), batch):
            told = model.encode(as_tensor(pictures[start : start + batch]).to(device)).latent_dist.mean
            found.append(told.cpu().numpy().astype(np.float16))
    return np.concatenate(found)


def psnr_db(model: Any, pictures: npt.NDArray[np.uint8], device: str) -> float:
    """Return the peak signal-to-noise ratio of copies, in decibels; higher is better."""
    import torch

    shown = as_tensor(pictures).to(device)
    with torch.inference_mode():
        copied = model.decode(model.encode(shown).latent_dist.mean).sample.clamp(-1, 1)
    return float(10 * torch.log10(4 / (copied - shown).square().mean()))
