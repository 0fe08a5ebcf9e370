"""Rankings in which a query is not shown what would make it too easy: images of the same visit, camera or object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.errors import SetupError
from atlantis_core.metrics.ranking import NO_HIT, Ranking, rank_images

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlantis_core.records import LabelledImage


def rank_leaving_out(
    queries: Sequence[LabelledImage],
    query_embeddings: NDArray[np.float32],
    gallery: Sequence[LabelledImage],
    gallery_embeddings: NDArray[np.float32],
    column: str,
    distance: str = "cosine",
) -> Ranking:
    """Rank labelled images, for each query without the gallery images that share its value of a facet.

    As person re-identification leaves out what the query's own camera took (Zheng et al., ICCV 2015, Market-1501,
    section 4), but for all classes: what is left out neither counts as a hit nor stands before one. A query without a
    value searches the whole gallery.

    Args:
        queries: Q images.
        query_embeddings: (Q, D), in the order of `queries`.
        gallery: G images.
        gallery_embeddings: (G, D), in the order of `gallery`.
        column: The facet.
        distance: As for `ranking.rank`.

    Raises:
        SetupError: No query has the facet.
    """
    values = [image.facets.get(column, "") for image in queries]
    if not any(values):
        known = ", ".join(sorted({name for image in queries for name in image.facets})) or "none"
        raise SetupError(f"--leave-out names {column!r}, which no query has; facets: {known}")
    whole = _nothing(len(queries))
    for value in sorted(set(values)):
        asked = np.flatnonzero([own == value for own in values])
        shown = np.flatnonzero([not value or image.facets.get(column) != value for image in gallery])
        part = rank_images(
            [queries[int(row)] for row in asked],
            query_embeddings[asked],
            [gallery[int(row)] for row in shown],
            gallery_embeddings[shown],
            distance,
        )
        whole.first_hit[asked], whole.partners[asked] = part.first_hit, part.partners
        whole.nearest[asked] = np.append(shown, -1)[part.nearest]
        whole.ap_at_r[asked], whole.r_precision[asked] = part.ap_at_r, part.r_precision
    return whole


def _nothing(queries: int) -> Ranking:
    """Return a ranking to be filled in."""
    counts, rows = np.zeros(queries, np.int64), np.full(queries, -1)
    return Ranking(np.full(queries, NO_HIT), counts, rows, np.zeros(queries), np.zeros(queries))
