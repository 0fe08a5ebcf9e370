"""Leave-out rules: gallery images that a query does not see, because it shares a group with them.

An image never finds itself; that rule is `rank`'s own. What stands here is for near-copies of the query: taken in the
same visit, of the same object, by the same camera.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.base.errors import SetupError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlantis_core.records import LabelledImage


@dataclass(frozen=True, slots=True, eq=False)
class ExclusionRule:
    """What each query leaves out of its ranking: the gallery images of its group."""

    queries: NDArray[np.int64]
    """(Q,) group of every query; below 0 where it has none and leaves nothing out."""
    gallery: NDArray[np.int64]
    """(G,) group of every gallery image; below 0 where it has none."""
    own_class_only: bool = False
    """Only images of the query's class are left out, as Market-1501 does with its junk images (Zheng et al.,
    "Scalable Person Re-identification", ICCV 2015, section 3.3); those of other classes stay and may be mistaken
    for it. Otherwise all of the group are left out."""

    def cells(self, rows: slice, columns: slice) -> NDArray[np.bool_]:
        """Return where a query of `rows` (r) shares its group with an image of `columns` (c), (r, c)."""
        mine = self.queries[rows, None]
        shared: NDArray[np.bool_] = (mine == self.gallery[None, columns]) & (mine >= 0)
        return shared

    def ordered(self, queries: NDArray[np.int64], gallery: NDArray[np.int64]) -> ExclusionRule:
        """Return the same rule for queries (Q,) and gallery (G,) in another order."""
        return replace(self, queries=self.queries[queries], gallery=self.gallery[gallery])


def exclude_by_value(
    values: Mapping[str, str],
    queries: Sequence[LabelledImage],
    gallery: Sequence[LabelledImage],
    own_class_only: bool = False,
) -> ExclusionRule:
    """Return the rule that images which share a value are left out.

    Args:
        values: Image id -> value; an image without one (or an empty one) shares with none.
        queries: Q images.
        gallery: G images.
        own_class_only: See `ExclusionRule`.
    """
    number = {value: index for index, value in enumerate(sorted({value for value in values.values() if value}))}
    asked, searched = (
        np.array([number.get(values.get(image.id, ""), -1) for image in images], np.int64)
        for images in (queries, gallery)
    )
    return ExclusionRule(asked, searched, own_class_only)


Values = Mapping[str, str]
"""Image id -> value of a column; images without one are absent."""


def exclude_by_column(
    queries: Sequence[LabelledImage],
    gallery: Sequence[LabelledImage],
    column: str,
    values: Values | None = None,
    own_class_only: bool = False,
) -> ExclusionRule:
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
    return exclude_by_value(values, queries, gallery, own_class_only)
