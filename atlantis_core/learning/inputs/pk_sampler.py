"""P x K batches: classes uniformly, images of a class by weight, views so that no picture repeats itself."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.base.errors import SetupError
from atlantis_core.learning.recipe import Recipe

if TYPE_CHECKING:
    from numpy.typing import NDArray


_ENDLESS = 2**40
"""Views of one picture that `online` feeding draws from: none comes twice."""


@dataclass(frozen=True, slots=True)
class TrainingImage:
    """One image a training may draw."""

    id: str
    """Content address; it seeds the image's views and finds its cached activations."""
    path: str
    label: str
    synthetic: bool = False
    """Whether it was made or retrieved rather than given."""
    weight: float = 1.0
    """How often it is drawn against a real image of its class."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step trains on; B = P x K."""

    images: NDArray[np.int64]
    """Positions of the images (B,)."""
    views: NDArray[np.int64]
    """Which view of each, 0 the clean one, (B,)."""
    labels: NDArray[np.int64]
    """Class numbers (B,)."""


def sample_batches(images: Sequence[TrainingImage], recipe: Recipe, seed: int, first: int = 0) -> Iterator[Batch]:
    """Yield batches for ever; same images, recipe and seed, same batches.

    A class with fewer than K images gives each of them more than once, in different views. Each class of each step
    has a stream of random numbers of its own (common random numbers): two trainings with one seed differ only in
    the classes whose images differ, so that what an arm gains is not drowned in other batches.

    Args:
        images: Training images; those of weight 0 are never drawn.
        recipe: P, K and V, and whether views are new at every draw: they are then numbered from 1 without end.
        seed: Any integer from 0.
        first: Step to begin with; what earlier steps would have drawn is skipped.

    Raises:
        SetupError: Fewer than two classes, or a negative weight.
    """
    members = _group_by_class(images)
    generator = np.random.default_rng(seed)
    classes = min(recipe.classes_per_batch, len(members))
    for step in itertools.count():
        chosen = generator.choice(len(members), size=classes, replace=False)
        if step < first:
            continue
        drawn = [
            _draw_images(members[number], recipe, np.random.default_rng([seed, step, number])) for number in chosen
        ]
        yield Batch(
            np.concatenate([positions for positions, _ in drawn]),
            np.concatenate([views for _, views in drawn]),
            np.repeat(chosen.astype(np.int64), recipe.images_per_class),
        )


def weight_by_source(images: Sequence[TrainingImage], recipe: Recipe) -> list[TrainingImage]:
    """Return the images with the weights that the recipe gives their source, real or made.

    Args:
        images: Training images with weights of their own.
        recipe: `synthetic_weight` scales those of made images; `synthetic_share` then settles what they get
            together in every class that has both kinds.
    """
    scaled = [
        replace(image, weight=image.weight * recipe.synthetic_weight) if image.synthetic else image
        for image in images
    ]
    if not recipe.synthetic_share:
        return scaled
    totals: dict[tuple[str, bool], float] = {}
    for image in scaled:
        key = image.label, image.synthetic
        totals[key] = totals.get(key, 0.0) + image.weight
    odds = recipe.synthetic_share / (1 - recipe.synthetic_share)

    def shared(image: TrainingImage) -> TrainingImage:
        real, made = totals.get((image.label, False), 0.0), totals.get((image.label, True), 0.0)
        return (
            replace(image, weight=image.weight * odds * real / made) if image.synthetic and real and made else image
        )

    return [shared(image) for image in scaled]


def class_names(images: Sequence[TrainingImage]) -> list[str]:
    """Return the classes that are drawn, in the order of their numbers."""
    return sorted({image.label for image in images if image.weight > 0})


def _group_by_class(images: Sequence[TrainingImage]) -> list[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Group positions and weights by class, classes in the order of their names."""
    groups: dict[str, list[int]] = {}
    for position, image in enumerate(images):
        if not 0 <= image.weight < float("inf"):
            raise SetupError(f"image {image.path!r} has weight {image.weight!r}; weights are 0 or more")
        if image.weight > 0:
            groups.setdefault(image.label, []).append(position)
    if len(groups) < 2:
        raise SetupError(f"training needs images of at least 2 classes, not {len(groups)}")
    return [
        (np.array(groups[label], dtype=np.int64), np.array([images[p].weight for p in groups[label]]))
        for label in sorted(groups)
    ]


def _draw_images(
    members: tuple[NDArray[np.int64], NDArray[np.float64]],
    recipe: Recipe,
    generator: np.random.Generator,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw K images of one class by systematic sampling (Madow 1949), and a view of each.

    Every image comes as often as its weight says, rounded up or down: no image of a large class repeats itself
    in a batch, and one of a small class comes back in another view.
    """
    positions, weights = members
    order = generator.permutation(len(positions))
    reach = np.cumsum(weights[order]) / weights.sum() * recipe.images_per_class
    points = generator.random() + np.arange(recipe.images_per_class)
    places = np.minimum(np.searchsorted(reach, points, side="right"), len(order) - 1)
    drawn = positions[order[places]]
    views = np.empty(len(drawn), dtype=np.int64)
    for position in np.unique(drawn):
        again = np.flatnonzero(drawn == position)
        views[again] = _draw_views(len(again), recipe, generator)
    return drawn, views


def _draw_views(count: int, recipe: Recipe, generator: np.random.Generator) -> NDArray[np.int64]:
    """Return the numbers of `count` views of one picture."""
    if recipe.feed == "online":
        return generator.integers(1, _ENDLESS, size=count)
    return np.resize(generator.permutation(recipe.views + 1), count)
