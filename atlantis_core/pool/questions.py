"""Which few photos of a pool a person should be asked about, and what the answers would be worth."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.pool.class_scores import nearest_others
from atlantis_core.pool.clusters import usual_distance
from atlantis_core.pool.held_out import Labelled, Unlabelled
from atlantis_core.pool.pseudo_labels import PseudoLabels

if TYPE_CHECKING:
    from numpy.typing import NDArray

_REACH = 50
"""An answer is taken to say something about at most this many photos."""
MOST_LIKELY = 9
"""Classes that are shown with a question, at most: each has a digit key."""
_GAP_WEIGHT = 2.0
"""How much more a photo counts that is likely of a failing class."""


@dataclass(frozen=True, slots=True)
class Question:
    """A photo to ask about."""

    row: int
    """Of the pool."""
    likely: tuple[str, ...]
    """The likeliest classes, the likeliest first."""
    alike: tuple[int, ...]
    """Rows of the photos that the answer says most about, the nearest first, without the photo itself."""
    worth: float
    """Photos, in all, whose doubt the answer would remove, given the questions before it; some count twice."""
    settles: float
    """The same with each photo counted once."""


def choose_questions(
    found: PseudoLabels,
    train: Labelled,
    pool: Unlabelled,
    count: int,
    failing: Collection[str] = (),
    askable: Collection[int] | None = None,
    settled: Collection[int] = (),
) -> list[Question]:
    """Choose at most `count` photos, those whose answers would remove most doubt, the best first.

    The doubt of a photo is how likely its pseudo-label is wrong. An answer removes as much of the doubt about another
    photo as the two are alike: so a photo in the middle of a large, doubtful group comes first, and then one of
    another group, since the doubt about the first is gone. This is the greedy maximisation of a facility location
    (Wei et al., *Submodularity in Data Subset Selection and Active Learning*, ICML 2015).

    Args:
        found: The pseudo-labels of the pool as they are without answers.
        train: The training photos, by the same teacher.
        pool: The pool, by the same teacher.
        count: Most questions.
        failing: Classes that the round is about; photos that may show them count `_GAP_WEIGHT` times.
        askable: Rows that can be asked about; None means all.
        settled: Rows about which nothing is left to ask, nor about photos like them: a person said that they show
            none of the classes.
    """
    rows, similar = _reach(pool, usual_distance(train.embeddings, train.labels))
    doubt = np.array([1 - one.rate for one in found.every])
    weighted = doubt * _weigh(found, failing)
    allowed = np.zeros(len(doubt), bool)
    allowed[list(range(len(doubt)) if askable is None else askable)] = True
    removed = np.zeros(len(doubt))
    for row in settled:
        removed[rows[row]] = np.maximum(removed[rows[row]], similar[row])
    questions = []
    for _ in range(min(count, int(allowed.sum()))):
        gained = np.maximum(similar - removed[rows], 0)
        worths = (weighted[rows] * gained).sum(axis=1)
        best = int(np.where(allowed, worths, -1.0).argmax())
        if worths[best] <= 0:
            break
        allowed[best] = False
        removed[rows[best]] = np.maximum(removed[rows[best]], similar[best])
        alike = tuple(int(row) for row, near in zip(rows[best][1:], similar[best][1:], strict=True) if near > 0)
        settles = float(doubt[rows[best]] @ gained[best])
        questions.append(Question(best, _likely(found, best, alike), alike, float(worths[best]), settles))
    return questions


def forecast_settled(questions: Sequence[Question], step: int = 10) -> list[float]:
    """Return the photos whose doubt each `step` answers would remove, in order; the last may be of fewer answers."""
    return [
        sum(question.settles for question in questions[start : start + step])
        for start in range(0, len(questions), step)
    ]


def _reach(pool: Unlabelled, distance: float) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the photos that each answer says something about, itself first, and how much, from 0 to 1: (P, K)."""
    places = pool.embeddings if pool.alike is None else pool.alike
    own = np.arange(len(places))[:, None]
    if len(places) < 2:
        return own, np.ones((len(places), 1))
    rows, cosines = nearest_others(places, _REACH)
    strength = np.clip(1 - (1 - cosines.astype(np.float64)) / max(distance, 1e-6), 0, 1)
    return np.concatenate([own, rows], axis=1), np.concatenate([np.ones(own.shape), strength], axis=1)


def _weigh(found: PseudoLabels, failing: Collection[str]) -> NDArray[np.float64]:
    """Return how much each photo counts, (P,)."""
    gap = [bool({one.class_name, one.cluster_class, *one.votes} & set(failing)) for one in found.every]
    return np.where(np.array(gap, bool), _GAP_WEIGHT, 1.0)


def _likely(found: PseudoLabels, row: int, alike: Sequence[int]) -> tuple[str, ...]:
    """Return the likeliest classes of a photo: its own, its cluster's, its neighbours', those of photos like it."""
    one = found.every[row]
    others = [found.every[other].class_name for other in alike]
    return tuple(dict.fromkeys([one.class_name, one.cluster_class, *one.votes, *others]))[:MOST_LIKELY]
