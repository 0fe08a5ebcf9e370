"""Pseudo-labels: classes for unlabelled photos, by agreement of neighbours and clusters in a teacher's embeddings.

The teacher is the incumbent. Call it again with the new incumbent for the next generation. How often it is right is
learnt from training photos that are held out (`hold_out_groups`), never from validation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.pool.class_scores import ClassScores, nearest_rows, score_classes
from atlantis_core.pool.clusters import cluster_photos, usual_distance
from atlantis_core.pool.confidence import Calibration, accept
from atlantis_core.pool.held_out import HeldOut, Labelled, Unlabelled

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHOWN_NEAREST = 5


@dataclass(frozen=True, slots=True)
class PseudoLabelOptions:
    """How pseudo-labels are accepted."""

    precision: float = 0.9
    """Wanted share of right ones among the accepted."""
    least: float = 0.5
    """No photo is accepted that is more likely wrong than right."""
    balance: float = 3.0
    """A class gets at most this many times the median number of accepted photos of a class."""


USUAL = PseudoLabelOptions()


@dataclass(frozen=True, slots=True)
class PseudoLabel:
    """The pseudo-label of one pool photo, with its evidence."""

    row: int
    """Of the pool."""
    class_name: str
    rate: float
    """Expected share of right ones among photos of this confidence; also the sampling weight of the photo."""
    confidence: float
    nearest: tuple[int, ...]
    """Rows of the nearest training photos, nearest first."""
    votes: Mapping[str, int]
    """Class -> how many of those have it."""
    cluster: int
    cluster_size: int
    cluster_class: str
    """What the photos of the cluster show for the most part, by the teacher."""
    accepted: bool
    reason: str
    """Why it is not accepted; empty if it is."""


@dataclass(frozen=True, slots=True)
class PseudoLabels:
    """The pseudo-labels of a pool."""

    every: tuple[PseudoLabel, ...]
    """Of each pool photo, in order."""
    calibration: Calibration

    @property
    def accepted(self) -> tuple[PseudoLabel, ...]:
        """The accepted ones, the surest first."""
        found = [one for one in self.every if one.accepted]
        return tuple(sorted(found, key=lambda one: (-one.rate, -one.confidence, one.row)))

    @property
    def expected_precision(self) -> float:
        """The expected share of right ones among the accepted; 0 if there are none."""
        return float(np.mean([one.rate for one in self.accepted])) if self.accepted else 0.0


@dataclass(frozen=True, slots=True)
class _Guess:
    """What is read from a teacher for P photos, before anything is accepted."""

    scores: ClassScores
    clusters: NDArray[np.int64]
    cluster_classes: NDArray[np.intp]
    """The likeliest class of each photo's cluster, (P,)."""
    classes: NDArray[np.intp]
    confidence: NDArray[np.float64]
    agree: NDArray[np.bool_]
    """Whether neighbours and cluster name the same class, (P,)."""

    @property
    def names(self) -> NDArray[np.str_]:
        return np.array(self.scores.class_names)[self.classes]


def pseudo_label(
    train: Labelled,
    pool: Unlabelled,
    held_out: Sequence[HeldOut],
    options: PseudoLabelOptions = USUAL,
    rejected: Sequence[int] = (),
) -> PseudoLabels:
    """Give each of P pool photos a class, and accept those that are likely right.

    Args:
        train: The training photos in the teacher's embeddings.
        pool: The pool in the teacher's embeddings.
        held_out: Where the worth of a confidence is learnt; nothing is accepted without any.
        options: How many are accepted.
        rejected: Rows of the pool that a person rejected.

    Raises:
        ToolError: An embedding is not finite, or the dimensions differ.
    """
    guess = _guess(train, pool)
    calibration = calibrate(held_out)
    rates = np.where(guess.agree, calibration.rate(guess.confidence), 0.0)
    rates[list(rejected)] = 0.0
    likely = accept(rates, options.precision, options.least)
    balanced = _cap_classes(guess.classes, rates, likely, options.balance)
    nearest = nearest_rows(pool.embeddings @ train.embeddings.T, SHOWN_NEAREST)
    sizes = np.bincount(guess.clusters, minlength=1)
    every = [
        PseudoLabel(
            row=row,
            class_name=guess.scores.class_names[guess.classes[row]],
            rate=float(rates[row]),
            confidence=float(guess.confidence[row]),
            nearest=tuple(nearest[row].tolist()),
            votes=dict(Counter(train.labels[nearest[row]].tolist()).most_common()),
            cluster=int(guess.clusters[row]),
            cluster_size=int(sizes[guess.clusters[row]]),
            cluster_class=guess.scores.class_names[guess.cluster_classes[row]],
            accepted=bool(balanced[row]),
            reason=_why_not(row in rejected, bool(guess.agree[row]), bool(likely[row]), bool(balanced[row])),
        )
        for row in range(len(rates))
    ]
    return PseudoLabels(tuple(every), calibration)


def calibrate(held_out: Sequence[HeldOut]) -> Calibration:
    """Learn how often pseudo-labels are right, where neighbours and clusters agree; M photos in all the trials."""
    confidences, right = [np.zeros(0)], [np.zeros(0, bool)]
    for trial in held_out:
        guess = _guess(trial.known, trial.unknown)
        confidences.append(guess.confidence[guess.agree])
        right.append((guess.names == trial.labels)[guess.agree])
    return Calibration.learn(np.concatenate(confidences), np.concatenate(right))


def _guess(train: Labelled, pool: Unlabelled) -> _Guess:
    scores = score_classes(pool.embeddings, train.embeddings, train.labels, pool.alike)
    clusters = cluster_photos(pool.embeddings, usual_distance(train.embeddings, train.labels))
    sums = np.zeros((clusters.max(initial=-1) + 1, len(scores.class_names)))
    np.add.at(sums, clusters, scores.own)
    of_cluster = sums[clusters] / np.bincount(clusters, minlength=1)[clusters][:, None]
    classes, cluster_classes = scores.spread.argmax(axis=1), of_cluster.argmax(axis=1)
    confidence = scores.spread.max(axis=1)
    return _Guess(scores, clusters, cluster_classes, classes, confidence, classes == cluster_classes)


def _cap_classes(
    classes: NDArray[np.intp], rates: NDArray[np.float64], accepted: NDArray[np.bool_], balance: float
) -> NDArray[np.bool_]:
    """Return which photos stay accepted, (P,), if no class may have many more than is usual."""
    counts = np.bincount(classes[accepted])
    if not counts.any():
        return accepted
    most = max(1, int(balance * np.median(counts[counts > 0])))
    kept = np.zeros(len(classes), bool)
    for number in np.flatnonzero(counts):
        of_class = np.flatnonzero(accepted & (classes == number))
        kept[of_class[np.argsort(-rates[of_class], kind="stable")[:most]]] = True
    return kept


def _why_not(is_rejected: bool, is_agreed: bool, is_likely: bool, is_balanced: bool) -> str:
    if is_rejected:
        return "rejected by hand"
    if not is_agreed:
        return "neighbours and cluster disagree"
    if not is_likely:
        return "not sure enough"
    return "" if is_balanced else "its class has enough already"
