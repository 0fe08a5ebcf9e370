"""The embeddings of a task's images laid out on a plane, with the queries whose top-1 image is of another class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from atlantis_core.base.ports import Progress, no_progress
from atlantis_core.data.tasks import RetrievalTask
from atlantis_core.learning.evaluation import distance_of, embed_task, measure_embeddings
from atlantis_core.learning.models.heads import Hyperbolic
from atlantis_core.records import LabelledImage
from atlantis_core.views.plane import project_to_plane

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlantis_core.learning.retriever import Retriever


@dataclass(frozen=True, slots=True)
class MapPoint:
    """One image on the map."""

    image: LabelledImage
    x: float
    """From -1/2 to 1/2."""
    y: float
    is_query: bool
    """Whether it is a query with a positive in the gallery."""
    answer: str
    """Class of its top-1 image; empty for an image that is not a query."""

    @property
    def is_miss(self) -> bool:
        """Whether its top-1 image is of another class."""
        return self.is_query and self.answer != self.image.label


@dataclass(frozen=True, slots=True)
class EmbeddingMap:
    """The images of a task on a plane."""

    points: tuple[MapPoint, ...]
    not_drawn: int
    """Images of the task beyond the limit."""
    distance: str
    """The distance by which images were ranked."""

    def facts(self) -> dict[str, Any]:
        """Return it as plain data."""
        points = [
            {
                "id": point.image.id,
                "class": point.image.label,
                "x": point.x,
                "y": point.y,
                "query": point.is_query,
                "answer": point.answer or None,
                "miss": point.is_miss,
            }
            for point in self.points
        ]
        return {
            "images": len(points),
            "not_drawn": self.not_drawn,
            "queries": sum(point.is_query for point in self.points),
            "misses": sum(point.is_miss for point in self.points),
            "distance": self.distance,
            "points": points,
        }


def build_embedding_map(
    retriever: Retriever, task: RetrievalTask, most: int, seed: int, progress: Progress = no_progress
) -> EmbeddingMap:
    """Embed the images of a task and lay them out on a plane; the model's own distance ranks and lays out.

    If there are more than `most` images, a random sample is drawn, up to half of it queries; the gallery is always
    ranked in full.

    Raises:
        SetupError: An image cannot be read, or all embeddings are the same point.
        TrainingFailed: The embeddings are not finite.
    """
    queries, gallery = embed_task(retriever, task, progress=progress)
    distance = distance_of(retriever.space)
    _, outcomes = measure_embeddings(retriever.space, task, queries, gallery)
    answers = dict(zip(outcomes.ids, outcomes.returned, strict=True))
    images = [*task.queries, *task.gallery]
    total = len({image.id for image in images})
    rows = _sample_rows(task, most, seed)
    embeddings = np.concatenate([queries, gallery])[rows]
    progress("laying out", 0, 1)
    positions = project_to_plane(embeddings, _compute_geodesics(retriever, embeddings))
    progress("laying out", 1, 1)
    drawn = [images[row] for row in rows]
    return EmbeddingMap(
        tuple(
            MapPoint(image, float(x), float(y), image.id in answers, answers.get(image.id, ""))
            for image, (x, y) in zip(drawn, positions, strict=True)
        ),
        total - len(drawn),
        distance,
    )


def _sample_rows(task: RetrievalTask, most: int, seed: int) -> list[int]:
    """Return the rows of the images to draw, in the order queries then gallery, each image once."""
    query_rows = {image.id: row for row, image in enumerate(task.queries)}
    gallery_rows = {image.id: len(task.queries) + row for row, image in enumerate(task.gallery)}
    queries = list(query_rows.values())
    others = [row for identity, row in gallery_rows.items() if identity not in query_rows]
    room = max(most // 2, most - len(others))
    generator = np.random.default_rng(seed)
    drawn = _sample(queries, room, generator)
    return sorted(drawn + _sample(others, most - min(room, len(queries)), generator))


def _sample(rows: list[int], most: int, generator: np.random.Generator) -> list[int]:
    if len(rows) <= most:
        return rows
    return [rows[index] for index in generator.choice(len(rows), most, replace=False)]


def _compute_geodesics(retriever: Retriever, embeddings: NDArray[np.float32]) -> NDArray[np.float64] | None:
    """Return the (N, N) distances in the Poincare ball; None if Euclidean distances serve."""
    import torch

    if not isinstance(retriever.space, Hyperbolic):
        return None
    tensor = torch.from_numpy(embeddings).double()
    distances: NDArray[np.float64] = (-retriever.space.nearness(tensor, tensor)).fill_diagonal_(0).numpy()
    return distances
