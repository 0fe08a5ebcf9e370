"""How a model sees the classes of a task: near or far, and taken for which other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from atlantis_core.base.errors import SetupError
from atlantis_core.base.ports import Progress, no_progress
from atlantis_core.data.tasks import RetrievalTask
from atlantis_core.learning.evaluation import embed_task, measure_embeddings
from atlantis_core.learning.models.heads import Hyperbolic
from atlantis_core.metrics.outcomes import QueryOutcomes
from atlantis_core.views.class_matrix import compute_confusion, compute_similarity, order_by_similarity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlantis_core.learning.retriever import Retriever

HeatMapKind = Literal["similarity", "confusion"]


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Classes against classes, in an order in which like ones are neighbours."""

    shown: HeatMapKind
    measured_in: str
    """What a cell says, in words."""
    names: tuple[str, ...]
    """C classes."""
    matrix: tuple[tuple[float | None, ...], ...]
    """(C, C), None where there is nothing to say. `similarity` is symmetric and higher is nearer; in `confusion` rows
    are asked, columns answered first."""
    not_drawn: int
    """Classes of the task beyond the most that were asked for."""

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
    """Return what a heat map is to show, by name.

    Raises:
        SetupError: There is no such thing.
    """
    shown: HeatMapKind
    for shown in get_args(HeatMapKind):
        if text == shown:
            return shown
    raise SetupError(f"a heat map is of {' or '.join(get_args(HeatMapKind))}, not of {text!r}")


def build_heat_map(
    retriever: Retriever, task: RetrievalTask, shown: HeatMapKind, most: int, progress: Progress = no_progress
) -> HeatMap:
    """Embed the images of a task and compare its classes.

    Args:
        retriever: Embeds; its own distance says what is near.
        task: Queries and gallery.
        shown: `similarity`, the mean over pairs of images, or `confusion`, the shares of first answers.
        most: Classes to draw, at least 2; where there are more, those that are mistaken for each other most often.
        progress: Told of embedded images.

    Raises:
        SetupError: An image cannot be read.
        TrainingFailed: The embeddings are not finite.
    """
    if most < 2:
        raise SetupError(f"a heat map of {most} classes shows nothing; ask for at least 2")
    queries, gallery = embed_task(retriever, task, progress=progress)
    _, outcomes = measure_embeddings(retriever.space, task, queries, gallery)
    label_of = {image.id: image.label for image in task.queries}
    asked = [label_of[identity] for identity in outcomes.ids]
    every = sorted({image.label for image in (*task.queries, *task.gallery)})
    names = _chosen(every, asked, outcomes, most)
    if shown == "confusion":
        matrix = compute_confusion(asked, outcomes.returned, names)
        words = "share of the row's queries whose first answer is of the column's class"
    else:
        matrix = _similarity(retriever, task, np.concatenate([queries, gallery]), names)
        words = _unit_of(retriever)
    order = order_by_similarity(matrix)
    arranged = matrix[np.ix_(order, order)]
    return HeatMap(
        shown,
        words,
        tuple(names[index] for index in order),
        tuple(tuple(float(v) if np.isfinite(v) else None for v in row) for row in arranged),
        len(every) - len(names),
    )


def _chosen(every: Sequence[str], asked: Sequence[str], outcomes: QueryOutcomes, most: int) -> list[str]:
    """Return the classes to draw, sorted: all, or those of the most frequent mistakes, then others by name."""
    if len(every) <= most:
        return list(every)
    pairs = Counter(pair for pair in zip(asked, outcomes.returned, strict=True) if pair[0] != pair[1])
    frequent = sorted(pairs, key=lambda pair: (-pairs[pair], pair))
    wanted = dict.fromkeys(name for pair in frequent for name in pair)
    return sorted([*wanted, *(name for name in every if name not in wanted)][:most])


def _similarity(
    retriever: Retriever, task: RetrievalTask, embeddings: NDArray[np.float32], names: Sequence[str]
) -> NDArray[np.float64]:
    """Compare all pairs of images of the named classes, each image once."""
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


def _unit_of(retriever: Retriever) -> str:
    if isinstance(retriever.space, Hyperbolic):
        return f"minus the mean hyperbolic distance (c = {retriever.space.c:g}) of pairs of images"
    return "mean cosine similarity of pairs of images"
