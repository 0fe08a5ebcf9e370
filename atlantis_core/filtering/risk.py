"""The risk that a synthetic image in the gallery answers a query of another class, and the set that is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from atlantis_core.base.errors import ToolError
from atlantis_core.base.ports import SetChoice
from atlantis_core.filtering.centres import ClassCentres
from atlantis_core.filtering.held_out_benefit import FOLDS, HeldOutQueries
from atlantis_core.filtering.margin import measure_margin
from atlantis_core.filtering.shrunken_centres import equalise_spread, shrink_centres

if TYPE_CHECKING:
    from numpy.typing import NDArray

THRESHOLDS = (0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0, 1.05, 1.1, 1.15, 1.2, 1.3, 1.5, 1e9)
"""Thresholds that are tried; the last keeps everything."""

_NOTHING = 0.0
"""Threshold that keeps no image."""

_TOLERANCE = 1.0
"""Standard errors by which a threshold nearer to 1 may be worse than the best one."""

_CERTAINTY = 1.0
"""Standard errors by which a set must help the held-out images to be kept."""

_ROUNDING = 1e-6
"""Differences of soft hits below it are none."""

_USELESS = "risk: no set of the synthetic images helps the held-out real images to be found"
_HARMFUL = "risk: the synthetic images of its class cost the held-out real images more than they gain"
_UNLEARNED = "every class has a single real image, so none can be held out: kept is what lies nearest its own class"


@dataclass(frozen=True, slots=True)
class _Real:
    embeddings: NDArray[np.float64]
    labels: NDArray[np.int64]
    centres: ClassCentres
    stretch: NDArray[np.float64]
    """Matrix that equalises the spread of classes, (D, D)."""
    stretched: ClassCentres


class RiskScorer:
    """Distance to the own class / to the nearest other class, agreed on by two distances; higher is worse.

    The score is the geometric mean of the ratio in plain distance and in one whose directions are scaled by the
    shrunken within-class covariance. Below 1 the own class is nearer. `choose` judges a set: it shrinks the class
    centres, then holds out each real image in turn to learn up to which score synthetic images in the gallery help it
    to be found, and keeps none where they do not.
    """

    name = "risk"

    def __init__(self) -> None:
        self.threshold = 1.0
        self._real: _Real | None = None

    def fit(self, embeddings: NDArray[np.float32], labels: NDArray[np.int64]) -> Self:
        """Learn from real images of two or more classes: embeddings (N, D), labels (N,)."""
        centres = ClassCentres.of(embeddings, labels)
        if len(centres.labels) < 2:
            raise ToolError("scorer `risk` needs real images of two or more classes; use `centre_ratio`")
        points = centres.to_double(embeddings)
        stretch = equalise_spread(points, labels)
        stretched = ClassCentres(centres.labels, centres.points @ stretch)
        self._real = _Real(points, labels, centres, stretch, stretched)
        return self

    def score(self, embeddings: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the ratio of each of (M, D) embeddings under its claimed label, (M,); higher is worse."""
        real = self._fitted()
        points = real.centres.to_double(embeddings)
        return _measure_risk(real.centres, real.stretched, real.stretch, points, labels)

    def choose(self, embeddings: NDArray[np.float32], labels: NDArray[np.int64]) -> SetChoice:
        """Choose which of (M, D) embeddings with claimed labels (M,) to keep."""
        real = self._fitted()
        real.centres.rows(labels)
        synthetic = real.centres.to_double(embeddings)
        if not len(labels):
            return SetChoice(np.empty(0), self.threshold, np.empty(0, np.bool_), {}, "")
        given = (real.embeddings, real.labels, synthetic, labels)
        scores, queries = _score_set(*given), HeldOutQueries.of(*given)
        learned = _Learned(self.threshold, np.empty(0, np.int64), _UNLEARNED)
        if len(queries.rows):
            learned = _learn(queries, *given)
        passed = scores <= learned.threshold
        kept = passed & ~np.isin(labels, learned.harmful)
        reasons = dict.fromkeys(np.flatnonzero(passed & ~kept).tolist(), _HARMFUL)
        if learned.threshold == _NOTHING:
            reasons = dict.fromkeys(range(len(labels)), _USELESS)
        return SetChoice(scores, learned.threshold, kept, reasons, learned.remark)

    def _fitted(self) -> _Real:
        if self._real is None:
            raise ToolError("scorer `risk` is not fitted; call fit(embeddings, labels) with real images")
        return self._real


