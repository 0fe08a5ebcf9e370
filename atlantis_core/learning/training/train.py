"""Train one retriever with one seed."""

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
from atlantis_core.learning.training.attacked_batches import make_attacked_batches
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
    """Train a retriever and write its checkpoint to `folder`; reuse a finished checkpoint of the same training.

    The folder receives `losses.json`, `model.safetensors` and, last, `model.json`. During training it contains
    `state.safetensors`, saved every `save_seconds`, from which an interrupted training resumes. The seed decides the
    batches; results are bit-identical on one machine with one number of threads. `validation` measures during
    training if the recipe says so (`validate_every`).

    Raises:
        SetupError: Fewer than two classes, an unreadable image, or settings that do not exist or do not fit.
        TrainingFailed: The loss or the gradients are not finite, the loss explodes, or the embeddings collapse.
    """
    folder = Path(folder)
    key = training_key(images, backbone, recipe, seed, validation)
    finished = find_finished_report(folder, key)
    if finished is not None:
        return finished
    keep_freed_memory()
    started, processes, state_file = time.perf_counter(), current_process_group(), folder / STATE_NAME
    images = weight_by_source(images, recipe)
    space, stages = make_head(recipe.head), _build_stages(backbone, recipe)
    loader = make_loader(images, backbone, recipe, stages, cache, progress)
    head = make_pca_head(space, _pool_clean_views(stages, loader), recipe.embed_dim).to(best_device())
    searched = head if recipe.embedding == "head" else None
    model = Retriever(
        backbone, stages, searched, recipe.side_px or backbone.input_px, space if searched else Sphere()
    )
    loop = _start_loop(key, model, head, recipe, len(class_names(images)), seed, validation, processes)
    loop.restore(state_file)
    source = itertools.islice(sample_batches(images, recipe, seed, loop.steps), recipe.steps - loop.steps)
    try:
        loop.run(loader, source, StateSaver(state_file if processes.is_main else None, save_seconds, progress))
    except TrainingFailed:
        _delete_state(state_file)
        raise
    progress("training", recipe.steps, recipe.steps)
    report = _make_report(loop, folder, time.perf_counter() - started)
    if processes.is_main:
        save_losses(folder, loop.monitor.losses)
        save_checkpoint(folder, stages.backbone, head, space, backbone, recipe, seed, report)
        _delete_state(state_file)
    processes.wait()
    if find_finished_report(folder, key) is None:  # this process has its own folder
        save_checkpoint(folder, stages.backbone, head, space, backbone, recipe, seed, report)
    return report


def training_key(
    images: Sequence[TrainingImage],
    backbone: BackboneSpec,
    recipe: Recipe,
    seed: int,
    validation: Validation | None = None,
) -> str:
    """Return the content hash of a training. Image contents count, their paths do not.

    Weights count after `weight_by_source`, so an image's source matters only if the recipe weighs it. Validation
    queries count only if the recipe measures during training.
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
    """Compute the activations that `train` needs, so that parallel trainings find them in the cache."""
    if recipe.feed == "cached":
        make_loader(images, backbone, recipe, _build_stages(backbone, recipe), cache, progress)


def _build_stages(backbone: BackboneSpec, recipe: Recipe) -> Stages:
    return split_backbone(create_backbone(backbone, recipe.side_px).to(best_device()), recipe.trainable_fraction)


def _pool_clean_views(stages: Stages, loader: BatchLoader) -> Tensor:
    """Return the pooled features (N, F) of clean views before training."""
    import torch

    with torch.inference_mode():
        chunks = [stages.upper(activations).cpu() for activations in loader.clean(batch_size=128)]
    return torch.cat(chunks).clone()


def _start_loop(
    key: str,
    model: Retriever,
    head: nn.Module,
    recipe: Recipe,
    num_classes: int,
    seed: int,
    validation: Validation | None,
    processes: ProcessGroup,
) -> TrainingLoop:
    if recipe.validate_every and validation is None:
        raise SetupError(
            f"recipe: validate_every={recipe.validate_every} needs validation queries; add some or set it to 0"
        )
    loss = make_loss(recipe, num_classes, head.linear.out_features, seed).to(best_device())  # type: ignore[union-attr,arg-type]
    body = [parameter for parameter in model.stages.backbone.parameters() if parameter.requires_grad]
    trained = [*body, *(parameter for parameter in head.parameters() if parameter.requires_grad)]
    watching = validation if recipe.validate_every else None
    gradients = GradientComputer(make_embedder(model.stages, head, recipe), loss, trained, recipe.chunk, processes)
    return TrainingLoop(
        key=key,
        recipe=recipe,
        gradients=gradients,
        optimizer=make_optimizer(model.stages.backbone, head, loss, recipe),
        monitor=DivergenceMonitor(),
        average=MovingAverage(trained, recipe.ema_decay) if recipe.ema_decay else None,
        start=StartingWeights(body, recipe.start_share) if recipe.start_share else None,
        best=BestWeights(trained, recipe.patience) if watching else None,
        measure=(lambda: watching(model)) if watching else None,
        embed=model.embed_activations,
        attacked=make_attacked_batches(model, gradients, make_head(recipe.head), recipe, seed),
        seed=seed,
    )


def _make_report(loop: TrainingLoop, folder: Path, seconds: float) -> TrainReport:
    losses = loop.monitor.losses
    tenth = max(1, len(losses) // 10)
    return TrainReport(
        path=str(folder),
        key=loop.key,
        steps=loop.steps,
        seconds=seconds,
        first_loss=float(np.mean(losses[:tenth])),
        last_loss=float(np.mean(losses[-tenth:])),
        kept_step=loop.best.best[0] if loop.best else loop.steps,
        measured=loop.best.measured if loop.best else [],
    )


def _delete_state(state_file: Path) -> None:
    """Delete a saved state, and its folder if that is then empty."""
    state_file.unlink(missing_ok=True)
    if state_file.parent.is_dir() and not any(state_file.parent.iterdir()):
        state_file.parent.rmdir()
