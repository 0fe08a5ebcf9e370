"""Rankings in which a query is not shown what would make it too easy: images of the same visit, camera or object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from atlantis_core.errors import SetupError
from atlantis_core.metrics.ignoring import Ignored, ignored_by
from atlantis_core.metrics.ranking import Ranking, rank_images

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from atlantis_core.records import LabelledImage

Values = Mapping[str, str]
"""Image id -> value of a column; images without one are absent."""


def rank_leaving_out(
    queries: Sequence[LabelledImage],
    query_embeddings: NDArray[np.float32],
    gallery: Sequence[LabelledImage],
    gallery_embeddings: NDArray[np.float32],
    column: str,
    distance: str = "cosine",
) -> Ranking:
    """Rank labelled images, for each query without the gallery images that share its value of a facet.

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
    rule = leaving_out(queries, gallery, column)
    return rank_images(queries, query_embeddings, gallery, gallery_embeddings, distance, [rule])


def leaving_out(
    queries: Sequence[LabelledImage],
    gallery: Sequence[LabelledImage],
    column: str,
    values: Values | None = None,
    own_class_only: bool = False,
) -> Ignored:
    """Return the rule that a query is not shown gallery images of its own value of a column.

    As person re-identification leaves out what the query's own camera took (Zheng et al., ICCV 2015, Market-1501,
    section 4): what is left out neither counts as a hit nor stands before one. A query without a value searches the
    whole gallery.

    Args:
        queries: Q images.
        gallery: G images.
        column: Its name.
        values: Of the column; None takes the images' own facet of that name.
        own_class_only: Leave out only images of the query's class, as that protocol does; others may stand before
            a hit.

    Raises:
        SetupError: No query has a value.
    """
    if values is None:
        values = {i.id: i.facets[column] for i in (*queries, *gallery) if column in i.facets}
    if not any(image.id in values for image in queries):
        known = ", ".join(sorted({name for image in queries for name in image.facets})) or "none"
        option = "--junk" if own_class_only else "--leave-out"
        raise SetupError(f"{option} names {column!r}, which no query has; facets: {known}")
    return ignored_by(values, queries, gallery, own_class_only)
