"""Evaluate a retriever on a retrieval task: embed, rank, measure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from atlantis_core.base.ports import Progress, no_progress
from atlantis_core.data.tasks import RetrievalTask
from atlantis_core.learning.models.heads import Head, Hyperbolic
from atlantis_core.learning.training.divergence import is_collapsed
from atlantis_core.metrics.measurement import RECALL_AT, measure_ranking
from atlantis_core.metrics.outcomes import QueryOutcomes, query_outcomes
from atlantis_core.metrics.ranking import rank_images
from atlantis_core.records import LabelledImage, Measurement

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from atlantis_core.learning.inputs.activation_cache import ActivationCache
    from atlantis_core.learning.retriever import Retriever


def measure_retriever(
    retriever: Retriever, task: RetrievalTask, cache: ActivationCache | None = None
) -> tuple[Measurement, QueryOutcomes]:
    """Return the metrics of a retriever on a task, and the outcome of every query.

    The gallery is ranked by the retriever's own distance; an image in both is never matched to itself.

    Raises:
        SetupError: An image cannot be read.
        TrainingFailed: The embeddings are not finite.
    """
    return measure_embeddings(retriever.space, task, *embed_task(retriever, task, cache))


def measure_embeddings(
    space: Head,
    task: RetrievalTask,
    queries: NDArray[np.float32],
    gallery: NDArray[np.float32],
    at: Sequence[int] = RECALL_AT,
) -> tuple[Measurement, QueryOutcomes]:
    """Return the metrics of embeddings, (Q, D) and (G, D), on a task, and the outcome of every query.

    Raises:
        TrainingFailed: The embeddings are not finite.
    """
    ranking = rank_images(task.queries, queries, task.gallery, gallery, distance_of(space))
    return measure_ranking(ranking, task.queries, at), query_outcomes(ranking, task.queries, task.gallery)


def embed_task(
    retriever: Retriever, task: RetrievalTask, cache: ActivationCache | None = None, progress: Progress = no_progress
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the embeddings of queries (Q, D) and gallery (G, D); an image in both is embedded once."""
    images = list({image.id: image for image in task.gallery + task.queries}.values())
    embeddings = embed(retriever, images, cache, progress)
    row = {image.id: index for index, image in enumerate(images)}
    queries, gallery = ([row[image.id] for image in part] for part in (task.queries, task.gallery))
    return embeddings[queries], embeddings[gallery]


def describe_collapse(embeddings: NDArray[np.float32]) -> str:
    """Say that all embeddings (N, D) of different images are equal; empty if they differ."""
    import torch

    if len(embeddings) < 2 or not is_collapsed(torch.from_numpy(embeddings)):
        return ""
    return "the model gives different images the same embedding, so a search cannot tell them apart"


def distance_of(space: Head) -> str:
    """Return the distance of an embedding space, as named in `metrics.distances`."""
    return f"hyperbolic:{space.c!r}" if isinstance(space, Hyperbolic) else "cosine"


def embed(
    retriever: Retriever,
    images: Sequence[LabelledImage],
    cache: ActivationCache | None,
    progress: Progress = no_progress,
) -> NDArray[np.float32]:
    """Return embeddings (N, D) of images, using the cache if there is one."""
    if cache is None:
        return retriever.embed([image.path for image in images], progress=progress)
    return retriever.embed_cached(images, cache, progress=progress)
