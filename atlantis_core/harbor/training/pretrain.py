"""Pretrain the shipped student: `python -m atlantis_core.harbor.training.pretrain --work FOLDER`.

It sees only pretraining classes, and only by day and at sunset: the demo is to find that the other conditions are
missing. An interrupted training resumes from its last checkpoint.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from atlantis_core.harbor.renderer import RENDERER_VERSION, render
from atlantis_core.harbor.scene import sample_scene
from atlantis_core.harbor.training.progress import describe_machine, print_progress
from atlantis_core.harbor.training.student import MEAN, STD, WEIGHTS, create_student, save_student
from atlantis_core.harbor.vocabulary import COLOURS, PRETRAIN_CLASSES, VESSELS
from atlantis_core.learning.training.resumable import take_step, train

if TYPE_CHECKING:
    from torch import Tensor, nn

SEEN_CONDITIONS = {"day": 48, "sunset": 24}
"""Condition -> images of each pretraining class; the other conditions are never seen."""

_SHIFT_PX = 4
_TEMPERATURE = 16.0  # factor on cosines before the softmax over classes


@dataclass(frozen=True, slots=True)
class Recipe:
    """The settings of one pretraining.

    Attributes:
        steps: Optimiser steps.
        horizon: Length of the cosine schedule of the learning rate, in steps; it may exceed `steps`.
        cooldown: Last steps, over which the rate falls linearly to zero.
        batch: Images per step.
        rate: Highest learning rate.
        seed: Determines initial weights, images and batches.
    """

    steps: int = 1000
    horizon: int = 1800
    cooldown: int = 300
    batch: int = 128
    rate: float = 1.5e-3
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Pool:
    """Training images.

    Attributes:
        images: N x 64 x 64 x 3, 8 bit.
        targets: N x 4, the indexes of class, vessel, hull and trim.
    """

    images: npt.NDArray[np.uint8]
    targets: npt.NDArray[np.int64]


def render_pool(per_condition: Mapping[str, int], seed: int) -> Pool:
    """Render images of every pretraining class.

    Args:
        per_condition: Condition -> images of each class.
        seed: Determines the scenes.
    """
    images, targets = [], []
    for number, vessel_class in enumerate(PRETRAIN_CLASSES):
        target = (
            number,
            VESSELS.index(vessel_class.vessel),
            COLOURS.index(vessel_class.hull),
            COLOURS.index(vessel_class.trim),
        )
        for kind, (condition, count) in enumerate(per_condition.items()):
            for index in range(count):
                scene_seed = ((seed * 1000 + number) * 10 + kind) * 1000 + index
                images.append(render(sample_scene(vessel_class, condition, scene_seed)))
                targets.append(target)
    return Pool(np.stack(images), np.asarray(targets, dtype=np.int64))


def _augment(images: npt.NDArray[np.uint8], rng: np.random.Generator) -> Tensor:
    """Shift a batch and change its exposure a little; N x 64 x 64 x 3 to normalised N x 3 x 64 x 64."""
    import torch

    count, side = images.shape[0], images.shape[1]
    padded = np.pad(images, ((0, 0), (_SHIFT_PX,) * 2, (_SHIFT_PX,) * 2, (0, 0)), mode="edge")
    offsets = rng.integers(0, 2 * _SHIFT_PX + 1, (count, 2))
    moved = np.stack([p[y : y + side, x : x + side] for p, (y, x) in zip(padded, offsets, strict=True)])
    batch = torch.from_numpy(moved).permute(0, 3, 1, 2).float() / 255
    contrast = torch.from_numpy(rng.uniform(0.85, 1.15, (count, 1, 1, 1)).astype(np.float32))
    brightness = torch.from_numpy(rng.uniform(-0.06, 0.06, (count, 1, 1, 1)).astype(np.float32))
    batch = (batch - 0.5) * contrast + 0.5 + brightness
    return (batch - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(STD).view(1, 3, 1, 1)


def _add_heads(student: nn.Module) -> nn.ModuleDict:
    """Add the heads that only pretraining needs: 288 classes, vessel, hull, trim."""
    from torch import nn

    width = int(student.num_features)  # type: ignore[arg-type]
    sizes = (len(VESSELS), len(COLOURS), len(COLOURS))
    heads = nn.ModuleList(
        [nn.Linear(width, len(PRETRAIN_CLASSES), bias=False), *(nn.Linear(width, size) for size in sizes)]
    )
    return nn.ModuleDict({"student": student, "heads": heads})


def _loss(model: nn.ModuleDict, images: Tensor, targets: Tensor) -> Tensor:
    """Return cosine softmax over the classes plus softmax over vessel, hull and trim, which learn sooner."""
    from torch.nn import functional

    embedded = model["student"](images)
    heads: Any = model["heads"]
    by_class, *by_part = heads
    cosines = functional.normalize(embedded) @ functional.normalize(by_class.weight).T
    loss = functional.cross_entropy(_TEMPERATURE * cosines, targets[:, 0])
    for column, head in enumerate(by_part, start=1):
        loss = loss + functional.cross_entropy(head(embedded), targets[:, column])
    return loss


def _learning_rate(recipe: Recipe, step: int) -> float:
    warm = min(1.0, (step + 1) / 200)
    cool = min(1.0, (recipe.steps - step) / recipe.cooldown)
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, step / recipe.horizon)))
    return recipe.rate * warm * cool * (0.02 + 0.98 * cosine)


class Pretraining:
    """Trains a student to distinguish the pretraining classes."""

    def __init__(self, recipe: Recipe, pool: Pool) -> None:
        import torch

        torch.manual_seed(recipe.seed)
        self._recipe, self._pool = recipe, pool
        self.modules = _add_heads(create_student())
        self.optimiser = torch.optim.AdamW(self.modules.parameters(), lr=recipe.rate, weight_decay=0.05)

    def step(self, step: int) -> float:
        """Train on one batch, which depends only on seed and step."""
        import torch

        rng = np.random.default_rng([self._recipe.seed, 1, step])
        chosen = rng.integers(0, len(self._pool.targets), self._recipe.batch)
        for group in self.optimiser.param_groups:
            group["lr"] = _learning_rate(self._recipe, step)
        targets = torch.from_numpy(self._pool.targets[chosen])
        loss = _loss(self.modules, _augment(self._pool.images[chosen], rng), targets)
        return take_step(loss, self.modules, self.optimiser)


def pretrain(
    recipe: Recipe,
    work: Path,
    weights: Path,
    seen: Mapping[str, int] = SEEN_CONDITIONS,
    deadline: float | None = None,
) -> bool:
    """Train a student until done or the deadline; when done, write its weights.

    Args:
        recipe: The settings.
        work: Folder of the checkpoint; an existing one is resumed.
        weights: The safetensors file to write.
        seen: Condition -> images of each class.
        deadline: Value of `time.monotonic()` after which to stop; None for no limit.

    Returns:
        Whether the training is complete.
    """
    training = Pretraining(recipe, render_pool(seen, recipe.seed))
    if not train("student", training, recipe.steps, work, print_progress, deadline):
        return False
    save_student(training.modules["student"], weights, _provenance(recipe, seen))
    return True


def _provenance(recipe: Recipe, seen: Mapping[str, int]) -> dict[str, Any]:
    return {
        "command": "python -m atlantis_core.harbor.training.pretrain",
        "recipe": asdict(recipe),
        "pictures_per_class": dict(seen),
        "renderer_version": RENDERER_VERSION,
        "machine": describe_machine("cpu"),
        "classes": [c.label for c in PRETRAIN_CLASSES],
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and pretrain."""
    import torch

    usual = Recipe()
    parser = argparse.ArgumentParser(prog="python -m atlantis_core.harbor.training.pretrain", description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder of the checkpoint, resumed if it exists")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="file to write (default: the shipped one)")
    parser.add_argument("--steps", type=int, default=usual.steps)
    parser.add_argument("--seed", type=int, default=usual.seed)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    pretrain(Recipe(steps=given.steps, seed=given.seed), given.work, given.weights)


if __name__ == "__main__":
    main()
