"""One training of one retriever with one seed."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.base.errors import SetupError, TrainingFailed
from atlantis_core.base.hashing import content_key
from atlantis_core.base.parallel import best_device, keep_freed_memory
from atlantis_core.base.ports import Progress, no_progress
from atlantis_core.learning.inputs import augmentation, preprocessing
from atlantis_core.learning.inputs.activation_cache import ActivationCache
from atlantis_core.learning.inputs.loaders import Feed, make_feed
from atlantis_core.learning.inputs.pk_sampler import TrainingImage, batches, class_names, weighted
from atlantis_core.learning.losses.losses import make_loss
from atlantis_core.learning.models.backbones import Backbone
from atlantis_core.learning.models.checkpoint import TrainReport, finished_report, save_checkpoint, save_losses
from atlantis_core.learning.models.heads import Sphere, fresh_head, make_head
from atlantis_core.learning.models.split_trunk import Stages, split
from atlantis_core.learning.models.trunks import create_trunk
from atlantis_core.learning.recipe import Recipe
from atlantis_core.learning.retriever import Retriever
from atlantis_core.learning.training.distributed import Fleet, this_fleet
from atlantis_core.learning.training.divergence import Health
from atlantis_core.learning.training.early_stopping import BestSoFar, Validation
from atlantis_core.learning.training.gradients import Descent, embedder
from atlantis_core.learning.training.loop import STATE_NAME, Fit, Pauses
from atlantis_core.learning.training.optimizer import make_optimizer
from atlantis_core.learning.training.weight_averaging import Average, Start

if TYPE_CHECKING:
    from torch import Tensor, nn

VERSION = 3
"""Raise it whenever the same inputs would train another model: finished checkpoints are found by it."""


def train(
    images: Sequence[TrainingImage],
    backbone: Backbone,
    recipe: Recipe,
    seed: int,
    folder: str | Path,
    cache: ActivationCache,
    progress: Progress = no_progress,
    validation: Validation | None = None,
    save_seconds: float = 30.0,
) -> TrainReport:
    """Train a retriever and leave its checkpoint in `folder`; a finished one is not trained again.

    Args:
        images: Training images, real and made.
        backbone: Where the trunk starts.
        recipe: How to train.
        seed: Decides the batches. The same arguments give the same bits on one machine and number of threads.
        folder: Checkpoint folder: `losses.json`, `model.safetensors` and, written last, `model.json`. While it
            trains, `state.safetensors`, with which a training that was cut short goes on.
        cache: Activations, shared by all trainings.
        progress: Told of activations and steps.
        validation: Measures on the way, where the recipe says so (`validate_every`).
        save_seconds: Between saved states.

    Raises:
        SetupError: Fewer than two classes, an unreadable image, or settings that do not exist or do not fit.
        TrainingFailed: The loss or the gradients are not finite, the loss explodes or the embeddings collapse.
    """
    folder = Path(folder)
    key = training_key(images, backbone, recipe, seed, validation)
    finished = finished_report(folder, key)
    if finished is not None:
        return finished
    keep_freed_memory()
    started, fleet, state_file = time.perf_counter(), this_fleet(), folder / STATE_NAME
    images = weighted(images, recipe)
    space, stages = make_head(recipe.head), _stages(backbone, recipe)
    feed = make_feed(images, backbone, recipe, stages, cache, progress)
    head = fresh_head(space, _pooled(stages, feed), recipe.embed_dim).to(best_device())
    searched = head if recipe.embedding == "head" else None
    model = Retriever(
        backbone, stages, searched, recipe.side_px or backbone.input_px, space if searched else Sphere()
    )
    fit = _fit(key, model, head, recipe, len(class_names(images)), seed, validation, fleet)
    fit.restore(state_file)
    source = itertools.islice(batches(images, recipe, seed, fit.steps), recipe.steps - fit.steps)
    try:
        fit.run(feed, source, Pauses(state_file if fleet.leads else None, save_seconds, progress))
    except TrainingFailed:
        _forget(state_file)
        raise
    progress("training", recipe.steps, recipe.steps)
    report = _report(fit, folder, time.perf_counter() - started)
    if fleet.leads:
        save_losses(folder, fit.health.losses)
        save_checkpoint(folder, stages.trunk, head, space, backbone, recipe, seed, report)
        _forget(state_file)
    fleet.wait()
    if finished_report(folder, key) is None:  # a process with a folder of its own
        save_checkpoint(folder, stages.trunk, head, space, backbone, recipe, seed, report)
    return report


def training_key(
    images: Sequence[TrainingImage],
    backbone: Backbone,
    recipe: Recipe,
    seed: int,
    validation: Validation | None = None,
) -> str:
    """Return the content address of a training; paths do not enter, contents do.

    Weights count as the recipe sees them, so that what is made or given matters where the recipe weighs it.
    Validation queries count only where the recipe looks at them on the way.
    """
    rows = [[image.id, image.label, image.weight] for image in weighted(images, recipe)]
    versions = [VERSION, augmentation.VERSION, preprocessing.VERSION]
    watched = [validation.key] if validation is not None and recipe.validate_every else []
    return content_key("training", [versions, rows, backbone.fingerprint, recipe.key, seed, *watched])


def prepare(
    images: Sequence[TrainingImage],
    backbone: Backbone,
    recipe: Recipe,
    cache: ActivationCache,
    progress: Progress = no_progress,
) -> None:
    """Compute the activations that `train` will need, so that trainings side by side find them there."""
    if recipe.feed == "cached":
        make_feed(images, backbone, recipe, _stages(backbone, recipe), cache, progress)


def _stages(backbone: Backbone, recipe: Recipe) -> Stages:
    return split(create_trunk(backbone, recipe.side_px).to(best_device()), recipe.trainable_fraction)


def _pooled(stages: Stages, feed: Feed, batch_size: int = 128) -> Tensor:
    """Return pooled features (N, F) of clean views before any training."""
    import torch

    with torch.inference_mode():
        chunks = [stages.upper(activations).cpu() for activations in feed.clean(batch_size)]
    return torch.cat(chunks).clone()


def _fit(
    key: str,
    model: Retriever,
    head: nn.Module,
    recipe: Recipe,
    num_classes: int,
    seed: int,
    validation: Validation | None,
    fleet: Fleet,
) -> Fit:
    """Return a training that has not begun."""
    if recipe.validate_every and validation is None:
        raise SetupError(
            f"the recipe measures every {recipe.validate_every} steps, but was given no validation queries"
        )
    loss = make_loss(recipe, num_classes, head.linear.out_features, seed).to(best_device())  # type: ignore[union-attr,arg-type]
    trained = [p for p in [*model.stages.trunk.parameters(), *head.parameters()] if p.requires_grad]
    watching = validation if recipe.validate_every else None
    return Fit(
        key=key,
        recipe=recipe,
        descent=Descent(embedder(model.stages, head, recipe), loss, trained, recipe.chunk, fleet),
        optimizer=make_optimizer(model.stages.trunk, head, loss, recipe),
        health=Health(),
        average=Average(trained, recipe.ema_decay) if recipe.ema_decay else None,
        start=Start([p for p in model.stages.trunk.parameters() if p.requires_grad], recipe.start_share)
        if recipe.start_share
        else None,
        best=BestSoFar(trained, recipe.patience) if watching else None,
        measure=(lambda: watching(model)) if watching else None,
        place=model.place,
    )


def _report(fit: Fit, folder: Path, seconds: float) -> TrainReport:
    losses = fit.health.losses
    tenth = max(1, len(losses) // 10)
    return TrainReport(
        path=str(folder),
        key=fit.key,
        steps=fit.steps,
        seconds=seconds,
        first_loss=float(np.mean(losses[:tenth])),
        last_loss=float(np.mean(losses[-tenth:])),
        kept_step=fit.best.best[0] if fit.best else fit.steps,
        measured=fit.best.measured if fit.best else [],
    )


def _forget(state_file: Path) -> None:
    """Delete a state, and the folder that nothing else is in."""
    state_file.unlink(missing_ok=True)
    if state_file.parent.is_dir() and not any(state_file.parent.iterdir()):
        state_file.parent.rmdir()
