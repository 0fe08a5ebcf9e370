"""Training photos that are treated like a pool, to learn what a teacher's confidence is worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.pool.clusters import number_by_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

GROUPS = 3
"""Groups of similar photos that each class is divided into."""
_FEWEST = 4
"""A class with fewer photos than this is never held out: what is left would not show it."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """Embeddings (N, D), unit vectors by the teacher, with their labels (N,)."""

    embeddings: NDArray[np.float32]
    labels: NDArray[np.str_]


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """Embeddings of P photos (P, D), unit vectors by the teacher."""

    embeddings: NDArray[np.float32]
    alike: NDArray[np.float32] | None = None
    """Unit vectors (P, D') that decide which of these photos are near each other; None takes `embeddings`.

    Teacher and frozen backbone together (`join_views`) err in the same place less often.
    """


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Training photos of which some are known and the others are treated like a pool."""

    known: Labelled
    unknown: Unlabelled
    labels: NDArray[np.str_]
    """Of the unknown photos."""


def hold_out_groups(train: Labelled, frozen: NDArray[np.float32]) -> list[HeldOut]:
    """Hold out one group of similar photos of each class at a time: `GROUPS` trials, none if all classes are small.

    A pool shows other shelves, days and cameras than the training photos. A photo drawn at random has a
    neighbour of its own shelf left, and every teacher is right about it; a group as a whole has none. The groups are
    Ward clusters of a class's photos as the frozen backbone sees them, `frozen` (N, D'), since a trained teacher has
    drawn each class together.
    """
    groups = _group_classes(train.labels, frozen)
    trials = []
    for number in range(GROUPS):
        out = groups == number
        if out.any():
            alike = join_views(train.embeddings[out], frozen[out])
            known = Labelled(train.embeddings[~out], train.labels[~out])
            trials.append(HeldOut(known, Unlabelled(train.embeddings[out], alike), train.labels[out]))
    return trials


def join_views(*views: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return unit vectors (P, sum of D) whose cosine is the mean of the cosines of several views (P, D)."""
    joined: NDArray[np.float32] = np.concatenate(views, axis=1) / np.float32(np.sqrt(len(views)))
    return joined


def _group_classes(labels: NDArray[np.str_], frozen: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the group of each training photo within its class, (N,), the largest 0; -1 in classes of few photos."""
    from sklearn.cluster import AgglomerativeClustering

    groups = np.full(len(labels), -1, np.int64)
    for name in np.unique(labels):
        rows = np.flatnonzero(labels == name)
        if len(rows) >= _FEWEST:
            found = AgglomerativeClustering(GROUPS, linkage="ward").fit_predict(frozen[rows])
            groups[rows] = number_by_size(found)
    return groups
