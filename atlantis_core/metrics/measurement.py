"""Retrieval quality of a model on a task, and its average over seeds."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from atlantis_core.base.plural import count_noun
from atlantis_core.metrics import METRICS
from atlantis_core.metrics.intervals import wilson_interval
from atlantis_core.metrics.retrieval_metrics import recall_at_k
from atlantis_core.records import Interval, Measurement

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from atlantis_core.metrics.ranking import Ranking
    from atlantis_core.records import LabelledImage

Key = TypeVar("Key", str, tuple[str, str, str])

RECALL_AT = (1, 2, 4, 8)
"""K of Recall@K in every measurement."""


def measure_ranking(ranking: Ranking, queries: Sequence[LabelledImage], at: Sequence[int] = RECALL_AT) -> Measurement:
    """Return the metrics of a ranking: overall, by class and by facet value.

    `queries` are Q images, in the order of the ranking; `at` are the K of Recall@K.
    """
    if len(queries) != len(ranking.positives):
        raise ValueError(f"{len(queries)} queries do not fit a ranking of {len(ranking.positives)}")
    counted = ranking.has_positive
    facets = sorted({name for image in queries for name in image.facets})
    labels = [image.label for image in queries]
    return Measurement(
        recall_at={k: recall_at_k(ranking, k) for k in at},
        scores={name: metric.measure(ranking) for name, metric in METRICS.items()},
        queries=ranking.num_queries,
        left_out=ranking.num_left_out,
        per_class=_recall_by(labels, ranking.first_hit == 0, counted),
        per_facet={
            name: _recall_by([i.facets.get(name) for i in queries], ranking.first_hit == 0, counted)
            for name in facets
        },
    )


def describe_certain_hits(at: Sequence[int], gallery: int, negatives: int) -> str:
    """Say which Recall@K say nothing, because among the first K there is a positive in any order; empty if none.

    `negatives` are the most that a query has in the gallery.
    """
    certain = [k for k in at if k > negatives]
    why = f"the gallery has {gallery} images"
    if any(k < gallery for k in certain):
        why = f"no query has more than {count_noun(negatives, 'negative')} in the gallery"
    named = ", ".join(f"R@{k}" for k in certain)
    return f"{named}: 1 for any model, as {why}" if certain else ""


def recall_by_cell(ranking: Ranking, queries: Sequence[LabelledImage]) -> dict[tuple[str, str, str], Interval]:
    """Return (class, facet, value) -> Recall@1 with its Wilson interval, sorted, for cells with a counted query.

    `queries` are Q images, in the order of the ranking.
    """
    hit, counted = ranking.first_hit == 0, ranking.has_positive
    facets = sorted({name for image in queries for name in image.facets})
    cells: dict[tuple[str, str, str], Interval] = {}
    for facet in facets:
        keys = [(i.label, facet, i.facets[facet]) if facet in i.facets else None for i in queries]
        cells |= _recall_by(keys, hit, counted)
    return dict(sorted(cells.items()))


def _recall_by(keys: Sequence[Key | None], hit: NDArray[np.bool_], counted: NDArray[np.bool_]) -> dict[Key, Interval]:
    """Return key -> Recall@1 with its interval, for keys with a counted query."""
    tally: dict[Key, list[bool]] = {}
    for key, is_hit, is_counted in zip(keys, hit, counted, strict=True):
        if is_counted and key is not None:
            tally.setdefault(key, []).append(bool(is_hit))
    return {key: wilson_interval(sum(tally[key]), len(tally[key])) for key in sorted(tally)}


def average_measurements(measurements: Sequence[Measurement]) -> Measurement:
    """Return the mean over seeds of measurements of one task.

    Intervals are those of the mean hits over the same queries: seeds add no queries, so they do not narrow them.
    """
    if not measurements:
        raise ValueError("no measurement to average")
    first = measurements[0]
    if any((m.queries, m.left_out) != (first.queries, first.left_out) for m in measurements):
        raise ValueError("the measurements have different queries; average only seeds of one task")
    return Measurement(
        recall_at={k: _mean([m.recall_at[k] for m in measurements]) for k in first.recall_at},
        scores={name: _mean([m.scores[name] for m in measurements]) for name in first.scores},
        queries=first.queries,
        left_out=first.left_out,
        per_class=_average_intervals([m.per_class for m in measurements]),
        per_facet={name: _average_intervals([m.per_facet[name] for m in measurements]) for name in first.per_facet},
    )


def mean_and_sd(values: Sequence[float | None]) -> dict[str, float | None]:
    """Return `mean` and `sd`, the sample standard deviation over seeds; None for a single seed, both without one.

    A seed without a figure leaves all without one: the mean of the rest would be of other queries.
    """
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return {"mean": None, "sd": None}
    return {"mean": statistics.fmean(known), "sd": statistics.stdev(known) if len(known) > 1 else None}


def _mean(values: Sequence[float | None]) -> float | None:
    """Return the mean over seeds; None where no query counts, which is so at every seed or at none."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) else None


def _average_intervals(tables: Sequence[Mapping[str, Interval]]) -> dict[str, Interval]:
    """Average intervals key by key; all tables have the same keys and counts."""
    return {
        key: wilson_interval(sum(table[key].value for table in tables) / len(tables) * interval.count, interval.count)
        for key, interval in tables[0].items()
    }
