"""Sample P x K batches: classes uniformly, images of a class by weight, and a different view at each repetition."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.base.errors import SetupError
from atlantis_core.learning.recipe import Recipe

if TYPE_CHECKING:
    from numpy.typing import NDArray


_ENDLESS = 2**40
"""Number of views that `feed=online` draws from, so large that none repeats."""


@dataclass(frozen=True, slots=True)
class TrainingImage:
    """One image that a training may draw."""

    id: str
    """Content hash; it seeds the image's views and finds its cached activations."""
    path: str
    label: str
    synthetic: bool = False
    """Whether it was generated, or retrieved from a pool."""
    weight: float = 1.0
    """How often it is drawn relative to a real image of its class."""
    cell: str = ""
    """Facet values that it shows, as one text; it matters only if the recipe balances cells."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The images of one step by position, and their views and class numbers, each (B,); B = P x K."""

    images: NDArray[np.int64]
    views: NDArray[np.int64]
    """View of each image (B,); 0 is the clean one."""
    labels: NDArray[np.int64]


def sample_batches(images: Sequence[TrainingImage], recipe: Recipe, seed: int, first: int = 0) -> Iterator[Batch]:
    """Yield batches without end, from step `first` on; same images, recipe and seed, same batches.

    A class with fewer than K images repeats them in different views. Each class of each step has its own stream of
    random numbers (common random numbers): two trainings with one seed differ only in the classes whose images
    differ, so that other batches do not hide what an arm gains. Images of weight 0 are never drawn; `feed=online`
    draws a new view every time, numbered from 1.

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
    """Return the images with weights adjusted by source, real or synthetic.

    `cell_balance` first raises the weights of rare cells. `synthetic_weight` scales the weights of synthetic images;
    `synthetic_share` then sets their total share in every class that has both kinds.
    """
    scaled = [
        replace(image, weight=image.weight * recipe.synthetic_weight) if image.synthetic else image
        for image in _balance_cells(images, recipe.cell_balance)
    ]
    if not recipe.synthetic_share:
        return scaled
    totals: dict[tuple[str, bool], float] = {}
    for image in scaled:
        group = image.label, image.synthetic
        totals[group] = totals.get(group, 0.0) + image.weight
    odds = recipe.synthetic_share / (1 - recipe.synthetic_share)

    def apply_share(image: TrainingImage) -> TrainingImage:
        real, synthetic = (totals.get((image.label, kind), 0.0) for kind in (False, True))
        if not (image.synthetic and real and synthetic):
            return image
        return replace(image, weight=image.weight * odds * real / synthetic)

    return [apply_share(image) for image in scaled]


def _balance_cells(images: Sequence[TrainingImage], power: float) -> Sequence[TrainingImage]:
    """Divide each weight by the size of the image's cell within its class, to a power; 1 draws all cells equally."""
    if not power:
        return images
    sizes = Counter((image.label, image.cell) for image in images)
    return [replace(image, weight=image.weight / sizes[image.label, image.cell] ** power) for image in images]


def class_names(images: Sequence[TrainingImage]) -> list[str]:
    """Return the drawn classes, in the order of their class numbers."""
    return sorted({image.label for image in images if image.weight > 0})


def _group_by_class(images: Sequence[TrainingImage]) -> list[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Return positions and weights of the drawn images by class, in the order of `class_names`."""
    groups: dict[str, list[int]] = {}
    for position, image in enumerate(images):
        if not 0 <= image.weight < float("inf"):
            raise SetupError(f"image {image.path!r} has weight {image.weight!r}; weights must be 0 or more")
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

    Every image is drawn in proportion to its weight, rounded up or down: images of a large class never repeat in a
    batch, and those of a small class repeat in another view.
    """
    positions, weights = members
    order = generator.permutation(len(positions))
    upper = np.cumsum(weights[order]) / weights.sum() * recipe.images_per_class
    points = generator.random() + np.arange(recipe.images_per_class)
    picks = np.minimum(np.searchsorted(upper, points, side="right"), len(order) - 1)
    drawn = positions[order[picks]]
    views = np.empty(len(drawn), dtype=np.int64)
    for position in np.unique(drawn):
        rows = np.flatnonzero(drawn == position)
        if recipe.feed == "online":
            views[rows] = generator.integers(1, _ENDLESS, size=len(rows))
        else:  # different ones, unless there are fewer
            views[rows] = np.resize(generator.permutation(recipe.views + 1), len(rows))
    return drawn, views
