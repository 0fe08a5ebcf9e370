"""Rankings of a served gallery: what its parts made of the embeddings, ranked exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.base.errors import SetupError
from atlantis_core.metrics.ranking import Ranking, rank_gallery
from atlantis_core.metrics.tiles import ReplacedScores

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from atlantis_core.learning.serving.interface import Entries, Photos, ServedGallery
    from atlantis_core.metrics.distances import Factor


class ProductScore:
    """The score is the product of the factors; see `score_factors`."""

    def factors(self, queries: NDArray[np.float32], gallery: NDArray[np.float32]) -> tuple[Factor, Factor]:
        """Return them unchanged, (Q, F) and (G, F)."""
        return queries, gallery

    def finish(self, product: torch.Tensor) -> torch.Tensor:
        """Return the product (q, g)."""
        return product


@dataclass(frozen=True, slots=True, eq=False)
class SearchedQueries:
    """Queries as a served gallery compares them with its entries."""

    vectors: NDArray[np.float32]
    """(Q, D)"""
    own_entry: NDArray[np.int64]
    """(Q,) the entry that is the query's own photo, which it never finds; -1 if there is none."""
    replaced: ReplacedScores | None
    """Scores that the vectors do not give."""


def prepare_queries(served: ServedGallery, queries: Photos, own_photo: NDArray[np.int64]) -> SearchedQueries:
    """Return queries as the entries are compared with; `own_photo` (Q,) is each one's gallery row, or -1.

    Raises:
        SetupError: Labels were spread, and a query is a gallery photo.
    """
    if served.labels_spread and (own_photo >= 0).any():
        raise SetupError(
            "a query is a gallery photo, so its own label would be spread to what it finds; "
            "leave spread and rectify out of the serving, or search in other photos than the queries"
        )
    vectors = queries.vectors if served.query_move is None else served.query_move.move(queries)
    if served.expansion is not None:
        vectors = served.expansion.expand(vectors, own_photo)
    entry_of = np.full(len(served.gallery) + 1, -1)
    photos = np.flatnonzero(served.entries.photos >= 0)
    entry_of[served.entries.photos[photos]] = photos
    own_entry = entry_of[own_photo]
    replaced = _replace_own(served, vectors, own_photo)
    if served.reranking is not None:
        replaced = ReplacedScores(*served.reranking.rerank(vectors, own_entry))
    return SearchedQueries(vectors, own_entry, replaced)


def score_factors(vectors: NDArray[np.float32], entries: Entries) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return factors (Q, D + 1) and (E, D + 1) whose products are the scores."""
    ones = np.ones((len(vectors), 1), np.float32)
    scaled = entries.vectors * entries.scale[:, None]
    return np.concatenate([vectors, ones], axis=1), np.concatenate([scaled, entries.shift[:, None]], axis=1)


def rank_served(served: ServedGallery, queries: Photos, own_photo: NDArray[np.int64] | None = None) -> Ranking:
    """Rank the entries of a served gallery for every query; `nearest` is then an entry.

    A query that is a gallery photo (`own_photo` (Q,) is its row, or -1) finds neither itself nor a prototype that was
    built from it: that is built again without it.
    """
    rows = np.full(len(queries), -1) if own_photo is None else own_photo
    searched = prepare_queries(served, queries, rows)
    left, right = score_factors(searched.vectors, served.entries)
    return rank_gallery(
        left,
        queries.labels,
        right,
        served.entries.labels,
        searched.own_entry,
        ProductScore(),
        replaced=searched.replaced,
    )


def _replace_own(
    served: ServedGallery, queries: NDArray[np.float32], own_photo: NDArray[np.int64]
) -> ReplacedScores | None:
    """Score the entries that a query's own photo helped to build, without that photo."""
    inside = np.flatnonzero(own_photo >= 0)
    if served.left_out is None or not len(inside):
        return None
    entries, vectors = served.left_out.without(own_photo[inside])
    scores = np.einsum("nd,nd->n", queries[inside], vectors)
    if served.correction is not None:
        scale, shift = served.correction.adjust(vectors, served.entries.labels[entries])
        scores = scale * scores + shift
    columns = np.full((len(queries), 1), -1)
    found = np.zeros((len(queries), 1), np.float32)
    columns[inside, 0] = entries
    found[inside, 0] = np.where(vectors.any(axis=1), scores, -np.inf)
    return ReplacedScores(columns, found)
