"""What a question is about, and the embeddings that answer it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.base.errors import ToolError
from atlantis_core.base.text import quote
from atlantis_core.data.facets import facet_value_lists
from atlantis_core.learning.evaluation import distance_of, embed_task
from atlantis_core.metrics.ranking import rank_images

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from atlantis_core.data.tasks import RetrievalTask
    from atlantis_core.learning.retriever import Retriever
    from atlantis_core.records import LabelledImage
    from atlantis_core.run.session import Session

MOST_LISTED = 12
_NAME = 60


def require_facet(session: Session, name: str) -> str:
    """Return a facet of the collection: the named one, or the first without a name.

    Raises:
        ToolError: There is no such facet.
    """
    facets = session.collection.facets
    if not facets:
        raise ToolError("this collection has no facets; prepare(captions=true) may find some")
    if name and name not in facets:
        raise ToolError(f"there is no facet {name[:_NAME]!r}; known: {', '.join(facets)}")
    return name or facets[0]


def require_class(session: Session, name: str) -> str:
    """Return a class of the collection; a `ToolError` if it has none of this name."""
    if name not in session.collection.classes:
        raise ToolError(f"{name[:_NAME]!r} is not a class of this collection; the subject is a class")
    return name


def select_queries(session: Session, subject: str) -> tuple[tuple[LabelledImage, ...], str]:
    """Return the queries of a class or of `facet=value`, all without a subject, and the words for it.

    Raises:
        ToolError: The subject is neither.
    """
    queries = session.task.queries
    if not subject:
        return queries, ""
    facet, _, value = subject.partition("=")
    if value and value in facet_value_lists(session.collection).get(facet, ()):
        found = tuple(image for image in queries if image.facets.get(facet) == value)
    else:
        found = tuple(image for image in queries if image.label == require_class(session, subject))
    if not found:
        raise ToolError(f"no validation query is of {subject[:_NAME]!r}")
    return found, f" of {quote(subject, _NAME)}"


class EmbeddedTask:
    """Queries and gallery of a run in one model's embedding space."""

    def __init__(self, session: Session, retriever: Retriever) -> None:
        self.task: RetrievalTask = session.task
        self._distance = distance_of(retriever.space)
        queries, gallery = embed_task(retriever, self.task, session.cache, session.progress)
        self._vectors: tuple[NDArray[np.float32], NDArray[np.float32]] = (queries, gallery)
        self._row = {image.id: place for place, image in enumerate(self.task.queries)}

    def measure(self, queries: Sequence[LabelledImage], gallery: NDArray[np.bool_]) -> tuple[float, int]:
        """Return Recall@1 of queries in the chosen part of the gallery (G,), and how many have a positive there."""
        if not gallery.any():
            return 0.0, 0
        rows = [self._row[image.id] for image in queries]
        kept = [image for image, is_kept in zip(self.task.gallery, gallery, strict=True) if is_kept]
        ranking = rank_images(queries, self._vectors[0][rows], kept, self._vectors[1][gallery], self._distance)
        counted = ranking.has_positive
        return float((ranking.first_hit[counted] == 0).mean()) if counted.any() else 0.0, int(counted.sum())

    def measure_all(self, queries: Sequence[LabelledImage], gallery: NDArray[np.bool_]) -> float:
        """Return the share of all queries whose top-1 is a positive; one without a positive counts as missed."""
        recall, counted = self.measure(queries, gallery)
        return recall * counted / len(queries)

    def find_nearest(self, image_id: str, k: int) -> list[tuple[LabelledImage, float]]:
        """Return the gallery images nearest to a query with their cosine similarity, nearest first."""
        near = self._vectors[1] @ self._vectors[0][self._row[image_id]]
        order = [place for place in np.argsort(-near, kind="stable") if self.task.gallery[place].id != image_id]
        return [(self.task.gallery[place], float(near[place])) for place in order[:k]]
