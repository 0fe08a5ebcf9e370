"""The painter's denoiser: a small UNet over 16 x 16 latents that predicts velocity.

The schedule ends in pure noise (Lin et al. 2024, "Common diffusion noise schedules and sample steps are flawed").
Otherwise images as dark as night cannot be generated, since the last noise level would reveal the brightness.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from atlantis_core.harbor.training.painter.autoencoder import LATENT_CHANNELS
from atlantis_core.harbor.training.painter.curriculum import sample_prompt
from atlantis_core.harbor.training.painter.pool import vessel_weights
from atlantis_core.harbor.training.painter.words import MAX_TOKENS, TEXT_WIDTH, encode_prompts
from atlantis_core.harbor.vocabulary import CLASSES, CONDITIONS
from atlantis_core.learning.training.resumable import take_step

if TYPE_CHECKING:
    import numpy.typing as npt
    from torch import Tensor, nn

    from atlantis_core.harbor.training.painter.pool import Pool

SHAPE: dict[str, Any] = {
    "sample_size": 16,
    "in_channels": LATENT_CHANNELS,
    "out_channels": LATENT_CHANNELS,
    "block_out_channels": (64, 128, 160),
    "layers_per_block": 1,
    "down_block_types": ("DownBlock2D", "SimpleCrossAttnDownBlock2D", "SimpleCrossAttnDownBlock2D"),
    "mid_block_type": "UNetMidBlock2DSimpleCrossAttn",
    "up_block_types": ("SimpleCrossAttnUpBlock2D", "SimpleCrossAttnUpBlock2D", "UpBlock2D"),
    "cross_attention_dim": TEXT_WIDTH,
    "attention_head_dim": 16,
    "norm_num_groups": 8,
    # The text also reaches every block through the time embedding, not only by attention.
    "addition_embed_type": "text",
    "addition_embed_type_num_heads": 4,
}
SCHEDULE: dict[str, Any] = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "clip_sample": False,
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,
    "timestep_spacing": "trailing",
    "steps_offset": 1,  # has no effect with trailing steps, but the pipeline warns without it
}
_SNR_CAP = 5.0  # Hang et al. 2023, min-SNR weighting
_LEAST_WEIGHT = 0.3  # with few sampling steps the first one, from pure noise, matters most
_UNCONDITIONAL_SHARE = 0.1  # share of images without a prompt, for classifier-free guidance
_EMA = 0.999
_PALE_FROM = 900
"""From this step on, pale images have a higher weight: sky and sea are learned, and vessels in fog are pale."""

_PALE = (0.5, 2.7)  # lowest and highest weight by contrast


def make_denoiser() -> Any:
    """Create the UNet with random weights."""
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(**SHAPE)


def make_scheduler() -> Any:
    """Create the scheduler for training and sampling."""
    from diffusers import DDIMScheduler

    return DDIMScheduler(**SCHEDULE)


class DenoiserTraining:
    """Trains a UNet to denoise latents, conditioned on text.

    Args:
        model: From `make_denoiser`.
        words: Tokenizer and frozen text encoder.
        latents: Scaled to unit variance, (N, 8, 16, 16).
        pool: The images of the latents.
        steps: Total optimiser steps; the learning rate falls to zero over the last fifth.
        batch: Images per step.
        rate: Highest learning rate.
        device: Device to train on.
    """

    def __init__(
        self,
        model: Any,
        words: tuple[Any, nn.Module],
        latents: npt.NDArray[np.float16],
        pool: Pool,
        steps: int,
        batch: int,
        rate: float,
        device: str,
    ) -> None:
        import torch
        from torch import nn

        self._device, self._pool, self._latents = device, pool, latents
        self._pale = _contrast_weights(latents)
        self._tokenizer, self._encoder = words[0], words[1].to(device).eval().requires_grad_(requires_grad=False)
        self._steps, self._batch, self._rate = steps, batch, rate
        self.model = model.to(device)
        self.average = copy.deepcopy(self.model).requires_grad_(requires_grad=False)
        self.modules = nn.ModuleDict({"model": self.model, "average": self.average})
        self.optimiser = torch.optim.AdamW(self.model.parameters(), lr=rate, betas=(0.9, 0.99), weight_decay=0.01)
        self._kept = make_scheduler().alphas_cumprod.to(device)  # share of the signal's variance, by time step

    def step(self, step: int) -> float:
        """Train on one batch; images, times, noise and prompts depend only on the step."""
        import torch

        rng = np.random.default_rng([7, step])
        for group in self.optimiser.param_groups:
            group["lr"] = self._rate * min(1.0, (step + 1) / 200, (self._steps - step) / (0.2 * self._steps))
        chosen = rng.integers(0, len(self._latents), self._batch)
        clean = torch.from_numpy(self._latents[chosen].astype(np.float32)).to(self._device)
        noise = torch.from_numpy(rng.standard_normal(clean.shape, np.float32)).to(self._device)
        times = torch.from_numpy(rng.integers(0, len(self._kept), self._batch)).to(self._device)
        kept = self._kept[times].view(-1, 1, 1, 1)
        noisy, velocity = (
            kept.sqrt() * clean + (1 - kept).sqrt() * noise,
            kept.sqrt() * noise - (1 - kept).sqrt() * clean,
        )
        predicted = self.model(noisy, times, self._encode_prompts(chosen, rng)).sample
        weight = ((kept / (1 - kept)).clamp(max=_SNR_CAP) * (1 - kept)).clamp(min=_LEAST_WEIGHT)
        weight = weight * torch.from_numpy(vessel_weights(self._pool.boxes[chosen], clean.shape[-1])).to(self._device)
        if step >= _PALE_FROM:
            weight = weight * torch.from_numpy(self._pale[chosen]).view(-1, 1, 1, 1).to(self._device)
        loss = ((predicted - velocity).square() * weight).mean()
        value = take_step(loss, self.model, self.optimiser)
        self._update_average(step)
        return value

    def _encode_prompts(self, chosen: npt.NDArray[np.int64], rng: np.random.Generator) -> Tensor:
        import torch

        prompts = [
            "" if rng.random() < _UNCONDITIONAL_SHARE else sample_prompt(CLASSES[number], CONDITIONS[condition], rng)
            for number, condition in self._pool.shown[chosen]
        ]
        with torch.no_grad():
            hidden = encode_prompts(self._tokenizer, self._encoder, prompts)
        assert hidden.shape[1:] == (MAX_TOKENS, TEXT_WIDTH)
        return hidden

    def _update_average(self, step: int) -> None:
        import torch

        share = 1 - min(_EMA, (1 + step) / (10 + step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.model.parameters()), share)


def _contrast_weights(latents: npt.NDArray[np.float16]) -> npt.NDArray[np.float32]:
    """Return weights (N,), higher for less contrast; images in fog have a fifth of the contrast of day."""
    inner = latents.astype(np.float32)
    inner -= inner.mean(axis=(2, 3), keepdims=True)
    contrast = inner.std(axis=(1, 2, 3))
    weights: npt.NDArray[np.float32] = (np.median(contrast) / contrast).clip(*_PALE).astype(np.float32)
    return weights