def _measure_risk(
    plain: ClassCentres,
    stretched: ClassCentres,
    stretch: NDArray[np.float64],
    points: NDArray[np.float64],
    labels: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return the geometric mean of the margins in both distances, (M,); `stretched` are centres times `stretch`."""
    ratio = measure_margin(plain, points, labels) * measure_margin(stretched, points @ stretch, labels)
    return np.asarray(np.sqrt(ratio))


def _score_set(
    embeddings: NDArray[np.float64],
    labels: NDArray[np.int64],
    synthetic: NDArray[np.float64],
    synthetic_labels: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return the risk of synthetic images (M, D) by centres of real images (N, D) that they help to estimate, (M,).

    An image whose class has no real image left has an infinite risk.
    """
    known = np.isin(synthetic_labels, labels)
    scores = np.full(len(known), np.inf)
    made, named = synthetic[known], synthetic_labels[known]
    if len(named):
        stretch = equalise_spread(embeddings, labels)
        plain = shrink_centres(embeddings, labels, made, named)
        stretched = shrink_centres(embeddings @ stretch, labels, made @ stretch, named)
        scores[known] = _measure_risk(plain, stretched, stretch, made, named)
    return scores


@dataclass(frozen=True, slots=True)
class _Learned:
    threshold: float
    harmful: NDArray[np.int64]
    """Classes whose synthetic images are left out, though some pass the threshold."""
    remark: str


def _learn(
    queries: HeldOutQueries,
    embeddings: NDArray[np.float64],
    labels: NDArray[np.int64],
    synthetic: NDArray[np.float64],
    synthetic_labels: NDArray[np.int64],
) -> _Learned:
    """Learn from held-out queries up to which risk synthetic images help, and which classes' do not."""
    by_fold = np.zeros((FOLDS, len(synthetic)))
    for fold in np.unique(queries.folds[queries.rows]).tolist():
        used = queries.folds != fold
        by_fold[fold] = _score_set(embeddings[used], labels[used], synthetic, synthetic_labels)
    scores = by_fold[queries.folds[queries.rows]]
    before = queries.measure_real_leads()
    leads = np.stack([queries.measure_leads(queries.find_best(scores <= limit)) for limit in THRESHOLDS])
    chosen = choose_threshold(queries.smooth(leads), queries.smooth(before))
    if chosen is None:
        remark = f"nothing is kept: no set of synthetic images helps the {len(before):,} held-out real images"
        return _Learned(_NOTHING, np.empty(0, np.int64), remark)
    best = queries.find_best(scores <= THRESHOLDS[chosen])
    without = queries.smooth(queries.measure_leads_without(best))
    harmful = find_harmful(queries.smooth(leads[chosen])[:, None] - without)
    remark = (
        f"Recall@1 of {len(before):,} real images, each held out once: {(before > 0).mean():.3f} among real images, "
        f"{(leads[chosen] > 0).mean():.3f} with the synthetic images up to the threshold"
    )
    return _Learned(THRESHOLDS[chosen], np.unique(synthetic_labels)[harmful], remark)


def choose_threshold(hits: NDArray[np.float64], before: NDArray[np.float64]) -> int | None:
    """Return which threshold's set to keep; None to keep nothing.

    Of the thresholds that are within a standard error of the best (as for trees, Breiman et al. 1984, section 3.4.3),
    it is the one nearest to 1, where the own class and another one are equally near. Its set must help by more than a
    standard error, or make no difference to any query.

    Args:
        hits: Soft hits of each threshold of `THRESHOLDS` and query, (T, Q).
        before: Soft hits without synthetic images, (Q,).
    """
    best = hits[int(hits.mean(axis=1).argmax())]
    for index in np.argsort(np.abs(np.log(THRESHOLDS)), kind="stable").tolist():
        if _exceeds(best, hits[index], _TOLERANCE):
            continue
        harmless = np.abs(hits[index] - before).max() < _ROUNDING
        return index if harmless or _exceeds(hits[index], before, _CERTAINTY) else None
    raise AssertionError("the best threshold is within its own standard error")


def _exceeds(one: NDArray[np.float64], other: NDArray[np.float64], errors: float) -> bool:
    """Whether the mean of paired values is higher than that of others by more than some standard errors."""
    gain = one - other
    return bool(gain.mean() > errors * gain.std() / np.sqrt(len(gain)) + _ROUNDING)


def find_harmful(effects: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return the classes whose synthetic images harm: queries x classes of soft hits gained by them, (Q, C) -> (C,).

    Each class's sum is shrunk towards the mean of all (Efron and Morris 1975, section 2), since a class has few
    queries of its own.
    """
    sums = effects.sum(axis=0)
    noise = len(effects) * effects.var(axis=0)
    between = max(0.0, float(sums.var() - noise.mean()))
    shrunk = (between * sums + noise * sums.mean()) / np.maximum(between + noise, 1e-12)
    return np.asarray(shrunk < -_ROUNDING)
