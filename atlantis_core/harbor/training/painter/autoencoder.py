"""The painter's autoencoder: 64 x 64 pixels to a 16 x 16 latent of eight channels and back.

The encoder is not trained but computed: the eight principal components of 4 x 4 patches, each scaled to unit
variance, written as the weights of an `AutoencoderTiny` without nonlinearities. What is pale stays as it is in a
linear code, while a trained `AutoencoderKL` with its normalisation copied a green hull in fog as a grey one
(docs/harbor.md). Only the decoder is trained, and nothing waits for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from atlantis_core.harbor.training.painter.pool import vessel_weights
from atlantis_core.harbor.training.resumable import take_step

if TYPE_CHECKING:
    import numpy.typing as npt
    from torch import Tensor

    from atlantis_core.harbor.training.painter.pool import Pool

LATENT_CHANNELS = 8
PATCH = 4
"""Pixels that a latent covers, each way."""

_PATCH_VALUES = 3 * PATCH * PATCH
SHAPE: dict[str, Any] = {
    "encoder_block_out_channels": (_PATCH_VALUES,) * 3,
    "num_encoder_blocks": (0, 0, 0),
    "decoder_block_out_channels": (24,) * 3,
    "num_decoder_blocks": (3, 2, 1),
    "latent_channels": LATENT_CHANNELS,
}
_RAW_STD = 0.5
"""Of latents as the encoder gives them: the decoder's `tanh(x / 3) * 3` then hardly bends them."""

SCALING = 1 / _RAW_STD
"""The `scaling_factor` that makes them unit variance for the denoiser."""

_RATE = 2e-3
_BATCH = 16
_PATCHES_ANALYSED = 2000  # pictures that the components are computed from


def make_autoencoder(pictures: npt.NDArray[np.uint8]) -> Any:
    """Make an autoencoder with the encoder that suits (N, 64, 64, 3) pictures and a random decoder."""
    import torch
    from diffusers import AutoencoderTiny

    model = AutoencoderTiny(**SHAPE, scaling_factor=SCALING)
    mean, directions = _principal_patches(pictures[:_PATCHES_ANALYSED])
    take, first, second, project = (layer for layer in model.encoder.layers)
    with torch.no_grad():
        for layer in (take, first, second, project):
            layer.weight.zero_()
        take.bias.zero_()
        for colour in range(3):
            take.weight[colour, colour, 1, 1] = 1
        _set_space_to_depth(first.weight, 3)
        _set_space_to_depth(second.weight, 12)
        # The encoder sees pixels from 0 to 1, the components were computed on those from -1 to 1.
        project.weight[:, :, 1, 1] = torch.from_numpy(2 * directions)
        project.bias.copy_(torch.from_numpy(-directions @ (mean + 1)))
    model.encoder.requires_grad_(requires_grad=False)
    return model


def _set_space_to_depth(weight: Tensor, channels: int) -> None:
    """Let a convolution of stride two put 2 x 2 neighbours one behind the other."""
    for place, (down, across) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
        for channel in range(channels):
            weight[place * channels + channel, channel, 1 + down, 1 + across] = 1


def _principal_patches(pictures: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return patches' mean (48,) and principal directions (8, 48), scaled to give latents of `_RAW_STD`."""
    scaled = pictures.astype(np.float32) / 127.5 - 1
    patches = _space_to_depth(_space_to_depth(scaled)).reshape(-1, _PATCH_VALUES)
    mean = patches.mean(axis=0)
    variances, vectors = np.linalg.eigh((patches - mean).T @ (patches - mean) / len(patches))
    best = np.argsort(variances)[::-1][:LATENT_CHANNELS]
    directions = vectors[:, best] * _RAW_STD / np.sqrt(variances[best])
    return mean, np.ascontiguousarray(directions.T).astype(np.float32)


def _space_to_depth(pictures: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Turn (N, H, W, C) into (N, H / 2, W / 2, 4 C) as the encoder's convolutions do."""
    return np.concatenate([pictures[:, down::2, across::2] for down in (0, 1) for across in (0, 1)], axis=-1)


class AutoencoderTraining:
    """Teaches the decoder to give back what the encoder was shown."""

    def __init__(self, model: Any, pool: Pool, steps: int, device: str) -> None:
        import torch

        self._model, self._pool, self._steps, self._device = model.to(device), pool, steps, device
        self.modules = model.decoder
        self.optimiser = torch.optim.AdamW(self.modules.parameters(), lr=_RATE, betas=(0.9, 0.99), weight_decay=0.0)

    def step(self, step: int) -> float:
        """Train on one batch; which pictures is a function of the step alone."""
        import torch

        rng = np.random.default_rng([5, step])
        chosen = rng.integers(0, len(self._pool.pictures), _BATCH)
        batch = to_tensor(self._pool.pictures[chosen]).to(self._device)
        weight = torch.from_numpy(vessel_weights(self._pool.boxes[chosen], batch.shape[-1])).to(self._device)
        for group in self.optimiser.param_groups:
            left = (self._steps - step) / (0.6 * self._steps)
            group["lr"] = _RATE * min(1.0, (step + 1) / 50, max(0.02, left))
        with torch.no_grad():
            latents = self._model.encode(batch).latents
        # A little noise: what a denoiser draws is never quite a picture's code.
        noise = torch.from_numpy(rng.standard_normal(tuple(latents.shape), np.float32)).to(self._device)
        copied = self._model.decode(latents + 0.05 * _RAW_STD * noise).sample
        off = copied - batch
        loss = ((off.square() + 0.1 * off.abs()) * weight).mean() + _edge_loss(copied, batch)
        return take_step(loss, self.modules, self.optimiser)


def to_tensor(pictures: npt.NDArray[np.uint8]) -> Tensor:
    """Turn (N, H, W, 3) of 8 bit into (N, 3, H, W) from -1 to 1."""
    import torch

    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1


def _edge_loss(copied: Tensor, shown: Tensor) -> Tensor:
    """Mean difference of neighbouring pixels' differences: what squared error alone would blur."""
    across = (copied.diff(dim=3) - shown.diff(dim=3)).abs().mean()
    down = (copied.diff(dim=2) - shown.diff(dim=2)).abs().mean()
    return 0.1 * (across + down)


def encode_latents(
    model: Any, pictures: npt.NDArray[np.uint8], device: str, batch: int = 64
) -> npt.NDArray[np.float16]:
    """Return the latents (N, 8, 16, 16), scaled to unit variance."""
    import torch

    found = []
    with torch.inference_mode():
        for start in range(0, len(pictures), batch):
            latents = SCALING * model.encode(to_tensor(pictures[start : start + batch]).to(device)).latents
            found.append(latents.cpu().numpy().astype(np.float16))
    return np.concatenate(found)
