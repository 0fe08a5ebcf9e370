"""Rankings: the ranks of every query's positives when the gallery is sorted by a distance.

Every metric is a function of these ranks. They are computed once, exactly, in tiles of bounded memory (`tiles.py`,
`rank_counters.py`).

Ties are pessimistic: a negative ranks before a positive unless it is farther by at least `rank_counters.TIE`, 1e-6
(float32 rounding of a matrix product). So a collapsed model, which gives all images the same embedding, scores near 0
instead of at random, and no figure depends on the order of the gallery.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.base.errors import TrainingFailed
from atlantis_core.base.registry import build_part
from atlantis_core.metrics.distances import DISTANCES, Distance
from atlantis_core.metrics.exclusions import ExclusionRule
from atlantis_core.metrics.rank_counters import TIE
from atlantis_core.metrics.tiles import ReplacedScores, TiledSearch, count_ranks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlantis_core.records import LabelledImage

NO_HIT = int(np.iinfo(np.int64).max)
"""`first_hit` of a query without a positive."""


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """Per-query results that the metrics are computed from. Higher is better unless a field says otherwise."""

    first_hit: NDArray[np.int64]
    """(Q,) rank of the nearest positive, 0 is best; `NO_HIT` if there is none."""
    positives: NDArray[np.int64]
    """(Q,) positives in the gallery, without the query itself and excluded images."""
    nearest: NDArray[np.int64]
    """(Q,) gallery row of the top-1; -1 if there is none."""
    ap_at_r: NDArray[np.float64]
    """(Q,) average precision at R = `positives`; 0 for a query without a positive."""
    r_precision: NDArray[np.float64]
    """(Q,) share of positives among the first R; 0 for a query without a positive."""

    @property
    def has_positive(self) -> NDArray[np.bool_]:
        """(Q,) which queries count in the metrics."""
        return self.positives > 0

    @property
    def num_queries(self) -> int:
        """Number of queries with a positive."""
        return int(self.has_positive.sum())

    @property
    def num_left_out(self) -> int:
        """Number of queries without a positive; they count in no metric."""
        return len(self.positives) - self.num_queries


def rank_gallery(
    query_embeddings: NDArray[np.float32],
    query_labels: NDArray[np.int64],
    gallery_embeddings: NDArray[np.float32],
    gallery_labels: NDArray[np.int64],
    same: NDArray[np.int64] | None = None,
    distance: str | Distance = "cosine",
    tie: float = TIE,
    ignoring: Sequence[ExclusionRule] = (),
    replaced: ReplacedScores | None = None,
) -> Ranking:
    """Rank the gallery for every query.

    Args:
        query_embeddings: (Q, D), unit norm for the cosine, inside the ball for the hyperbolic distance.
        query_labels: (Q,) class numbers.
        gallery_embeddings: (G, D), likewise.
        gallery_labels: (G,) class numbers.
        same: (Q,) gallery row of the query itself, which is never retrieved, or -1; None if no query is in the
            gallery.
        distance: A name in `distances.DISTANCES`, where `hyperbolic:0.1` is a ball of curvature -0.1, or a distance.
        tie: Scores (see `distances`) that differ by less are ties; with 0, float32 rounding decides.
        ignoring: Rules that exclude gallery images query by query, as positives and as negatives.
        replaced: Scores that take the place of some of the distance's.

    Raises:
        TrainingFailed: An embedding is not finite; the model diverged.
        SetupError: The distance is unknown.
    """
    _check_embeddings(query_embeddings, query_labels, "query")
    _check_embeddings(gallery_embeddings, gallery_labels, "gallery")
    queries, gallery = len(query_labels), len(gallery_labels)
    rows = np.full(queries, -1, np.int64) if same is None else np.asarray(same, np.int64)
    if rows.shape != (queries,) or np.any((rows >= gallery) | (rows < -1)):
        raise ValueError(
            f"same has shape {rows.shape}; it needs one gallery row in 0..{gallery - 1}, or -1, per query"
        )
    if any((len(rule.queries), len(rule.gallery)) != (queries, gallery) for rule in ignoring):
        raise ValueError(f"an exclusion rule does not fit {queries} queries and {gallery} gallery images")
    if not gallery or not queries:
        zeros = np.zeros(queries)
        nothing = np.full(queries, -1)
        return Ranking(np.full(queries, NO_HIT), np.zeros(queries, np.int64), nothing, zeros, zeros.copy())
    kind = distance
    if isinstance(kind, str):
        kind = build_part(DISTANCES, kind, "distance", Distance)
    left, right = kind.factors(query_embeddings, gallery_embeddings)
    order, gallery_order = (np.argsort(labels, kind="stable") for labels in (query_labels, gallery_labels))
    column_of = np.append(np.argsort(gallery_order), -1)  # maps -1 (not in the gallery) to -1
    search = TiledSearch(
        distance=kind,
        left=left[order],
        labels=query_labels[order],
        right=right[gallery_order],
        gallery_labels=gallery_labels[gallery_order],
        itself=column_of[rows[order]],
        tie=tie,
        symmetric=replaced is None
        and np.array_equal(rows, np.arange(gallery))
        and np.array_equal(query_labels, gallery_labels)
        and np.array_equal(query_embeddings, gallery_embeddings)
        and all(np.array_equal(rule.queries, rule.gallery) for rule in ignoring),
        ignoring=tuple(rule.ordered(order, gallery_order) for rule in ignoring),
        replaced=None if replaced is None else replaced.ordered(order, column_of),
    )
    back = np.argsort(order)
    first_hit, positives, nearest, ap_at_r, r_precision = (column[back] for column in count_ranks(search, NO_HIT))
    return Ranking(first_hit, positives, np.append(gallery_order, -1)[nearest], ap_at_r, r_precision)


def rank_images(
    queries: Sequence[LabelledImage],
    query_embeddings: NDArray[np.float32],
    gallery: Sequence[LabelledImage],
    gallery_embeddings: NDArray[np.float32],
    distance: str = "cosine",
    ignoring: Sequence[ExclusionRule] = (),
) -> Ranking:
    """Rank labelled images; an image that is both query and gallery (same id) never retrieves itself.

    Embeddings (Q, D) and (G, D) are in the order of the images; other arguments and errors as for `rank_gallery`.
    """
    names = sorted({image.label for image in queries} | {image.label for image in gallery})
    number = {name: index for index, name in enumerate(names)}
    row = {image.id: index for index, image in enumerate(gallery)}
    return rank_gallery(
        query_embeddings,
        np.array([number[image.label] for image in queries], np.int64),
        gallery_embeddings,
        np.array([number[image.label] for image in gallery], np.int64),
        np.array([row.get(image.id, -1) for image in queries], np.int64),
        distance,
        ignoring=ignoring,
    )


def _check_embeddings(embeddings: NDArray[np.float32], labels: NDArray[np.int64], what: str) -> None:
    """Refuse embeddings that cannot be ranked."""
    if embeddings.ndim != 2 or labels.shape != embeddings.shape[:1]:
        raise ValueError(f"{what}: embeddings {embeddings.shape} do not match labels {labels.shape}")
    if not np.isfinite(embeddings).all():
        raise TrainingFailed(f"the model returned {what} embeddings that are not finite; it diverged")
