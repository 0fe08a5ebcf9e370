"""Whether a model is asked about what it was trained on: such figures say little about other photos."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from atlantis_core.data.lookalikes import find_lookalikes
from atlantis_core.data.tasks import RetrievalTask
from atlantis_core.records import LabelledImage
from atlantis_core.run.measurements import find_trial_session
from atlantis_core.store.workspace import Workspace


@dataclass(frozen=True, slots=True)
class TrainOverlap:
    """What of a task's queries a training has had, by the content of the photos and by the names of the classes."""

    queries: int
    """Queries that are photos it was trained on; higher is worse."""
    of_queries: int
    classes: int
    """Classes of the queries that it was trained on: all of them in the regime `seen`; else higher is worse."""
    of_classes: int


def count_overlap(images: Iterable[LabelledImage], task: RetrievalTask) -> TrainOverlap:
    """Count which of a task's queries, and of their classes in any spelling, are among training images."""
    images = list(images)
    ids, trained = {image.id for image in images}, {image.label for image in images}
    asked = {query.label for query in task.queries}
    known = sum(query.id in ids for query in task.queries)
    classes = len(asked & trained) + len(find_lookalikes(asked, trained))
    return TrainOverlap(known, len(task.queries), classes, len(asked))


def find_training_images(workspace: Workspace, training: str) -> Sequence[LabelledImage] | None:
    """Return the photos of a training, or None where the workspace knows no collection of it.

    `training` is its content hash: checkpoints and exported models keep it, wherever they lie.
    """
    session = find_trial_session(workspace, training)
    return None if session is None else session.loaded.collection.of_split("train")
