"""Heat maps of a task's classes: their similarity under a model, or which class is mistaken for which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from atlantis_core.base.errors import SetupError
from atlantis_core.base.ports import Progress, no_progress
from atlantis_core.data.tasks import RetrievalTask, check_measurable
from atlantis_core.learning.evaluation import embed_task, measure_embeddings
from atlantis_core.learning.models.heads import Hyperbolic
from atlantis_core.records.natural_order import natural_key
from atlantis_core.views.class_matrix import compute_confusion, compute_similarity, order_by_similarity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlantis_core.learning.retriever import Retriever

HeatMapKind = Literal["similarity", "confusion"]


@dataclass(frozen=True, slots=True)
class HeatMap:
    """A class by class matrix, ordered so that similar classes are neighbours."""

    shown: HeatMapKind
    measured_in: str
    """Meaning of a cell's value, in words."""
    names: tuple[str, ...]
    """C classes."""
    matrix: tuple[tuple[float | None, ...], ...]
    """(C, C), None where there is no value. `similarity` is symmetric and higher is nearer; in `confusion` rows are
    query classes, columns the classes of top-1 images."""
    not_drawn: int
    """Classes of the task beyond the limit."""

    def facts(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "shown": self.shown,
            "measured_in": self.measured_in,
            "classes": list(self.names),
            "matrix": [list(row) for row in self.matrix],
            "not_drawn": self.not_drawn,
        }


def parse_heat_map_kind(text: str) -> HeatMapKind:
    """Return a kind of heat map by its name; a `SetupError` if it is unknown."""
    shown: HeatMapKind
    for shown in get_args(HeatMapKind):
        if text == shown:
            return shown
    raise SetupError(f"unknown kind of heat map {text!r}; known: {', '.join(get_args(HeatMapKind))}")


def build_heat_map(
    retriever: Retriever, task: RetrievalTask, shown: HeatMapKind, most: int, progress: Progress = no_progress
) -> HeatMap:
    """Embed the images of a task and compare its classes.

    `similarity` is the mean over pairs of images, by the model's own distance; `confusion` is shares of top-1 images.
    If there are more than `most` classes (at least 2), those mistaken for each other most often are drawn.

    Raises:
        SetupError: An image cannot be read, or there is no query whose confusion could be shown.
        TrainingFailed: The embeddings are not finite.
    """
    if most < 2:
        raise SetupError(f"a heat map needs at least 2 classes, not {most}")
    if shown == "confusion":
        check_measurable(task)
    queries, gallery = embed_task(retriever, task, progress=progress)
    _, outcomes = measure_embeddings(retriever.space, task, queries, gallery)
    label_of = {image.id: image.label for image in task.queries}
    labels = [label_of[identity] for identity in outcomes.ids]
    every = sorted({image.label for image in (*task.queries, *task.gallery)}, key=natural_key)
    names = _choose_classes(every, labels, outcomes.returned, most)
    if shown == "confusion":
        matrix = compute_confusion(labels, outcomes.returned, names)
        words = "share of the row's queries whose top-1 image is of the column's class"
    else:
        matrix = _compare_images(retriever, task, np.concatenate([queries, gallery]), names)
        words = _describe_unit(retriever)
    order = order_by_similarity(matrix)
    arranged = matrix[np.ix_(order, order)]
    return HeatMap(
        shown,
        words,
        tuple(names[index] for index in order),
        tuple(tuple(float(v) if np.isfinite(v) else None for v in row) for row in arranged),
        len(every) - len(names),
    )


def _choose_classes(every: Sequence[str], labels: Sequence[str], answers: Sequence[str], most: int) -> list[str]:
    """Return the classes to draw, sorted: all, or those of the most frequent mistakes, then others by name."""
    if len(every) <= most:
        return list(every)
    pairs = Counter(pair for pair in zip(labels, answers, strict=True) if pair[0] != pair[1])
    frequent = sorted(pairs, key=lambda pair: (-pairs[pair], pair))
    wanted = dict.fromkeys(name for pair in frequent for name in pair)
    return sorted([*wanted, *(name for name in every if name not in wanted)][:most], key=natural_key)


def _compare_images(
    retriever: Retriever, task: RetrievalTask, embeddings: NDArray[np.float32], names: Sequence[str]
) -> NDArray[np.float64]:
    """Return the mean similarity (C, C) over all pairs of images of the named classes, each image once."""
    number = {name: index for index, name in enumerate(names)}
    images = [*task.queries, *task.gallery]
    rows = list({image.id: row for row, image in enumerate(images) if image.label in number}.values())
    points = embeddings[rows]
    labels = np.array([number[images[row].label] for row in rows], np.int64)

    def nearness(some: slice) -> NDArray[np.float64]:
        import torch

        every = torch.from_numpy(points).double()
        return np.asarray(retriever.space.nearness(every[some], every).numpy())

    return compute_similarity(nearness, labels, len(names))


def _describe_unit(retriever: Retriever) -> str:
    if isinstance(retriever.space, Hyperbolic):
        return f"minus the mean hyperbolic distance (c = {retriever.space.c:g}) of pairs of images"
    return "mean cosine similarity of pairs of images"
