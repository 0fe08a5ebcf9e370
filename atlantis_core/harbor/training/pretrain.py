"""Pretrain the shipped student: `python -m atlantis_core.harbor.training.pretrain --work FOLDER`.

It sees pretraining classes only, by day and at sunset only: what the other conditions do to a vessel's
colours is left for the demo to find missing. A training cut short goes on at its last checkpoint.
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
from atlantis_core.harbor.training.resumable import describe_machine, print_progress, take_step, train
from atlantis_core.harbor.training.student import MEAN, STD, WEIGHTS, create_student, save_student
from atlantis_core.harbor.vocabulary import COLOURS, PRETRAIN_CLASSES, VESSELS

if TYPE_CHECKING:
    from torch import Tensor, nn

SEEN_CONDITIONS = {"day": 48, "sunset": 24}
"""Pictures of each pretraining class, by condition; the other conditions are never shown."""

_SHIFT_PX = 4
_TEMPERATURE = 16.0  # factor on cosines before the softmax over classes


@dataclass(frozen=True, slots=True)
class Recipe:
    """The settings of one pretraining.

    Attributes:
        steps: Optimiser steps.
        horizon: Steps over which the learning rate would fall as a cosine, if the training were not shorter.
        cooldown: Last steps, over which the rate falls to nothing along a line.
        batch: Pictures per step.
        rate: Highest learning rate.
        seed: Decides initial weights, pictures and batches.
    """

    steps: int = 1000
    horizon: int = 1800
    cooldown: int = 300
    batch: int = 128
    rate: float = 1.5e-3
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Pool:
    """Pictures to train on.

    Attributes:
        pictures: N x 64 x 64 x 3, 8 bit.
        targets: N x 4, the numbers of class, vessel, hull and trim.
    """

    pictures: npt.NDArray[np.uint8]
    targets: npt.NDArray[np.int64]


def render_pool(per_condition: Mapping[str, int], seed: int) -> Pool:
    """Render pictures of every pretraining class.

    Args:
        per_condition: Pictures of each class, by condition.
        seed: Decides the scenes.

    Returns:
        The pictures and what they show.
    """
    pictures, targets = [], []
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
                pictures.append(render(sample_scene(vessel_class, condition, scene_seed)))
                targets.append(target)
    return Pool(np.stack(pictures), np.asarray(targets, dtype=np.int64))


def _augment(pictures: npt.NDArray[np.uint8], rng: np.random.Generator) -> Tensor:
    """Shift and mildly re-expose a batch; N x 64 x 64 x 3 to normalised N x 3 x 64 x 64."""
    import torch

    count, side = pictures.shape[0], pictures.shape[1]
    padded = np.pad(pictures, ((0, 0), (_SHIFT_PX,) * 2, (_SHIFT_PX,) * 2, (0, 0)), mode="edge")
    offsets = rng.integers(0, 2 * _SHIFT_PX + 1, (count, 2))
    moved = np.stack([p[y : y + side, x : x + side] for p, (y, x) in zip(padded, offsets, strict=True)])
    batch = torch.from_numpy(moved).permute(0, 3, 1, 2).float() / 255
    contrast = torch.from_numpy(rng.uniform(0.85, 1.15, (count, 1, 1, 1)).astype(np.float32))
    brightness = torch.from_numpy(rng.uniform(-0.06, 0.06, (count, 1, 1, 1)).astype(np.float32))
    batch = (batch - 0.5) * contrast + 0.5 + brightness
    return (batch - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(STD).view(1, 3, 1, 1)


def _add_heads(student: nn.Module) -> nn.ModuleDict:
    """Put the classifiers beside the student that only pretraining needs: 288 classes, vessel, hull, trim."""
    from torch import nn

    width = int(student.num_features)  # type: ignore[arg-type]
    sizes = (len(VESSELS), len(COLOURS), len(COLOURS))
    heads = nn.ModuleList(
        [nn.Linear(width, len(PRETRAIN_CLASSES), bias=False), *(nn.Linear(width, size) for size in sizes)]
    )
    return nn.ModuleDict({"student": student, "heads": heads})


def _loss(model: nn.ModuleDict, pictures: Tensor, targets: Tensor) -> Tensor:
    """Cosine softmax over the classes, plus plain softmax over vessel, hull and trim, which learn sooner."""
    from torch.nn import functional

    embedded = model["student"](pictures)
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
    """Teaches a student to tell the pretraining classes apart."""

    def __init__(self, recipe: Recipe, pool: Pool) -> None:
        import torch

        torch.manual_seed(recipe.seed)
        self._recipe, self._pool = recipe, pool
        self.modules = _add_heads(create_student())
        self.optimiser = torch.optim.AdamW(self.modules.parameters(), lr=recipe.rate, weight_decay=0.05)

    def step(self, step: int) -> float:
        """Train on one batch; which pictures is a function of seed and step."""
        import torch

        rng = np.random.default_rng([self._recipe.seed, 1, step])
        chosen = rng.integers(0, len(self._pool.targets), self._recipe.batch)
        for group in self.optimiser.param_groups:
            group["lr"] = _learning_rate(self._recipe, step)
        targets = torch.from_numpy(self._pool.targets[chosen])
        loss = _loss(self.modules, _augment(self._pool.pictures[chosen], rng), targets)
        return take_step(loss, self.modules, self.optimiser)


def pretrain(
    recipe: Recipe,
    work: Path,
    weights: Path,
    seen: Mapping[str, int] = SEEN_CONDITIONS,
    deadline: float | None = None,
) -> bool:
    """Train a student as far as the time allows; once complete, write its weights.

    Args:
        recipe: The settings.
        work: Folder for the checkpoint; a checkpoint found there is continued.
        weights: The safetensors file to write.
        seen: Pictures of each class, by condition.
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
    """Read the command line and pretrain."""
    import torch

    usual = Recipe()
    parser = argparse.ArgumentParser(prog="python -m atlantis_core.harbor.training.pretrain", description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder for the checkpoint; continued if there")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="file to write (default: the shipped one)")
    parser.add_argument("--steps", type=int, default=usual.steps)
    parser.add_argument("--seed", type=int, default=usual.seed)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    pretrain(Recipe(steps=given.steps, seed=given.seed), given.work, given.weights)


if __name__ == "__main__":
    main()
