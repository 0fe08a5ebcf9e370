"""Where a model puts the images of a task, and which queries it answers wrongly."""

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
    """Whether it is a query with a partner."""
    answer: str
    """Class of the first answer; empty for an image that does not ask."""

    @property
    def is_miss(self) -> bool:
        """Whether its first answer is wrong."""
        return self.is_query and self.answer != self.image.label


@dataclass(frozen=True, slots=True)
class EmbeddingMap:
    """The images of a task on a plane."""

    points: tuple[MapPoint, ...]
    not_drawn: int
    """Images of the task beyond the most that were asked for."""
    distance: str
    """By which neighbours were found."""

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
    """Embed the images of a task and lay them out.

    Args:
        retriever: Embeds; its own distance finds neighbours and first answers.
        task: Queries and gallery.
        most: Images to draw. Where there are more, queries take up to half of them and chance chooses which; the
            first answers are those of the whole gallery.
        seed: Of that choice.
        progress: Told of embedded images and of the layout.

    Raises:
        SetupError: An image cannot be read, or all embeddings are one point.
        TrainingFailed: The embeddings are not finite.
    """
    queries, gallery = embed_task(retriever, task, progress=progress)
    distance = distance_of(retriever.space)
    _, outcomes = measure_embeddings(retriever.space, task, queries, gallery)
    answers = dict(zip(outcomes.ids, outcomes.returned, strict=True))
    images = [*task.queries, *task.gallery]
    total = len({image.id for image in images})
    rows = _drawn(task, most, seed)
    points = np.concatenate([queries, gallery])[rows]
    progress("laying out", 0, 1)
    places = project_to_plane(points, _geodesics(retriever, points))
    progress("laying out", 1, 1)
    drawn = [images[row] for row in rows]
    return EmbeddingMap(
        tuple(
            MapPoint(image, float(x), float(y), image.id in answers, answers.get(image.id, ""))
            for image, (x, y) in zip(drawn, places, strict=True)
        ),
        total - len(drawn),
        distance,
    )


def _drawn(task: RetrievalTask, most: int, seed: int) -> list[int]:
    """Return the rows, in queries followed by gallery, of the images to draw, each image once."""
    asked = {image.id: row for row, image in enumerate(task.queries)}
    searched = {image.id: len(task.queries) + row for row, image in enumerate(task.gallery)}
    mine = list(asked.values())
    others = [row for identity, row in searched.items() if identity not in asked]
    room = max(most // 2, most - len(others))
    generator = np.random.default_rng(seed)
    mine, others = _some(mine, room, generator), _some(others, most - min(room, len(mine)), generator)
    return sorted(mine + others)


def _some(rows: list[int], most: int, generator: np.random.Generator) -> list[int]:
    if len(rows) <= most:
        return rows
    return [rows[place] for place in generator.choice(len(rows), most, replace=False)]


def _geodesics(retriever: Retriever, points: NDArray[np.float32]) -> NDArray[np.float64] | None:
    """Return the (N, N) distances in the ball; None where the Euclidean ones serve."""
    import torch

    if not isinstance(retriever.space, Hyperbolic):
        return None
    tensor = torch.from_numpy(points).double()
    found: NDArray[np.float64] = (-retriever.space.nearness(tensor, tensor)).fill_diagonal_(0).numpy()
    return found
