"""Everything that can be said of one model on one task: `atlantis evaluate`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from atlantis_core.base.errors import SetupError
from atlantis_core.base.ports import Progress, no_progress
from atlantis_core.base.serialization import as_json
from atlantis_core.data.tasks import RetrievalTask, check_measurable, describe_single_class
from atlantis_core.learning.evaluation import (
    choose_reference,
    describe_collapse,
    distance_of,
    embed,
    embed_task,
    rank_task_served,
)
from atlantis_core.learning.inputs.preprocessing import earlier_preprocessing
from atlantis_core.learning.robustness import check_aim, measure_robustness
from atlantis_core.learning.serving.servings import parse_serving
from atlantis_core.metrics import METRICS
from atlantis_core.metrics.distances import Hyperbolic, check_distance
from atlantis_core.metrics.exclusions import ExclusionRule, Values, count_negatives, exclude_by_column
from atlantis_core.metrics.intervals import bootstrap_means
from atlantis_core.metrics.measurement import RECALL_AT, describe_certain_hits, measure_ranking, recall_by_cell
from atlantis_core.metrics.nmi import nmi
from atlantis_core.metrics.ranking import Ranking, rank_images
from atlantis_core.records import LabelledImage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlantis_core.learning.attacks import Attack
    from atlantis_core.learning.retriever import Retriever

_SEED = 0  # of resamples and clusters: the same question has the same answer


@dataclass(frozen=True, slots=True)
class EvaluationRequest:
    """What is to be measured, and how."""

    at: tuple[int, ...] = RECALL_AT
    """The K of Recall@K."""
    distance: str = "auto"
    """Name in `metrics.distances.DISTANCES`; `auto` is the one that the model was trained for."""
    leave_out: str | None = None
    """Column of which a query's own value is not searched."""
    nmi: bool = False
    """Whether to cluster queries and gallery, which takes longer than all the rest."""
    attack: Attack | None = None
    """Changes the queries for a second measurement, in the space that the model was trained for."""
    aim: str = "wrong"
    """Where the attack pushes, see `robustness.Aim`."""
    junk: str | None = None
    """Column of which a query's own value is not searched among images of its own class."""
    columns: Mapping[str, Values] = field(default_factory=dict)
    """Values of columns that are no facets of the images."""
    serving: str = ""
    """How the embeddings are searched, see `learning.serving.servings`; empty is the nearest photo."""
    reference: tuple[LabelledImage, ...] = ()
    """Photos that the serving is fitted on: a pool's, or training photos."""

    def __post_init__(self) -> None:
        if not self.at or min(self.at) < 1:
            raise SetupError(f"the K of Recall@K (at) are numbers from 1, such as 1, 10, 100, not {self.at!r}")
        if self.distance != "auto":
            check_distance(self.distance)
        self._check_serving()
        if self.attack is None:
            return
        check_aim(self.aim, self.attack)
        if self.leave_out or self.junk:
            rule = "leaving out" if self.leave_out else "junk"
            raise SetupError(f"an attack searches the whole gallery; run the attack and {rule} separately")

    def _check_serving(self) -> None:
        """Refuse an unknown serving, and one beside a question that only the nearest photo can answer."""
        serving = str(parse_serving(self.serving))
        if not serving:
            return
        others = {"--attack": self.attack, "--leave-out": self.leave_out, "--junk": self.junk}
        if self.distance not in {"auto", "cosine"}:
            others["--distance"] = self.distance
        if given := [option for option, value in others.items() if value]:
            raise SetupError(f"{given[0]} is measured with the nearest photo only; leave out --serving {serving}")


