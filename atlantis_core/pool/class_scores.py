"""How likely each class is for unlabelled photos, by the labelled photos near them and by the photos like them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.base.errors import ToolError

if TYPE_CHECKING:
    from numpy.typing import NDArray

NEAREST = 5
"""A class is as near as its nearest this many photos are on average, fewer if it has fewer."""
TEMPERATURE = 0.05
"""Of the softmax over cosines. It decides no order within a photo, only how confidences compare between photos."""
NEIGHBOURS = 10
KEPT_SHARE = 0.5
"""Share of its own evidence that a photo keeps when labels are spread (alpha of Zhou et al. 2004 is 1 minus this)."""
_SPREADING_STEPS = 10
_ROWS_AT_ONCE = 1024
_NEIGHBOUR_TEMPERATURE = 0.1


@dataclass(frozen=True, slots=True)
class ClassScores:
    """The probability of each class for each of P photos."""

    class_names: tuple[str, ...]
    """The C classes, sorted."""
    own: NDArray[np.float64]
    """By the labelled photos alone, (P, C)."""
    spread: NDArray[np.float64]
    """After spreading between neighbouring unlabelled photos, (P, C)."""


def score_classes(
    photos: NDArray[np.float32],
    known: NDArray[np.float32],
    labels: NDArray[np.str_],
    alike: NDArray[np.float32] | None = None,
) -> ClassScores:
    """Score P photos (P, D) by N labelled ones (N, D) with labels (N,); all are unit vectors of one model.

    The spread scores are those of label propagation (Zhou et al., *Learning with Local and Global Consistency*,
    NIPS 2003) over the graph of each photo's nearest other photos. `alike` (P, D') are the unit vectors that decide
    which photos are near each other; None takes `photos`.

    Raises:
        ToolError: An embedding is not finite, the dimensions differ, or nothing is labelled.
    """
    _check(photos, known, labels)
    names, numbers = np.unique(labels, return_inverse=True)
    own = softmax(_class_similarities(photos, known, numbers, len(names)) / TEMPERATURE)
    return ClassScores(tuple(names.tolist()), own, _spread(own, photos if alike is None else alike))


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the softmax over the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float64)


def nearest_rows(similar: NDArray[np.float32], count: int) -> NDArray[np.intp]:
    """Return the columns of each row's largest values, the largest first, (P, at most `count`)."""
    return np.asarray(np.argsort(-similar, axis=1, kind="stable")[:, :count], np.intp)


def _check(photos: NDArray[np.float32], known: NDArray[np.float32], labels: NDArray[np.str_]) -> None:
    if not len(known) or len(known) != len(labels) or known.shape[1] != photos.shape[1]:
        raise ToolError(
            f"labelled embeddings {known.shape} with {len(labels)} labels do not fit unlabelled ones {photos.shape}; "
            "embed both with one model"
        )
    if not (np.isfinite(photos).all() and np.isfinite(known).all()):
        raise ToolError("embeddings contain NaN or infinity: the model diverged; take an earlier trial as teacher")


def _class_similarities(
    photos: NDArray[np.float32], known: NDArray[np.float32], numbers: NDArray[np.intp], num_classes: int
) -> NDArray[np.float64]:
    """Return the mean cosine of each photo to the nearest photos of each class, (P, C)."""
    found = np.empty((len(photos), num_classes))
    for number in range(num_classes):
        similar = photos @ known[numbers == number].T
        found[:, number] = -np.sort(-similar, axis=1)[:, :NEAREST].mean(axis=1)
    return found


def _spread(own: NDArray[np.float64], photos: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the scores after each photo has listened to its neighbours' a few times, (P, C)."""
    if len(photos) < 2:
        return own
    rows, similar = nearest_others(photos, NEIGHBOURS)
    weights = softmax(similar.astype(np.float64) / _NEIGHBOUR_TEMPERATURE)
    spread = own
    for _ in range(_SPREADING_STEPS):
        heard = sum(weights[:, place, None] * spread[rows[:, place]] for place in range(rows.shape[1]))
        spread = KEPT_SHARE * own + (1 - KEPT_SHARE) * heard
    return spread


def nearest_others(photos: NDArray[np.float32], count: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Return each photo's nearest other photos and their cosines, both (P, K), nearest first; K <= `count`."""
    found, cosines = [], []
    for start in range(0, len(photos), _ROWS_AT_ONCE):
        similar = photos[start : start + _ROWS_AT_ONCE] @ photos.T
        own = np.arange(len(similar))
        similar[own, own + start] = -np.inf
        rows = nearest_rows(similar, min(count, len(photos) - 1))
        found.append(rows)
        cosines.append(np.take_along_axis(similar, rows, axis=1))
    return np.concatenate(found), np.concatenate(cosines)
