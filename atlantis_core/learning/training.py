"""One training of one retriever with one seed, on cached activations."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from atlantis_core.errors import TrainingFailed
from atlantis_core.keys import content_key
from atlantis_core.learning import augmentation, pictures
from atlantis_core.learning.activations import ActivationCache, ViewKind, Views
from atlantis_core.learning.backbones import Backbone
from atlantis_core.learning.checkpoint import TrainReport, finished_report, save_checkpoint
from atlantis_core.learning.devices import best_device
from atlantis_core.learning.heads import fresh_head, make_head
from atlantis_core.learning.losses import make_loss
from atlantis_core.learning.recipe import Recipe
from atlantis_core.learning.sampler import Batch, TrainingImage, batches, class_names
from atlantis_core.learning.setting import LossModule
from atlantis_core.learning.stages import Stages, split
from atlantis_core.learning.trunks import create_trunk
from atlantis_core.ports import Progress, no_progress

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import Tensor, nn

VERSION = 2
"""Raise it whenever the same inputs would train another model: finished checkpoints are found by it."""


def train(
    images: Sequence[TrainingImage],
    backbone: Backbone,
    recipe: Recipe,
    seed: int,
    folder: str | Path,
    cache: ActivationCache,
    progress: Progress = no_progress,
) -> TrainReport:
    """Train a retriever and leave its checkpoint in `folder`; a finished one is not trained again.

    Args:
        images: Training images, real and made.
        backbone: Where the trunk starts.
        recipe: How to train.
        seed: Decides the batches. The same arguments give the same bits on one machine and number of threads.
        folder: Checkpoint folder: `model.safetensors` and, written last, `model.json`.
        cache: Activations, shared by all trainings.
        progress: Told of activations and steps.

    Raises:
        SetupError: Fewer than two classes, an unreadable image, or settings that do not exist.
        TrainingFailed: The loss or the gradients are not finite.
    """
    folder = Path(folder)
    key = training_key(images, backbone, recipe, seed)
    finished = finished_report(folder, key)
    if finished is not None:
        return finished
    started = time.perf_counter()
    space = make_head(recipe.head)
    stages = split(create_trunk(backbone).to(best_device()), recipe.trainable_fraction)
    data = _activations(images, backbone, recipe, stages, cache, progress)
    head = fresh_head(space, _pooled(stages, data), recipe.embed_dim).to(best_device())
    loss = make_loss(recipe, len(class_names(images)), head.linear.out_features, seed)  # type: ignore[union-attr,arg-type]
    losses = _fit(stages, head, loss.to(best_device()), data, batches(images, recipe, seed), recipe, progress)
    tenth = max(1, len(losses) // 10)
    report = TrainReport(
        path=str(folder),
        key=key,
        steps=recipe.steps,
        seconds=time.perf_counter() - started,
        first_loss=float(np.mean(losses[:tenth])),
        last_loss=float(np.mean(losses[-tenth:])),
    )
    save_checkpoint(folder, stages.trunk, head, space, backbone, recipe, seed, report)
    return report


def training_key(images: Sequence[TrainingImage], backbone: Backbone, recipe: Recipe, seed: int) -> str:
    """Return the content address of a training; paths do not enter, contents do."""
    rows = [[image.id, image.label, image.weight] for image in images]
    versions = [VERSION, augmentation.VERSION, pictures.VERSION]
    return content_key("training", [versions, rows, backbone.fingerprint, recipe.key, seed])


@dataclass(frozen=True, slots=True)
class _Data:
    """Cached activations of the training images."""

    clean: list[Views]
    augmented: list[Views]

    def batch(self, images: NDArray[np.int64], views: NDArray[np.int64]) -> Tensor:
        """Return activations (B, ...) in float32."""
        import torch

        rows = [
            self.clean[image][0] if view == 0 else self.augmented[image][view - 1]
            for image, view in zip(images.tolist(), views.tolist(), strict=True)
        ]
        return torch.from_numpy(np.stack(rows)).to(best_device()).float()


def prepare(
    images: Sequence[TrainingImage],
    backbone: Backbone,
    recipe: Recipe,
    cache: ActivationCache,
    progress: Progress = no_progress,
) -> None:
    """Compute the activations that `train` will need, so that trainings side by side find them there."""
    stages = split(create_trunk(backbone).to(best_device()), recipe.trainable_fraction)
    _activations(images, backbone, recipe, stages, cache, progress)


def _activations(
    images: Sequence[TrainingImage],
    backbone: Backbone,
    recipe: Recipe,
    stages: Stages,
    cache: ActivationCache,
    progress: Progress,
) -> _Data:
    side_px = recipe.side_px or backbone.input_px
    clean = cache.load(images, ViewKind(side_px), backbone, stages, progress)
    if not recipe.views:
        return _Data(clean, [])
    kind = ViewKind(side_px, recipe.views, recipe.augmentation)
    return _Data(clean, cache.load(images, kind, backbone, stages, progress))


def _pooled(stages: Stages, data: _Data, batch_size: int = 128) -> Tensor:
    """Return the pooled features (N, F) of the clean views before any training."""
    import torch

    numbers = np.arange(len(data.clean))
    with torch.inference_mode():
        chunks = [
            stages.upper(data.batch(chunk, np.zeros_like(chunk))).cpu()
            for chunk in np.array_split(numbers, math.ceil(len(numbers) / batch_size))
        ]
    return torch.cat(chunks).clone()


def _fit(
    stages: Stages,
    head: nn.Module,
    loss_of: LossModule,
    data: _Data,
    source: Any,
    recipe: Recipe,
    progress: Progress,
) -> list[float]:
    """Train in place and return the loss of every step."""
    import torch

    optimizer = _optimizer(stages, head, loss_of, recipe)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, recipe))
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    losses: list[float] = []
    for step in range(recipe.steps):
        progress("training", step, recipe.steps)
        batch: Batch = next(source)
        embeddings = head(stages.upper(data.batch(batch.images, batch.views)))
        loss = loss_of(embeddings, torch.from_numpy(batch.labels).to(embeddings.device))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(parameters, recipe.clip_norm)
        losses.append(loss.item())
        if not math.isfinite(losses[-1]) or not math.isfinite(norm.item()):
            raise TrainingFailed(f"the loss is {losses[-1]} and the gradient {norm.item()} at step {step}")
        optimizer.step()
        schedule.step()
    progress("training", recipe.steps, recipe.steps)
    return losses


def _optimizer(stages: Stages, head: nn.Module, loss: LossModule, recipe: Recipe) -> torch.optim.AdamW:
    """Return AdamW (Loshchilov and Hutter 2019) that decays matrices only, at one rate for trunk, head and proxies.

    Proxies are directions: there is nothing to decay.
    """
    import torch

    groups = []
    for module, rate in ((stages.trunk, recipe.lr_trunk), (head, recipe.lr_head)):
        trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
        for matrices, decay in ((True, recipe.weight_decay), (False, 0.0)):
            chosen = [parameter for parameter in trained if (parameter.ndim > 1) is matrices]
            groups.append({"params": chosen, "lr": rate, "weight_decay": decay})
    groups.append({"params": list(loss.parameters()), "lr": loss.lr, "weight_decay": 0.0})
    return torch.optim.AdamW([group for group in groups if group["params"]])


def _rate(step: int, recipe: Recipe) -> float:
    """Return the learning rate's factor: linear warm-up, then half a cosine (Loshchilov and Hutter 2017, eq. 5)."""
    if step < recipe.warmup_steps:
        return (step + 1) / (recipe.warmup_steps + 1)
    done = (step - recipe.warmup_steps) / max(1, recipe.steps - recipe.warmup_steps)
    return 0.5 * (1 + math.cos(math.pi * done))
