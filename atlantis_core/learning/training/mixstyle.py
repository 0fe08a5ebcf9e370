"""MixStyle: mix the feature statistics of two images of a batch, as if each also existed in the other's style."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

ALPHA = 0.1
"""Shape of the beta distribution of the shares (Zhou et al. 2021, section 3.2)."""
_EPSILON = 1e-6
_STREAM = 11
"""Distinguishes these random numbers from others of the same seed and step."""


def mix_style(activations: Tensor, share: float, seed: int, step: int) -> Tensor:
    """Mix the styles of a batch's activations (B, C, H, W) or (B, N, C) at a share (0..1) of the steps.

    Each image keeps its normalised features, and gets a mixture of its channels' mean and standard deviation with
    those of another image of the batch (Zhou et al. 2021, "Domain Generalization with MixStyle", equations 4 to 6,
    random shuffle). They are the activations below the trained blocks, so a network that is trained whole mixes
    those of its stem. Pooled features (B, F) have no style, and are returned as they are.
    """
    import torch

    generator = np.random.default_rng([seed, step, _STREAM])
    if activations.ndim < 3 or generator.random() >= share:
        return activations
    over = (2, 3) if activations.ndim == 4 else (1,)
    mean = activations.mean(dim=over, keepdim=True)
    spread = (activations.var(dim=over, keepdim=True, unbiased=False) + _EPSILON).sqrt()
    others = torch.from_numpy(generator.permutation(len(activations)))
    drawn = generator.beta(ALPHA, ALPHA, len(activations)).astype(np.float32)
    own = torch.from_numpy(drawn).to(activations.device).view(-1, *[1] * (activations.ndim - 1))
    mixed_mean, mixed_spread = (own * part + (1 - own) * part[others] for part in (mean, spread))
    return (activations - mean) / spread * mixed_spread + mixed_mean
