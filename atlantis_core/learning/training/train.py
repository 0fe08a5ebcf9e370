"""One training of one retriever with one seed."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.base.errors import SetupError, TrainingFailed
from atlantis_core.base.hashing import content_hash
from atlantis_core.base.parallel import best_device, keep_freed_memory
from atlantis_core.base.ports import Progress, no_progress
from atlantis_core.learning.inputs import augmentation, preprocessing
from atlantis_core.learning.inputs.activation_cache import ActivationCache
from atlantis_core.learning.inputs.loaders import BatchLoader, make_loader
from atlantis_core.learning.inputs.pk_sampler import TrainingImage, class_names, sample_batches, weight_by_source
from atlantis_core.learning.losses.losses import make_loss
from atlantis_core.learning.models.backbone_modules import create_backbone
from atlantis_core.learning.models.backbones import BackboneSpec
from atlantis_core.learning.models.checkpoint import TrainReport, find_finished_report, save_checkpoint, save_losses
from atlantis_core.learning.models.heads import Sphere, make_head, make_pca_head
from atlantis_core.learning.models.split_backbone import Stages, split_backbone
from atlantis_core.learning.recipe import Recipe
from atlantis_core.learning.retriever import Retriever
from atlantis_core.learning.training.distributed import ProcessGroup, current_process_group
from atlantis_core.learning.training.divergence import DivergenceMonitor
from atlantis_core.learning.training.early_stopping import BestWeights, Validation
from atlantis_core.learning.training.gradients import GradientComputer, make_embedder
from atlantis_core.learning.training.loop import STATE_NAME, StateSaver, TrainingLoop
from atlantis_core.learning.training.optimizer import make_optimizer
from atlantis_core.learning.training.weight_averaging import MovingAverage, StartingWeights

if TYPE_CHECKING:
    from torch import Tensor, nn

VERSION = 3
"""Raise it whenever the same inputs would train another model: finished checkpoints are found by it."""


def train(
    images: Sequence[TrainingImage],
    backbone: BackboneSpec,
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
    finished = find_finished_report(folder, key)
    if finished is not None:
        return finished
    keep_freed_memory()
    started, fleet, state_file = time.perf_counter(), current_process_group(), folder / STATE_NAME
    images = weight_by_source(images, recipe)
    space, stages = make_head(recipe.head), _build_stages(backbone, recipe)
    feed = make_loader(images, backbone, recipe, stages, cache, progress)
    head = make_pca_head(space, _pool_clean_views(stages, feed), recipe.embed_dim).to(best_device())
    searched = head if recipe.embedding == "head" else None
    model = Retriever(
        backbone, stages, searched, recipe.side_px or backbone.input_px, space if searched else Sphere()
    )
    fit = _start_loop(key, model, head, recipe, len(class_names(images)), seed, validation, fleet)
    fit.restore(state_file)
    source = itertools.islice(sample_batches(images, recipe, seed, fit.steps), recipe.steps - fit.steps)
    try:
        fit.run(feed, source, StateSaver(state_file if fleet.leads else None, save_seconds, progress))
    except TrainingFailed:
        _delete_state(state_file)
        raise
    progress("training", recipe.steps, recipe.steps)
    report = _make_report(fit, folder, time.perf_counter() - started)
    if fleet.leads:
        save_losses(folder, fit.health.losses)
        save_checkpoint(folder, stages.backbone, head, space, backbone, recipe, seed, report)
        _delete_state(state_file)
    fleet.wait()
    if find_finished_report(folder, key) is None:  # a process with a folder of its own
        save_checkpoint(folder, stages.backbone, head, space, backbone, recipe, seed, report)
    return report


def training_key(
    images: Sequence[TrainingImage],
    backbone: BackboneSpec,
    recipe: Recipe,
    seed: int,
    validation: Validation | None = None,
) -> str:
    """Return the content address of a training; paths do not enter, contents do.

    Weights count as the recipe sees them, so that what is made or given matters where the recipe weighs it.
    Validation queries count only where the recipe looks at them on the way.
    """
    rows = [[image.id, image.label, image.weight] for image in weight_by_source(images, recipe)]
    versions = [VERSION, augmentation.VERSION, preprocessing.VERSION]
    watched = [validation.key] if validation is not None and recipe.validate_every else []
    return content_hash("training", [versions, rows, backbone.fingerprint, recipe.key, seed, *watched])


def prepare_activations(
    images: Sequence[TrainingImage],
    backbone: BackboneSpec,
    recipe: Recipe,
    cache: ActivationCache,
    progress: Progress = no_progress,
) -> None:
    """Compute the activations that `train` will need, so that trainings side by side find them there."""
    if recipe.feed == "cached":
        make_loader(images, backbone, recipe, _build_stages(backbone, recipe), cache, progress)


def _build_stages(backbone: BackboneSpec, recipe: Recipe) -> Stages:
    return split_backbone(create_backbone(backbone, recipe.side_px).to(best_device()), recipe.trainable_fraction)


def _pool_clean_views(stages: Stages, feed: BatchLoader, batch_size: int = 128) -> Tensor:
    """Return pooled features (N, F) of clean views before any training."""
    import torch

    with torch.inference_mode():
        chunks = [stages.upper(activations).cpu() for activations in feed.clean(batch_size)]
    return torch.cat(chunks).clone()


def _start_loop(
    key: str,
    model: Retriever,
    head: nn.Module,
    recipe: Recipe,
    num_classes: int,
    seed: int,
    validation: Validation | None,
    fleet: ProcessGroup,
) -> TrainingLoop:
    """Return a training that has not begun."""
    if recipe.validate_every and validation is None:
        raise SetupError(
            f"the recipe measures every {recipe.validate_every} steps, but was given no validation queries"
        )
    loss = make_loss(recipe, num_classes, head.linear.out_features, seed).to(best_device())  # type: ignore[union-attr,arg-type]
    trained = [p for p in [*model.stages.backbone.parameters(), *head.parameters()] if p.requires_grad]
    watching = validation if recipe.validate_every else None
    return TrainingLoop(
        key=key,
        recipe=recipe,
        descent=GradientComputer(make_embedder(model.stages, head, recipe), loss, trained, recipe.chunk, fleet),
        optimizer=make_optimizer(model.stages.backbone, head, loss, recipe),
        health=DivergenceMonitor(),
        average=MovingAverage(trained, recipe.ema_decay) if recipe.ema_decay else None,
        start=StartingWeights([p for p in model.stages.backbone.parameters() if p.requires_grad], recipe.start_share)
        if recipe.start_share
        else None,
        best=BestWeights(trained, recipe.patience) if watching else None,
        measure=(lambda: watching(model)) if watching else None,
        place=model.place,
    )


def _make_report(fit: TrainingLoop, folder: Path, seconds: float) -> TrainReport:
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


def _delete_state(state_file: Path) -> None:
    """Delete a state, and the folder that nothing else is in."""
    state_file.unlink(missing_ok=True)
    if state_file.parent.is_dir() and not any(state_file.parent.iterdir()):
        state_file.parent.rmdir()