def evaluate_model(
    retriever: Retriever, task: RetrievalTask, question: EvaluationRequest, progress: Progress = no_progress
) -> dict[str, Any]:
    """Measure a model on a task; an image that is both query and gallery never finds itself.

    Returns:
        JSON-able: the fields of `Measurement`, and `intervals` (95 % bootstrap over queries of `recall_at` by K,
        `map_at_r`, `r_precision`), `per_cell` (worst first), `distance`, `left_out_by`, `junk_by`, `notes` (what
        a person should know of the figures, a line each); where asked for, `nmi`, `robust` and `serving`.

    Raises:
        SetupError: No query has a positive, an image cannot be read, or the distance does not suit the embeddings.
        TrainingFailed: The embeddings are not finite.
    """
    check_measurable(task)
    rules = _rules(task, question)
    embeddings = queries, gallery = embed_task(retriever, task, progress=progress)
    distance = distance_of(retriever.space) if question.distance == "auto" else question.distance
    if distance == "cosine" and retriever.space.distance != "cosine":
        queries, gallery = _unit(queries), _unit(gallery)
    _check_room(distance, (queries, gallery))
    progress("ranking", 0, 1)
    served = _rank_served(retriever, task, question, embeddings, progress) if question.serving.strip() else None
    ranking = served[0] if served else rank_images(task.queries, queries, task.gallery, gallery, distance, rules)
    progress("ranking", 1, 1)
    if rules and not ranking.num_queries:
        columns = " and ".join(filter(None, (question.leave_out, question.junk)))
        raise SetupError(
            f"leaving out images with the same {columns} leaves no query a positive; measure without that"
        )
    negatives = count_negatives(task.queries, task.gallery, rules)[ranking.has_positive].max()
    notes = (
        describe_single_class(task),
        _describe_entries(served[1], task) if served else "",
        describe_certain_hits(question.at, len(task.gallery), int(negatives)) if not served else "",
        describe_collapse(gallery),
        earlier_preprocessing(retriever.backbone),
    )
    figures: dict[str, Any] = as_json(measure_ranking(ranking, task.queries, question.at))
    figures |= {
        "intervals": _intervals(ranking, question.at),
        "per_cell": _cells(ranking, task.queries),
        "distance": distance,
        "left_out_by": question.leave_out,
        "junk_by": question.junk,
        "notes": [line for line in notes if line],
    }
    if served:
        figures["serving"] = str(parse_serving(question.serving))
    if question.nmi:
        progress("clustering for NMI", 0, 1)
        figures["nmi"] = _nmi(task, queries, gallery)
        progress("clustering for NMI", 1, 1)
    if question.attack is not None:
        found = measure_robustness(retriever, task, question.attack, progress, question.at, question.aim, embeddings)
        figures["robust"] = found.facts()
    return figures


def _rank_served(
    retriever: Retriever,
    task: RetrievalTask,
    question: EvaluationRequest,
    embeddings: tuple[NDArray[np.float32], NDArray[np.float32]],
    progress: Progress,
) -> tuple[Ranking, list[str]]:
    """Rank what the serving makes of the embeddings (Q, D) and (G, D); return the classes of what is ranked, too."""
    serving = parse_serving(question.serving)
    serving.check_space(retriever.space)
    photos = choose_reference(task, question.reference) if serving.needs_reference else []
    vectors = embed(retriever, photos, None, progress)
    ranking, _, labels = rank_task_served(serving, task, embeddings, photos, vectors)
    return ranking, labels


def _describe_entries(labels: Sequence[str], task: RetrievalTask) -> str:
    """Say that something else than the gallery's photos was ranked, which K of Recall@K counts; empty if not."""
    if len(labels) == len(task.gallery):
        return ""
    return (
        f"{len(labels):,} entries were ranked in place of {len(task.gallery):,} photos: only R@1 compares with other "
        "servings"
    )


def _rules(task: RetrievalTask, question: EvaluationRequest) -> list[ExclusionRule]:
    asked = ((question.leave_out, False), (question.junk, True))
    return [
        exclude_by_column(task.queries, task.gallery, column, question.columns.get(column), own_class_only)
        for column, own_class_only in asked
        if column is not None
    ]


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
            f"distance {distance!r} does not fit: embeddings have norm {reach:.4g}, but the ball's radius is "
            f"{kind.curvature**-0.5:.4g}; use a C below {1 / reach**2:.4g}, or auto"
        )


def _intervals(ranking: Ranking, at: Sequence[int]) -> dict[str, Any]:
    """Return every figure with its interval over queries; none for a single query, which has no spread."""
    counted = ranking.has_positive
    if counted.sum() < 2:
        return {}
    recalls = [ranking.first_hit[counted] < k for k in at]
    others = [metric.per_query(ranking)[counted] for metric in METRICS.values()]
    values = np.stack([*recalls, *others], axis=1).astype(np.float64)
    intervals = [as_json(interval) for interval in bootstrap_means(values, _SEED)]
    recall_at = {str(k): interval for k, interval in zip(at, intervals, strict=False)}
    return {"recall_at": recall_at} | dict(zip(METRICS, intervals[len(at) :], strict=True))


def _cells(ranking: Ranking, queries: Sequence[LabelledImage]) -> list[dict[str, Any]]:
    """Return every class x facet value, worst first."""
    cells = recall_by_cell(ranking, queries)
    rows = [
        {
            "class": name,
            "facet": facet,
            "value": value,
            "recall_at_1": found.value,
            "low": found.low,
            "high": found.high,
            "queries": found.count,
        }
        for (name, facet, value), found in cells.items()
    ]
    return sorted(rows, key=lambda row: (row["high"], row["recall_at_1"]))


def _nmi(task: RetrievalTask, queries: NDArray[np.float32], gallery: NDArray[np.float32]) -> float | None:
    """Return the NMI of all images of the task, each once."""
    images = (*task.queries, *task.gallery)
    first = {image.id: row for row, image in reversed(list(enumerate(images)))}
    rows = sorted(first.values())
    names = sorted({image.label for image in images})
    labels = np.array([names.index(images[row].label) for row in rows], np.int64)
    return nmi(np.concatenate([queries, gallery])[rows], labels, _SEED)
