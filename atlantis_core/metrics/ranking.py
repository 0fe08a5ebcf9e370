"""Ranks: for every query, where its right images stand when the gallery is sorted by cosine similarity.

Every metric is a function of what is computed here, once, in chunks of bounded memory.

Ties are pessimistic: similarities closer than about 1e-6 (float32 rounding of a matrix product) count as
equal, and of equally similar images the wrong ones come first. So a collapsed model, which calls everything
alike, scores near 0 instead of at random, and no figure depends on the order of the gallery.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.errors import TrainingFailed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlantis_core.records import LabelledImage

NO_HIT = int(np.iinfo(np.int64).max)
"""`first_hit` of a query without a partner."""

_STEPS = 2**20  # similarity levels per unit: 1e-6, a few float32 roundings of a unit-norm product
_EXCLUDED = -(2**30) + 1  # below every key of a similarity in [-1, 1]; odd, so it never counts as right
_CELLS_PER_CHUNK = 2**22  # similarities held at once: 16 MiB each for the product, the keys and their copy


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """What the metrics need to know of every query. Higher is better unless a field says otherwise."""

    first_hit: NDArray[np.int64]
    """(Q,) rank of the nearest right image, 0 is best; `NO_HIT` where there is none."""
    partners: NDArray[np.int64]
    """(Q,) right images in the gallery, the query itself not counted."""
    nearest: NDArray[np.int64]
    """(Q,) gallery row returned first; -1 where the gallery offers none."""
    ap_at_r: NDArray[np.float64]
    """(Q,) average precision at R, R being `partners`; 0 for a query without a partner."""
    r_precision: NDArray[np.float64]
    """(Q,) share of right images among the first R; 0 for a query without a partner."""

    @property
    def has_partner(self) -> NDArray[np.bool_]:
        """(Q,) which queries enter the figures."""
        return self.partners > 0

    @property
    def num_queries(self) -> int:
        """Queries with at least one partner."""
        return int(self.has_partner.sum())

    @property
    def num_left_out(self) -> int:
        """Queries without a partner; they enter no figure."""
        return len(self.partners) - self.num_queries


def rank(
    query_embeddings: NDArray[np.float32],
    query_labels: NDArray[np.int64],
    gallery_embeddings: NDArray[np.float32],
    gallery_labels: NDArray[np.int64],
    same: NDArray[np.int64] | None = None,
) -> Ranking:
    """Rank the gallery for every query by cosine similarity.

    Args:
        query_embeddings: (Q, D), unit norm.
        query_labels: (Q,) class numbers.
        gallery_embeddings: (G, D), unit norm.
        gallery_labels: (G,) class numbers.
        same: (Q,) gallery row that is the query itself, -1 if none; it is never returned. None: no query is
            in the gallery.

    Raises:
        TrainingFailed: An embedding is not finite; the model diverged.
        ValueError: Shapes do not fit, or embeddings are longer than unit norm.
    """
    _check(query_embeddings, query_labels, "query")
    _check(gallery_embeddings, gallery_labels, "gallery")
    queries, gallery = len(query_labels), len(gallery_labels)
    rows = np.full(queries, -1, np.int64) if same is None else np.asarray(same, np.int64)
    if rows.shape != (queries,) or np.any(rows >= gallery):
        raise ValueError(f"same has shape {rows.shape} and may point at rows 0..{gallery - 1} of the gallery")
    if not gallery or not queries:
        return _nothing_ranked(queries)
    parts = [
        _rank_chunk(query_embeddings[c], query_labels[c], gallery_embeddings, gallery_labels, rows[c])
        for c in _chunks(queries, gallery)
    ]
    return Ranking(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def rank_images(
    queries: Sequence[LabelledImage],
    query_embeddings: NDArray[np.float32],
    gallery: Sequence[LabelledImage],
    gallery_embeddings: NDArray[np.float32],
) -> Ranking:
    """Rank labelled images; an image that is query and gallery at once (same id) never finds itself.

    Args:
        queries: Q images.
        query_embeddings: (Q, D), unit norm, in the order of `queries`.
        gallery: G images.
        gallery_embeddings: (G, D), unit norm, in the order of `gallery`.
    """
    names = sorted({image.label for image in queries} | {image.label for image in gallery})
    number = {name: index for index, name in enumerate(names)}
    row = {image.id: index for index, image in enumerate(gallery)}
    return rank(
        query_embeddings,
        np.array([number[image.label] for image in queries], np.int64),
        gallery_embeddings,
        np.array([number[image.label] for image in gallery], np.int64),
        np.array([row.get(image.id, -1) for image in queries], np.int64),
    )


def _check(embeddings: NDArray[np.float32], labels: NDArray[np.int64], what: str) -> None:
    """Refuse what cannot be ranked."""
    if embeddings.ndim != 2 or labels.shape != embeddings.shape[:1]:
        raise ValueError(f"{what}: embeddings {embeddings.shape} do not fit labels {labels.shape}")
    if not np.isfinite(embeddings).all():
        raise TrainingFailed(f"the model returned {what} embeddings that are not finite; it diverged")
    if len(embeddings) and float(np.square(embeddings, dtype=np.float64).sum(axis=1).max()) > 1.01:
        raise ValueError(f"{what} embeddings must have unit norm; divide each by its length")


def _chunks(queries: int, gallery: int) -> Iterator[slice]:
    """Cut the queries so that a chunk's similarities fit in bounded memory."""
    rows = max(1, _CELLS_PER_CHUNK // gallery)
    return (slice(start, start + rows) for start in range(0, queries, rows))


def _nothing_ranked(queries: int) -> Ranking:
    """Return the ranking of an empty gallery."""
    none = np.zeros(queries)
    return Ranking(np.full(queries, NO_HIT), np.zeros(queries, np.int64), np.full(queries, -1), none, none.copy())


def _rank_chunk(
    query: NDArray[np.float32],
    labels: NDArray[np.int64],
    gallery: NDArray[np.float32],
    gallery_labels: NDArray[np.int64],
    same: NDArray[np.int64],
) -> tuple[NDArray[np.int64] | NDArray[np.float64], ...]:
    """Return the five columns of `Ranking` for some queries."""
    keys = _keys(query, labels, gallery, gallery_labels, same)
    right = (keys & 1) == 0
    partners = right.sum(axis=1)
    best_right = np.where(right, keys, _EXCLUDED).max(axis=1)
    ahead = (keys > best_right[:, None]).sum(axis=1)
    first_hit = np.where(partners > 0, ahead, NO_HIT)
    average_precision, r_precision = _precision_at_r(keys, partners)
    return first_hit, partners, _nearest(keys, gallery_labels), average_precision, r_precision


def _keys(
    query: NDArray[np.float32],
    labels: NDArray[np.int64],
    gallery: NDArray[np.float32],
    gallery_labels: NDArray[np.int64],
    same: NDArray[np.int64],
) -> NDArray[np.int32]:
    """Return (q, G) integers that sort like the similarities; wrong images are odd, ahead of right ones."""
    similarity = query.astype(np.float32, copy=False) @ gallery.astype(np.float32, copy=False).T
    similarity *= _STEPS
    keys: NDArray[np.int32] = np.rint(similarity, out=similarity).astype(np.int32)
    keys *= 2
    keys += labels[:, None] != gallery_labels[None, :]
    itself = np.flatnonzero(same >= 0)
    keys[itself, same[itself]] = _EXCLUDED
    return keys


def _nearest(keys: NDArray[np.int32], gallery_labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the row with the highest key; of several, the one with the lowest class number."""
    best = keys.max(axis=1)
    last = np.int64(gallery_labels.max()) + 1
    row = np.where(keys == best[:, None], gallery_labels[None, :], last).argmin(axis=1)
    return np.where(best == _EXCLUDED, -1, row)


def _precision_at_r(
    keys: NDArray[np.int32], partners: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return average precision at R and R-precision, each (q,).

    Musgrave et al., "A Metric Learning Reality Check" (ECCV 2020), section 3.2:
    AP@R = 1/R * sum over i <= R of P(i), P(i) being the precision at i where the i-th is right, else 0.
    """
    depth = int(partners.max())
    if depth == 0:
        return np.zeros(len(keys)), np.zeros(len(keys))
    width = keys.shape[1]
    first = np.partition(keys, width - depth, axis=1)[:, width - depth :]
    first = np.sort(first, axis=1)[:, ::-1]
    places = np.arange(1, depth + 1)
    hit = ((first & 1) == 0) & (places <= partners[:, None])
    precision = np.cumsum(hit, axis=1) / places
    relevant = np.maximum(partners, 1)
    return (precision * hit).sum(axis=1) / relevant, hit.sum(axis=1) / relevant
