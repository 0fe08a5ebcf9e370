"""The painter's autoencoder: 64 x 64 pixels to a 16 x 16 latent of eight channels and back.

The encoder is computed, not trained: the eight principal components of 4 x 4 patches, each scaled to unit variance,
are the weights of an `AutoencoderTiny` without nonlinearities. A linear code preserves pale colours, while a trained
`AutoencoderKL` with its normalisation reconstructed a green hull in fog as grey (docs/harbor.md). Only the decoder
is trained, independently of the other stages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from atlantis_core.harbor.training.painter.pool import vessel_weights
from atlantis_core.learning.training.resumable import take_step

if TYPE_CHECKING:
    import numpy.typing as npt
    from torch import Tensor

    from atlantis_core.harbor.training.painter.pool import Pool

LATENT_CHANNELS = 8
PATCH = 4
"""Pixels per latent along each axis."""

_PATCH_VALUES = 3 * PATCH * PATCH
SHAPE: dict[str, Any] = {
    "encoder_block_out_channels": (_PATCH_VALUES,) * 3,
    "num_encoder_blocks": (0, 0, 0),
    "decoder_block_out_channels": (24,) * 3,
    "num_decoder_blocks": (3, 2, 1),
    "latent_channels": LATENT_CHANNELS,
}
_RAW_STD = 0.5
"""Standard deviation of the encoder's latents, so small that the decoder's `tanh(x / 3) * 3` is almost linear."""

SCALING = 1 / _RAW_STD
"""The `scaling_factor` that gives the denoiser latents of unit variance."""

_RATE = 2e-3
_BATCH = 16
_PATCHES_ANALYSED = 2000  # images from which the components are computed


def make_autoencoder(images: npt.NDArray[np.uint8]) -> Any:
    """Create an autoencoder with an encoder fitted to (N, 64, 64, 3) images and a random decoder."""
    import torch
    from diffusers import AutoencoderTiny

    model = AutoencoderTiny(**SHAPE, scaling_factor=SCALING)
    mean, directions = _principal_patches(images[:_PATCHES_ANALYSED])
    take, first, second, project = (layer for layer in model.encoder.layers)
    with torch.no_grad():
        for layer in (take, first, second, project):
            layer.weight.zero_()
        take.bias.zero_()
        for colour in range(3):
            take.weight[colour, colour, 1, 1] = 1
        _set_space_to_depth(first.weight, 3)
        _set_space_to_depth(second.weight, 12)
        # The encoder gets pixels from 0 to 1; the components were computed on -1 to 1.
        project.weight[:, :, 1, 1] = torch.from_numpy(2 * directions)
        project.bias.copy_(torch.from_numpy(-directions @ (mean + 1)))
    model.encoder.requires_grad_(requires_grad=False)
    return model


def _set_space_to_depth(weight: Tensor, channels: int) -> None:
    """Set a convolution of stride 2 to move 2 x 2 neighbours into channels."""
    for place, (down, across) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
        for channel in range(channels):
            weight[place * channels + channel, channel, 1 + down, 1 + across] = 1


def _principal_patches(images: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return the mean (48,) and the principal directions (8, 48) of patches, scaled for latents of `_RAW_STD`."""
    scaled = images.astype(np.float32) / 127.5 - 1
    patches = _space_to_depth(_space_to_depth(scaled)).reshape(-1, _PATCH_VALUES)
    mean = patches.mean(axis=0)
    variances, vectors = np.linalg.eigh((patches - mean).T @ (patches - mean) / len(patches))
    best = np.argsort(variances)[::-1][:LATENT_CHANNELS]
    directions = vectors[:, best] * _RAW_STD / np.sqrt(variances[best])
    return mean, np.ascontiguousarray(directions.T).astype(np.float32)


def _space_to_depth(images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Turn (N, H, W, C) into (N, H / 2, W / 2, 4 C), as the encoder's convolutions do."""
    return np.concatenate([images[:, down::2, across::2] for down in (0, 1) for across in (0, 1)], axis=-1)


class AutoencoderTraining:
    """Trains the decoder to reconstruct images."""

    def __init__(self, model: Any, pool: Pool, steps: int, device: str) -> None:
        import torch

        self._model, self._pool, self._steps, self._device = model.to(device), pool, steps, device
        self.modules = model.decoder
        self.optimiser = torch.optim.AdamW(self.modules.parameters(), lr=_RATE, betas=(0.9, 0.99), weight_decay=0.0)

    def step(self, step: int) -> float:
        """Train on one batch, which depends only on the step."""
        import torch

        rng = np.random.default_rng([5, step])
        chosen = rng.integers(0, len(self._pool.images), _BATCH)
        batch = to_tensor(self._pool.images[chosen]).to(self._device)
        weight = torch.from_numpy(vessel_weights(self._pool.boxes[chosen], batch.shape[-1])).to(self._device)
        for group in self.optimiser.param_groups:
            left = (self._steps - step) / (0.6 * self._steps)
            group["lr"] = _RATE * min(1.0, (step + 1) / 50, max(0.02, left))
        with torch.no_grad():
            latents = self._model.encode(batch).latents
        # A little noise, since generated latents are never exactly those of an image.
        noise = torch.from_numpy(rng.standard_normal(tuple(latents.shape), np.float32)).to(self._device)
        copied = self._model.decode(latents + 0.05 * _RAW_STD * noise).sample
        off = copied - batch
        loss = ((off.square() + 0.1 * off.abs()) * weight).mean() + _edge_loss(copied, batch)
        return take_step(loss, self.modules, self.optimiser)


def to_tensor(images: npt.NDArray[np.uint8]) -> Tensor:
    """Turn 8 bit (N, H, W, 3) into (N, 3, H, W), -1 to 1."""
    import torch

    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1


def _edge_loss(copied: Tensor, shown: Tensor) -> Tensor:
    """Return the mean error of the differences between neighbouring pixels, since squared error alone blurs."""
    across = (copied.diff(dim=3) - shown.diff(dim=3)).abs().mean()
    down = (copied.diff(dim=2) - shown.diff(dim=2)).abs().mean()
    return 0.1 * (across + down)


def encode_latents(
    model: Any, images: npt.NDArray[np.uint8], device: str, batch: int = 64
) -> npt.NDArray[np.float16]:
    """Return the latents (N, 8, 16, 16), scaled to unit variance."""
    import torch

    found = []
    with torch.inference_mode():
        for start in range(0, len(images), batch):
            latents = SCALING * model.encode(to_tensor(images[start : start + batch]).to(device)).latents
            found.append(latents.cpu().numpy().astype(np.float16))
    return np.concatenate(found)
