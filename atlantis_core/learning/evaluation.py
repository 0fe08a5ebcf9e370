"""Evaluate a retriever on a retrieval task: embed, rank, measure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.base.ports import Progress, no_progress
from atlantis_core.data.tasks import RetrievalTask
from atlantis_core.learning.models.heads import Head, Hyperbolic
from atlantis_core.learning.serving.interface import NO_CLASS, Photos, check_photos
from atlantis_core.learning.serving.served_ranking import rank_served
from atlantis_core.learning.serving.servings import Serving, parse_serving
from atlantis_core.learning.training.divergence import is_collapsed
from atlantis_core.metrics.measurement import RECALL_AT, measure_ranking
from atlantis_core.metrics.outcomes import QueryOutcomes, label_outcomes, query_outcomes
from atlantis_core.metrics.ranking import Ranking, rank_images
from atlantis_core.records import LabelledImage, Measurement

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlantis_core.learning.inputs.activation_cache import ActivationCache
    from atlantis_core.learning.retriever import Retriever
    from atlantis_core.learning.serving.interface import Entries


def measure_retriever(
    retriever: Retriever,
    task: RetrievalTask,
    cache: ActivationCache | None = None,
    serving: str = "",
    reference: Sequence[LabelledImage] = (),
) -> tuple[Measurement, QueryOutcomes]:
    """Return the metrics of a retriever on a task, and the outcome of every query.

    The gallery is ranked by the retriever's own distance, or by a serving (`serving.servings`), which is fitted on
    the gallery and on `reference`; see `choose_reference`. An image in both is never matched to itself.

    Raises:
        SetupError: An image cannot be read, or the serving is unknown, needs another distance or a reference.
        TrainingFailed: The embeddings are not finite.
    """
    if not serving:
        return measure_embeddings(retriever.space, task, *embed_task(retriever, task, cache))
    parsed = parse_serving(serving)
    parsed.check_space(retriever.space)
    photos = choose_reference(task, reference) if parsed.needs_reference else []
    vectors = embed(retriever, photos, cache)
    return measure_served(parsed, task, *embed_task(retriever, task, cache), photos, vectors)


def measure_served(
    serving: Serving,
    task: RetrievalTask,
    queries: NDArray[np.float32],
    gallery: NDArray[np.float32],
    reference: Sequence[LabelledImage],
    reference_vectors: NDArray[np.float32],
    at: Sequence[int] = RECALL_AT,
) -> tuple[Measurement, QueryOutcomes]:
    """Return the metrics of embeddings, (Q, D), (G, D) and (R, D), served so, and the outcome of every query.

    What is ranked may be class prototypes: then K of Recall@K counts them, and a query has one positive.

    Raises:
        SetupError: The serving needs reference photos.
        TrainingFailed: The embeddings are not finite.
    """
    ranking, _, labels = rank_task_served(serving, task, (queries, gallery), reference, reference_vectors)
    return measure_ranking(ranking, task.queries, at), label_outcomes(ranking, task.queries, labels)


def rank_task_served(
    serving: Serving,
    task: RetrievalTask,
    embeddings: tuple[NDArray[np.float32], NDArray[np.float32]],
    reference: Sequence[LabelledImage],
    reference_vectors: NDArray[np.float32],
) -> tuple[Ranking, Entries, list[str]]:
    """Rank what a serving makes of queries and gallery, `embeddings` (Q, D) and (G, D); return its E entries too.

    The list has the class of every entry.

    Errors as for `measure_served`.
    """
    queries, gallery = embeddings
    names = sorted({image.label for image in (*task.queries, *task.gallery)})
    asked, photos = (number_photos(*part, names) for part in ((task.queries, queries), (task.gallery, gallery)))
    check_photos(asked, "query")
    served = serving.fit(photos, number_photos(reference, reference_vectors, names))
    row = {image.id: index for index, image in enumerate(task.gallery)}
    own = np.array([row.get(image.id, -1) for image in task.queries], np.int64)
    return rank_served(served, asked, own), served.entries, [names[label] for label in served.entries.labels]


def choose_reference(task: RetrievalTask, reference: Sequence[LabelledImage]) -> list[LabelledImage]:
    """Return the photos that a serving is fitted on: the given ones or, without any, the gallery.

    Only photos of the training split, as a pool's count, are taken, and never a query.

    Of photos with a label (training photos; a pool has none), those of an entry's own class do not count against it.
    """
    queries = {image.id for image in task.queries}
    return [image for image in reference or task.gallery if image.split == "train" and image.id not in queries]


def number_photos(images: Sequence[LabelledImage], vectors: NDArray[np.float32], names: Sequence[str]) -> Photos:
    """Return images with their embeddings (N, D); classes are numbered as in `names`, others are `NO_CLASS`."""
    number = {name: index for index, name in enumerate(names)}
    labels = np.array([number.get(image.label, NO_CLASS) for image in images], np.int64)
    return Photos(vectors, labels, tuple(image.facets for image in images))


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
