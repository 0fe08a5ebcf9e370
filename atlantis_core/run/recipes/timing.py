"""How long trainings will take on this machine: a few steps of each recipe, timed."""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from atlantis_core.base.errors import TrainingFailed
from atlantis_core.base.parallel import map_on_cores

if TYPE_CHECKING:
    from atlantis_core.learning.inputs.pk_sampler import TrainingImage
    from atlantis_core.learning.recipe import Recipe
    from atlantis_core.run.session import Session

TIMED_STEPS = 4
"""The first is slower than the others and does not count."""


@dataclass(frozen=True, slots=True)
class RecipeTime:
    """Seconds of a recipe on a collection, beside as many other trainings as there are cores."""

    training: float
    """Of one training and its measurement."""
    preparation: float
    """Of activations that are computed once; recipes that share them are counted once."""


def time_recipes(
    session: Session, images: Sequence[TrainingImage], recipes: Mapping[str, Recipe]
) -> dict[str, RecipeTime | None]:
    """Time a few steps of each recipe on a part of the images, and scale them; None where these steps diverge."""
    from atlantis_core.learning.training.train import prepare_activations

    shares: dict[str, tuple[list[TrainingImage], float]] = {}
    for preset, recipe in recipes.items():
        started, few = time.perf_counter(), _take_few(images, recipe)
        prepare_activations(few, session.backbone, recipe, session.cache, session.progress)
        shares[preset] = few, time.perf_counter() - started
    timed = map_on_cores(
        lambda job: _time_training(session, shares[job[0]][0], job[1]), recipes.items(), at_once=len(recipes)
    )
    found: dict[str, RecipeTime | None] = {}
    for (preset, recipe), one in zip(recipes.items(), timed, strict=True):
        taken, preparation = shares[preset]
        scale = max(1.0, len(images) / len(taken))
        # A measurement embeds queries and gallery once, as the beginning of a training embeds its images.
        found[preset] = one and RecipeTime(2 * scale * one[0] + recipe.steps * one[1], scale * preparation)
    return found


def _take_few(images: Sequence[TrainingImage], recipe: Recipe) -> list[TrainingImage]:
    """Return images for one batch, of as many classes as it has."""
    by_class: dict[str, list[TrainingImage]] = defaultdict(list)
    for image in sorted(images, key=lambda one: one.id):  # content hashes: an arbitrary, lasting order
        by_class[image.label].append(image)
    chosen = list(by_class.values())[: max(2, recipe.classes_per_batch)]
    return [image for group in chosen for image in group[: recipe.images_per_class]]


def _time_training(session: Session, images: Sequence[TrainingImage], recipe: Recipe) -> tuple[float, float] | None:
    """Return the seconds before the first step and of one step; None if the steps diverge."""
    from atlantis_core.learning.training.train import train

    steps: list[float] = []

    def progress(what: str, done: int, total: int) -> None:
        session.progress(f"timing, {what}", done, total)
        if what == "training":
            steps.append(time.perf_counter())

    short = replace(recipe, steps=TIMED_STEPS, warmup_steps=0, head_steps=0)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        try:
            train(images, session.backbone, short, 0, folder, session.cache, progress)
        except TrainingFailed:
            return None
    took = [after - before for before, after in pairwise(steps)]
    return steps[0] - started, median(took[1:])
