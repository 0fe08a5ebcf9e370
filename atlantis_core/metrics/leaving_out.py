"""Rankings in which a query is not shown what would make it too easy: images of the same visit, camera or object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from atlantis_core.errors import SetupError
from atlantis_core.metrics.ignoring import Ignored, ignored_by

if TYPE_CHECKING:
    from atlantis_core.records import LabelledImage

Values = Mapping[str, str]
"""Image id -> value of a column; images without one are absent."""


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
        rule = "junk" if own_class_only else "leave-out"
        raise SetupError(f"{rule} names {column!r}, which no query has; facets: {known}")
    return ignored_by(values, queries, gallery, own_class_only)
