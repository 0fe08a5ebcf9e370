"""Measuring a retriever on a retrieval task: embed, rank, count."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from atlantis_core.data.tasks import RetrievalTask
from atlantis_core.learning.heads import Hyperbolic
from atlantis_core.metrics.measure import measure
from atlantis_core.metrics.outcomes import QueryOutcomes, outcomes_of
from atlantis_core.metrics.poincare_view import as_cosines
from atlantis_core.metrics.ranking import rank_images
from atlantis_core.records import LabelledImage, Measurement

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from atlantis_core.learning.activations import ActivationCache
    from atlantis_core.learning.retriever import Retriever


def measure_retriever(
    retriever: Retriever, task: RetrievalTask, cache: ActivationCache | None = None
) -> tuple[Measurement, QueryOutcomes]:
    """Return the figures of a retriever on a task, and what became of every query.

    Args:
        retriever: Embeds the images.
        task: Queries and gallery; an image in both is never matched to itself.
        cache: Activations of images embedded before; None embeds from the files.
    """
    images = list({image.id: image for image in task.gallery + task.queries}.values())
    embeddings = embed(retriever, images, cache)
    row = {image.id: index for index, image in enumerate(images)}
    queries = embeddings[[row[image.id] for image in task.queries]]
    gallery = embeddings[[row[image.id] for image in task.gallery]]
    if isinstance(retriever.space, Hyperbolic):
        queries, gallery = as_cosines(queries, gallery, retriever.space.c)
    ranking = rank_images(task.queries, queries, task.gallery, gallery)
    return measure(ranking, task.queries), outcomes_of(ranking, task.queries, task.gallery)


def embed(
    retriever: Retriever, images: Sequence[LabelledImage], cache: ActivationCache | None
) -> NDArray[np.float32]:
    """Return (N, D) embeddings of images, through the cache where there is one."""
    if cache is None:
        return retriever.embed([image.path for image in images])
    return retriever.embed_cached(images, cache)
