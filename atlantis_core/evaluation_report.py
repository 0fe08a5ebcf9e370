"""Everything that `atlantis evaluate` reports of one model on one task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from atlantis_core.data.tasks import RetrievalTask
from atlantis_core.errors import SetupError
from atlantis_core.evaluation import distance_of, embed_task
from atlantis_core.metrics.cells import CellRecall, cell_recalls
from atlantis_core.metrics.distances import Hyperbolic, check_distance
from atlantis_core.metrics.ignoring import Ignored, ignored_by
from atlantis_core.metrics.intervals import bootstraps, wilson
from atlantis_core.metrics.measure import RECALL_AT, measure
from atlantis_core.metrics.ranking import Ranking, rank_images
from atlantis_core.plain import as_json
from atlantis_core.ports import Progress, no_progress
from atlantis_core.records import Interval, Measurement

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlantis_core.learning.retriever import Retriever

AUTO = "auto"


@dataclass(frozen=True, slots=True)
class LeaveOut:
    """Gallery images that share the query's value of a column neither count as hits nor stand in the ranking."""

    column: str
    values: Mapping[str, str]
    """Image id -> value; images without one share with none."""
    own_class_only: bool = False
    """Only those of the query's own class; see `metrics.ignoring.Ignored`."""


@dataclass(frozen=True, slots=True)
class EvaluationSpec:
    """What is asked about a model."""

    at: tuple[int, ...] = RECALL_AT
    """The K of Recall@K."""
    distance: str = AUTO
    """A name in `metrics.distances.DISTANCES`; `auto` is the one that the embeddings were made for."""
    leaving_out: tuple[LeaveOut, ...] = ()
    with_nmi: bool = False
    """Also cluster; seconds for thousands of images, minutes for tens of thousands."""
    seed: int = 0
    """Of the resamples and of the clusters."""

    def __post_init__(self) -> None:
        if not self.at or min(self.at) < 1:
            raise SetupError(f"Recall@K needs K of at least 1, not {list(self.at)}; name some like 1,10,100")
        if self.distance != AUTO:
            check_distance(self.distance)


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """The figures, all in [0, 1]; higher is better."""

    measurement: Measurement
    recall_intervals: Mapping[int, Interval]
    """K -> Recall@K with its 95 % bootstrap interval over queries."""
    map_at_r: Interval
    r_precision: Interval
    per_cell: tuple[CellRecall, ...]
    """Worst first."""
    distance: str
    """By which the gallery was sorted."""
    embedding: str
    """`head` or `body`, the unit-length pooled features below the head."""
    leave_out: tuple[str, ...]
    """What no query is shown, in words; that an image never finds itself is the first."""
    nmi: float | None
    """None where it was not asked for."""

    def facts(self) -> dict[str, Any]:
        """Return it as plain data, the measurement's fields on top."""
        measured: dict[str, Any] = as_json(self.measurement)
        intervals = {
            "recall_at": self.recall_intervals,
            "map_at_r": self.map_at_r,
            "r_precision": self.r_precision,
        }
        return measured | {
            "intervals": as_json(intervals),
            "per_cell": [one.facts() for one in self.per_cell],
            "distance": self.distance,
            "embedding": self.embedding,
            "leave_out": list(self.leave_out),
            "nmi": self.nmi,
        }


def evaluate(
    retriever: Retriever, task: RetrievalTask, spec: EvaluationSpec, progress: Progress = no_progress
) -> EvaluationReport:
    """Embed the images of a task, rank, and report.

    Args:
        retriever: What is measured.
        task: Queries and gallery; an image in both is never matched to itself.
        spec: What is asked.
        progress: Told of embedded images and of the steps after that.

    Raises:
        SetupError: An image cannot be read, or the distance is not defined for such embeddings.
        TrainingFailed: The embeddings are not finite.
    """
    queries, gallery = embed_task(retriever, task, progress=progress)
    distance = distance_of(retriever.space) if spec.distance == AUTO else spec.distance
    if distance == "cosine" and retriever.space.distance != "cosine":
        queries, gallery = _unit(queries), _unit(gallery)
    _check_room(distance, (queries, gallery))
    ignoring = [_rule(rule, task) for rule in spec.leaving_out]
    progress("ranking", 0, 1)
    ranking = rank_images(task.queries, queries, task.gallery, gallery, distance, ignoring)
    progress("ranking", 1, 1)
    if spec.leaving_out and not ranking.num_queries:
        rules = " and ".join(_in_words(rule) for rule in spec.leaving_out)
        raise SetupError(
            f"no query has a right image left in the gallery once {rules} are left out; ask without that"
        )
    progress("resampling queries", 0, 1)
    intervals = _intervals(ranking, spec.at, spec.seed)
    progress("resampling queries", 1, 1)
    return EvaluationReport(
        measurement=measure(ranking, task.queries, spec.at),
        recall_intervals=dict(zip(spec.at, intervals, strict=False)),
        map_at_r=intervals[-2],
        r_precision=intervals[-1],
        per_cell=cell_recalls(ranking, task.queries),
        distance=distance,
        embedding="body" if retriever.head is None else "head",
        leave_out=("itself", *(_in_words(rule) for rule in spec.leaving_out)),
        nmi=_nmi(task, queries, gallery, spec.seed, progress) if spec.with_nmi else None,
    )


def _intervals(ranking: Ranking, at: Sequence[int], seed: int) -> tuple[Interval, ...]:
    """Return the intervals of Recall@K for every K, then of MAP@R and R-precision."""
    counted = ranking.has_partner
    hits = [ranking.first_hit < k for k in at]
    values = np.stack([*hits, ranking.ap_at_r, ranking.r_precision], axis=1)[counted].astype(np.float64)
    return bootstraps(values, seed) if len(values) else (wilson(0, 0),) * values.shape[1]


def _nmi(
    task: RetrievalTask, queries: NDArray[np.float32], gallery: NDArray[np.float32], seed: int, progress: Progress
) -> float:
    """Cluster every image of the task once."""
    from atlantis_core.metrics.nmi import nmi

    images = [*task.queries, *task.gallery]
    row = {image.id: index for index, image in reversed(list(enumerate(images)))}
    rows = sorted(row.values())
    labels = np.unique([images[index].label for index in rows], return_inverse=True)[1].astype(np.int64)
    progress("clustering for NMI", 0, 1)
    found = nmi(np.concatenate([queries, gallery])[rows], labels, seed)
    progress("clustering for NMI", 1, 1)
    return found


def _rule(rule: LeaveOut, task: RetrievalTask) -> Ignored:
    return ignored_by(rule.values, task.queries, task.gallery, rule.own_class_only)


def _in_words(rule: LeaveOut) -> str:
    return f"images of the same {'class and ' if rule.own_class_only else ''}{rule.column}"


def _unit(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (N, D) directions; the origin, which has none, stays and is equally far from all."""
    lengths = np.linalg.norm(points, axis=1, keepdims=True)
    return (points / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def _check_room(distance: str, parts: Sequence[NDArray[np.float32]]) -> None:
    """Refuse embeddings that reach out of the ball; those that are not finite are `rank`'s to refuse."""
    kind = check_distance(distance)
    if not isinstance(kind, Hyperbolic):
        return
    reach = max(float(np.linalg.norm(part.astype(np.float64), axis=1).max(initial=0)) for part in parts)
    if np.isfinite(reach) and kind.curvature * reach**2 >= 1:
        raise SetupError(
            f"--distance {distance} is of the ball of radius {kind.curvature**-0.5:.4g}, but this model's "
            f"embeddings reach {reach:.4g}; take a C below {1 / reach**2:.4g}, or auto"
        )
