"""Which image comes first for each query of validation: the outcomes keep its class alone."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.base.errors import ToolError
from atlantis_core.base.hashing import content_hash
from atlantis_core.learning.evaluation import choose_reference, distance_of, embed, embed_task, rank_task_served
from atlantis_core.learning.serving.servings import parse_serving
from atlantis_core.metrics.ranking import rank_images
from atlantis_core.run.gallery import extend_gallery
from atlantis_core.run.measurements import find_trials, measurement_hash, prepare_serving
from atlantis_core.run.models import split_model
from atlantis_core.run.trial_checkpoints import load_trial_retriever

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlantis_core.data.tasks import RetrievalTask
    from atlantis_core.learning.retriever import Retriever
    from atlantis_core.metrics.ranking import Ranking
    from atlantis_core.records import LabelledImage, Trial
    from atlantis_core.run.measurements import ServedWith
    from atlantis_core.run.session import Session


def find_top_images(session: Session, model: str) -> dict[str, LabelledImage]:
    """Return query id -> its top-1 image under a model, clean and as it is searched, for queries with a positive.

    The first call ranks all queries (a matter of seconds, as embeddings are cached) and stores the result. A query is
    left out if a class prototype comes first.

    Raises:
        SetupError: The checkpoint is missing, or an image cannot be read.
        ToolError: The training crashed.
        LookupError: There is no such trial; that is a bug.
    """
    (trial,) = find_trials(session, [model])
    served = prepare_serving(session, split_model(model)[1])
    task = extend_gallery(session.task, served.photos)
    key = content_hash("first answers", [measurement_hash(session, trial.id, served)])
    found = session.workspace.results.find(key)
    if found is None:
        started = time.monotonic()
        found = _rank(session, trial, task, served)
        session.workspace.results.add(key, "first answers", found, time.monotonic() - started)
    gallery = {image.id: image for image in task.gallery}
    return {query: gallery[image] for query, image in found.items()}


def _rank(session: Session, trial: Trial, task: RetrievalTask, served: ServedWith) -> dict[str, str]:
    """Return query id -> id of its top-1 image."""
    if trial.status == "crashed":
        raise ToolError(f"trial {trial.id!r} crashed ({trial.error}), so it has no model to rank images with")
    ranking, photos = _rank_photos(session, load_trial_retriever(trial), task, served)
    rows = [(row, int(photos[ranking.nearest[row]])) for row in np.flatnonzero(ranking.has_positive).tolist()]
    return {task.queries[row].id: task.gallery[photo].id for row, photo in rows if photo >= 0}


def _rank_photos(
    session: Session, retriever: Retriever, task: RetrievalTask, served: ServedWith
) -> tuple[Ranking, NDArray[np.int64]]:
    """Rank the gallery as it is served; return the gallery row of each entry too, -1 for a prototype."""
    embeddings = embed_task(retriever, task, session.cache, session.progress)
    if not served.serving:
        distance = distance_of(retriever.space)
        ranking = rank_images(task.queries, embeddings[0], task.gallery, embeddings[1], distance)
        return ranking, np.arange(len(task.gallery))
    serving = parse_serving(served.serving)
    reference = choose_reference(task, served.reference) if serving.needs_reference else []
    vectors = embed(retriever, reference, session.cache)
    ranking, entries, _ = rank_task_served(serving, task, embeddings, reference, vectors)
    return ranking, entries.photos
