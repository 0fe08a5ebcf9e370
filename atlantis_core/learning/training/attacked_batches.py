"""Adversarial training: attack a share of every batch with the model as it is at that step.

Madry et al. 2018 (equation 2.1) train on attacked images only; here a share stays clean, as in Goodfellow et al. 2015
(section 6), so that clean queries lose little. One step from a random start is nearly as good as many (Wong et al.
2020). As in `learning.robustness`, an image moves towards its nearest negative and away from its nearest positive,
here those of the batch (Zhou and Patel 2022 compare such aims for metric learning). Batch norm keeps its statistics,
so attacked images do not shift those of clean ones (the reason for separate ones in Xie et al. 2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.learning.attacks import Attack, gain_of_attack, parse_attack

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from atlantis_core.learning.models.heads import Head
    from atlantis_core.learning.recipe import Recipe
    from atlantis_core.learning.retriever import Retriever
    from atlantis_core.learning.training.gradients import GradientComputer


_STREAM = 7
"""Distinguishes the random starts from other random numbers of the same seed and step."""


@dataclass(frozen=True, slots=True)
class AttackedBatches:
    """Turns the pixels of a step into activations, after an attack on a share of the images."""

    model: Retriever
    """The model in training; its head may not be the one that is trained."""
    gradients: GradientComputer
    """Embeds activations as the training does."""
    space: Head
    attack: Attack
    share: float
    """Share of the images (0..1) that are attacked, spread evenly over the batch, and so over its classes."""
    seed: int
    twins: bool = False
    """Whether an attacked image takes the place of its neighbour in the batch, of the same class, and leaves its own
    clean."""

    def __call__(self, pixels: Tensor, labels: Tensor, step: int) -> Tensor:
        """Return the activations (B, ...) of normalised pixels (B, 3, S, S), this process's part of the batch.

        `labels` are those of the complete batch. Seed and step decide the random starts.
        """
        import torch

        pixels = pixels.contiguous(memory_format=torch.channels_last)  # half the seconds on a CPU
        rows = torch.from_numpy(spread_rows(len(pixels), self.share)).to(pixels.device)
        if len(rows):
            sources = rows - 1 if self.twins else rows
            towards, away = (points[sources] for points in self._find_targets(pixels, labels))
            starts = self._draw_starts(pixels, step)[rows]
            size = self.gradients.chunk or len(rows)
            parts = [torch.split(tensor, size) for tensor in (pixels[sources], starts, towards, away)]
            pixels = pixels.clone()
            pixels[rows] = torch.cat([self._attack(*part) for part in zip(*parts, strict=True)])
        with torch.no_grad():
            activations: Tensor = self.model.stages.lower(pixels)
        return activations.float()

    def _find_targets(self, pixels: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the embeddings (B, D) of every image's nearest negative and nearest positive in the batch."""
        import torch

        processes = self.gradients.processes
        with torch.no_grad():
            own = torch.cat([self._embed(part) for part in torch.split(pixels, self.gradients.chunk or len(pixels))])
            points = processes.gather(own)
            near = self.space.nearness(points, points)
        is_same = labels[:, None] == labels[None, :]
        is_self = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
        negatives = near.masked_fill(is_same, -torch.inf).argmax(dim=1)
        positives = near.masked_fill(~is_same | is_self, -torch.inf).argmax(dim=1)
        return processes.own_gradients(points[negatives]), processes.own_gradients(points[positives])

    def _draw_starts(self, pixels: Tensor, step: int) -> Tensor:
        """Return a change of each pixel's channel, -1..1; its own one for every step and process."""
        import torch

        if not self.attack.random_start:
            return torch.zeros_like(pixels)
        generator = np.random.default_rng([self.seed, step, self.gradients.processes.rank, _STREAM])
        drawn = generator.uniform(-1, 1, tuple(pixels.shape)).astype(np.float32)
        return torch.from_numpy(drawn).to(pixels.device)

    def _attack(self, pixels: Tensor, starts: Tensor, towards: Tensor, away: Tensor) -> Tensor:
        """Return attacked pixels (N, 3, S, S): steps along the gradient's sign, within epsilon and 0..255."""
        import torch

        mean, std = self._normalisation(pixels)
        raw = (pixels * std + mean) * 255
        low, high = (raw - self.attack.epsilon).clamp_min(0), (raw + self.attack.epsilon).clamp_max(255)
        changed = torch.clamp(raw + self.attack.epsilon * starts, low, high)
        for _ in range(self.attack.num_steps):
            changed.requires_grad_()
            points = self._embed((changed / 255 - mean) / std)
            (gradient,) = torch.autograd.grad(gain_of_attack(self.space, points, towards, away).sum(), changed)
            changed = torch.clamp(changed.detach() + self.attack.step_size * gradient.sign(), low, high)
        return (changed / 255 - mean) / std

    def _embed(self, pixels: Tensor) -> Tensor:
        return self.gradients.embed(self.model.stages.lower(pixels).float())

    def _normalisation(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and spread (1, 3, 1, 1) that pixels of 0..1 are normalised with."""
        import torch

        backbone = self.model.backbone
        mean, std = (torch.tensor(values, device=pixels.device) for values in (backbone.mean, backbone.std))
        return mean.view(1, 3, 1, 1), std.view(1, 3, 1, 1)


def spread_rows(count: int, share: float) -> NDArray[np.int64]:
    """Return the positions among `count` of a share (0..1) of them, evenly spread: every second one for 0.5."""
    steps = np.floor(np.arange(count + 1) * share + 1e-9)
    return np.flatnonzero(np.diff(steps)).astype(np.int64)


def make_attacked_batches(
    model: Retriever, gradients: GradientComputer, space: Head, recipe: Recipe, seed: int
) -> AttackedBatches | None:
    """Return what attacks a recipe's batches; None if it has no attack."""
    if not recipe.attack:
        return None
    attack = parse_attack(recipe.attack)
    return AttackedBatches(model, gradients, space, attack, recipe.attack_share, seed, recipe.attack_twins)
