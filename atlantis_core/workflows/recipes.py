"""Which recipe to train with: a cheap comparison on training images that are held out, never on validation."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, variance
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import SetupError, TrainingFailed
from atlantis_core.base.parallel import map_on_cores
from atlantis_core.data.tasks import RetrievalTask
from atlantis_core.records import LabelledImage
from atlantis_core.run.training_set import collect_real

if TYPE_CHECKING:
    from atlantis_core.learning.inputs.pk_sampler import TrainingImage
    from atlantis_core.learning.recipe import Recipe
    from atlantis_core.run.session import Session

PRESETS = ("auto", "auto?lr_trunk=0.0002", "auto?ema_decay=0.98", "full")
"""Compared if nobody names others: as is, gentler steps, averaged weights, and the whole backbone."""
SHARE = 0.25
"""Share of each class that is held out, if no facet value can be."""
_LEAST, _MOST = 0.1, 0.5
"""Shares of the training images that a facet value may have to be held out."""
_PRIOR = 2.0
"""Seeds that the other recipes' spread counts for in a recipe's own: two seeds say little of it."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Training images in two parts."""

    queries: tuple[LabelledImage, ...]
    rest: tuple[LabelledImage, ...]
    """Trained on, and the gallery."""
    what: str
    """Which images are the queries, in words."""


def hold_out(images: Sequence[LabelledImage], facets: Sequence[str]) -> HeldOut:
    """Hold out the images with one facet value, else a part of every class; only classes that keep two or more.

    A facet value is the harder test, and nearer to queries that differ from all training images. Of those that a
    tenth to half of the images have, it is the most frequent one whose classes also show other values.

    Raises:
        SetupError: No class has three images.
    """
    sizes = Counter(image.label for image in images)
    values = Counter((facet, image.facets[facet]) for image in images for facet in facets if facet in image.facets)
    for (facet, value), _ in values.most_common():
        queries = [image for image in images if image.facets.get(facet) == value]
        own = Counter(image.label for image in queries)
        queries = [image for image in queries if sizes[image.label] - own[image.label] >= 2]
        if _LEAST * len(images) <= len(queries) <= _MOST * len(images):
            return _divide(images, queries, f"training images with {facet}={value}")
    seen: Counter[str] = Counter()
    queries = []
    for image in sorted(images, key=lambda one: one.id):  # a content hash: an arbitrary, lasting order
        if seen[image.label] < math.floor(SHARE * sizes[image.label] + 0.5) and sizes[image.label] >= 3:
            seen[image.label] += 1
            queries.append(image)
    if not queries:
        raise SetupError("no class has 3 training images, so none can be held out to compare recipes on")
    return _divide(images, queries, f"{SHARE:.0%} of each class's training images")


def _divide(images: Sequence[LabelledImage], queries: Sequence[LabelledImage], what: str) -> HeldOut:
    held = {image.id for image in queries}
    return HeldOut(tuple(queries), tuple(image for image in images if image.id not in held), what)


def compare_recipes(session: Session, presets: Sequence[str], seeds: Sequence[int]) -> dict[str, Any]:
    """Train each preset with each seed on a part of the training split, and measure it on the held-out rest.

    The best is the one with the highest mean less the standard deviation over seeds: a gain over a steady baseline
    can be proven with fewer seeds.

    Returns:
        JSON-able: `recipes` (best first: `preset`, `recalls` by seed, `mean`, `sd`, `score`, `seconds`, `error`),
        `best` (a preset; None if every training diverged), `held_out`, `queries` and `trained_on`.

    Raises:
        SetupError: Unknown preset, or no image can be held out.
    """
    from atlantis_core.learning.training.presets import recipe_for
    from atlantis_core.learning.training.train import prepare_activations

    recipes = {text: recipe_for(text, session.spec.backbone, session.backbone) for text in presets}
    collection = session.collection
    held = hold_out(collection.of_split("train"), collection.facets)
    kept = {image.id for image in held.rest}
    images = [image for image in collect_real(session) if image.id in kept]
    for text, recipe in recipes.items():
        if recipe.validate_every:
            raise SetupError(f"{text}: recipes are compared without validation queries; leave validate_every out")
        prepare_activations(images, session.backbone, recipe, session.cache, session.progress)
    task = RetrievalTask(held.queries, held.rest)
    jobs = [(text, recipe, seed) for text, recipe in recipes.items() for seed in seeds]
    results = list(
        map_on_cores(lambda job: _train_and_measure(session, images, task, *job[1:]), jobs, at_once=len(jobs))
    )
    rows = [_row(text, [r for job, r in zip(jobs, results, strict=True) if job[0] == text]) for text in recipes]
    rows = _add_scores(rows)
    return {
        "recipes": rows,
        "best": rows[0]["preset"] if rows[0]["mean"] is not None else None,
        "held_out": held.what,
        "queries": len(held.queries),
        "trained_on": len(held.rest),
    }


def _train_and_measure(
    session: Session, images: Sequence[TrainingImage], task: RetrievalTask, recipe: Recipe, seed: int
) -> tuple[float | None, float, str]:
    """Return Recall@1 on the held-out images, the seconds of the training, and why it failed."""
    from atlantis_core.learning.evaluation import measure_retriever
    from atlantis_core.learning.retriever import load_retriever
    from atlantis_core.learning.training.train import train, training_key

    folder = session.workspace.models / training_key(images, session.backbone, recipe, seed)
    started = time.monotonic()
    try:
        report = train(images, session.backbone, recipe, seed, folder, session.cache, session.progress)
    except TrainingFailed as failure:
        return None, time.monotonic() - started, str(failure)
    measured, _ = measure_retriever(load_retriever(folder), task, session.cache)
    return measured.recall_at[1], report.seconds, ""


def _row(preset: str, results: Sequence[tuple[float | None, float, str]]) -> dict[str, Any]:
    """Return a recipe's figures; without a mean if a seed failed."""
    recalls = [recall for recall, _, _ in results if recall is not None]
    is_complete = len(recalls) == len(results)
    return {
        "preset": preset,
        "recalls": recalls,
        "mean": fmean(recalls) if is_complete else None,
        "sd": math.sqrt(variance(recalls)) if is_complete and len(recalls) > 1 else None,
        "seconds": round(sum(seconds for _, seconds, _ in results) / len(results), 2),
        "error": next((error for _, _, error in results if error), ""),
    }


def _add_scores(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows with `score`, best first; a spread is shrunk towards that of all recipes."""
    common = [row["sd"] ** 2 for row in rows if row["sd"] is not None]
    scored = []
    for row in rows:
        score = None
        if row["mean"] is not None:
            own = len(row["recalls"]) - 1
            pooled = (_PRIOR * fmean(common) + own * row["sd"] ** 2) / (_PRIOR + own) if common else 0.0
            score = row["mean"] - math.sqrt(pooled)
        scored.append(row | {"score": score})
    return sorted(scored, key=lambda row: -math.inf if row["score"] is None else row["score"], reverse=True)
