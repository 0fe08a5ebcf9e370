"""Trains recipes on a part of the training images, measures them on the held-out rest, and scores them."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, variance
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.base.errors import SetupError, TrainingFailed
from atlantis_core.base.parallel import map_on_cores
from atlantis_core.run.training_set import collect_real

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlantis_core.learning.inputs.pk_sampler import TrainingImage
    from atlantis_core.learning.recipe import Recipe
    from atlantis_core.run.recipes.held_out import HeldOut
    from atlantis_core.run.session import Session

_PRIOR = 2.0
"""Seeds that the other recipes' spread counts for in a recipe's own: two seeds say little of it."""


@dataclass(frozen=True, slots=True)
class Result:
    """One training of a recipe."""

    recall: float | None
    """Recall@1 on the held-out images; None if it failed."""
    seconds: float
    """Of the training."""
    hits: NDArray[np.bool_] | None = None
    """Of each query, (Q,); None if it failed."""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Figures:
    """The trainings of a recipe, by seed."""

    preset: str
    results: tuple[Result, ...] = ()

    @property
    def recalls(self) -> list[float]:
        """Recall@1 of the trainings that did not fail."""
        return [result.recall for result in self.results if result.recall is not None]

    @property
    def mean(self) -> float | None:
        """Mean Recall@1; None if a training failed."""
        return fmean(self.recalls) if self.results and len(self.recalls) == len(self.results) else None

    @property
    def sd(self) -> float | None:
        """Sample standard deviation of Recall@1; None if a training failed or there is only one."""
        return math.sqrt(variance(self.recalls)) if self.mean is not None and len(self.results) > 1 else None

    @property
    def seconds(self) -> float:
        """Mean seconds of a training."""
        return fmean([result.seconds for result in self.results])

    @property
    def error(self) -> str:
        """Why the first failed training failed; else empty."""
        return next((result.error for result in self.results if result.error), "")

    @property
    def hit_rates(self) -> NDArray[np.float64]:
        """Share of the seeds that hit each query, (Q,)."""
        hits = [result.hits for result in self.results if result.hits is not None]
        return np.asarray(np.array(hits, np.float64).mean(axis=0))


def list_trained_on(session: Session, held: HeldOut) -> list[TrainingImage]:
    """Return the training images that are not held out."""
    kept = {image.id for image in held.rest}
    return [image for image in collect_real(session) if image.id in kept]


def check_comparable(preset: str, recipe: Recipe) -> None:
    """Refuse a recipe that looks at validation queries.

    Raises:
        SetupError: It does.
    """
    if recipe.validate_every:
        raise SetupError(f"{preset}: recipes are compared without validation queries; leave validate_every out")


def train_recipes(
    session: Session, held: HeldOut, recipes: Mapping[str, Recipe], seeds: Sequence[int]
) -> dict[str, list[Result]]:
    """Train each recipe with each seed, side by side where there are several cores; what was trained is reused."""
    from atlantis_core.learning.training.train import prepare_activations

    images = list_trained_on(session, held)
    for recipe in recipes.values():
        prepare_activations(images, session.backbone, recipe, session.cache, session.progress)
    jobs = [(preset, recipe, seed) for preset, recipe in recipes.items() for seed in seeds]
    found: dict[str, list[Result]] = {preset: [] for preset in recipes}
    trained = map_on_cores(lambda job: _train(session, images, held, *job), jobs, at_once=len(jobs))
    for (preset, _, _), result in zip(jobs, trained, strict=True):
        found[preset].append(result)
    return found


def _train(
    session: Session, images: Sequence[TrainingImage], held: HeldOut, preset: str, recipe: Recipe, seed: int
) -> Result:
    from atlantis_core.learning.evaluation import measure_retriever
    from atlantis_core.learning.retriever import load_retriever
    from atlantis_core.learning.training.train import train, training_key

    def progress(what: str, done: int, total: int) -> None:
        session.progress(f"{what}, {preset}, seed {seed}", done, total)

    folder = session.workspace.models / training_key(images, session.backbone, recipe, seed)
    started = time.monotonic()
    try:
        report = train(images, session.backbone, recipe, seed, folder, session.cache, progress)
    except TrainingFailed as failure:
        return Result(None, time.monotonic() - started, error=str(failure))
    measured, outcomes = measure_retriever(load_retriever(folder), held.task, session.cache)
    return Result(measured.recall_at[1], report.seconds, outcomes.hit)


def score_recipes(figures: Sequence[Figures]) -> dict[str, float | None]:
    """Return each recipe's mean less its standard deviation over seeds; None if a training failed.

    A gain over a steady baseline can be proven with fewer seeds. The deviation is shrunk towards that of all recipes.
    """
    common = [one.sd**2 for one in figures if one.sd is not None]
    scores: dict[str, float | None] = {}
    for one in figures:
        own = len(one.results) - 1
        spread = (_PRIOR * fmean(common) + own * (one.sd or 0.0) ** 2) / (_PRIOR + own) if common else 0.0
        scores[one.preset] = None if one.mean is None else one.mean - math.sqrt(spread)
    return scores
