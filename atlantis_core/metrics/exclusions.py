"""Exclusion rules: gallery images excluded from a query's ranking because they share a group with it.

They are for near-copies of the query: of the same visit, object or camera. That an image never retrieves itself is
`rank_images`' own rule.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.base.errors import SetupError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlantis_core.records import LabelledImage


def count_negatives(
    queries: Sequence[LabelledImage], gallery: Sequence[LabelledImage], ignoring: Sequence[ExclusionRule] = ()
) -> NDArray[np.int64]:
    """Return (Q,) how many gallery images of other classes each query has, without those that a rule excludes.

    Of several rules that exclude images of other classes, each is subtracted, so the count may be too small.
    """
    labels = [image.label for image in gallery]
    of_class = Counter(labels)
    negatives = np.array([len(gallery) - of_class[image.label] for image in queries], np.int64)
    for rule in (one for one in ignoring if not one.own_class_only):
        groups = rule.gallery.tolist()
        of_group, of_both = Counter(groups), Counter(zip(groups, labels, strict=True))
        for row, (group, image) in enumerate(zip(rule.queries.tolist(), queries, strict=True)):
            negatives[row] -= of_group[group] - of_both[group, image.label] if group >= 0 else 0
    return negatives


@dataclass(frozen=True, slots=True, eq=False)
class ExclusionRule:
    """Excludes from each query's ranking the gallery images of its group."""

    queries: NDArray[np.int64]
    """(Q,) group of every query; below 0 if it has none."""
    gallery: NDArray[np.int64]
    """(G,) group of every gallery image; below 0 if it has none."""
    own_class_only: bool = False
    """Exclude only images of the query's class, like the junk images of Market-1501 (Zheng et al., "Scalable Person
    Re-identification", ICCV 2015, section 3.3). Otherwise images of all classes are excluded."""

    def cells(self, rows: slice, columns: slice) -> NDArray[np.bool_]:
        """Return (r, c), whether the query of a row and the gallery image of a column share a group."""
        groups = self.queries[rows, None]
        shared: NDArray[np.bool_] = (groups == self.gallery[None, columns]) & (groups >= 0)
        return shared

    def ordered(self, queries: NDArray[np.int64], gallery: NDArray[np.int64]) -> ExclusionRule:
        """Return the same rule for queries (Q,) and gallery (G,) in another order."""
        return replace(self, queries=self.queries[queries], gallery=self.gallery[gallery])


Values = Mapping[str, str]
"""Image id -> value of a column; images without one are absent or have an empty value."""


def exclude_by_column(
    queries: Sequence[LabelledImage],
    gallery: Sequence[LabelledImage],
    column: str,
    values: Values | None = None,
    own_class_only: bool = False,
) -> ExclusionRule:
    """Return the rule that excludes gallery images with the query's value of a column.

    Person re-identification excludes images of the query's camera in this way (Zheng et al., ICCV 2015, Market-1501,
    section 4). Excluded images neither count as hits nor rank before one. A query without a value excludes nothing.

    `values` are those of the column; None takes the facet of that name. With `own_class_only`, only images of the
    query's class are excluded, as that protocol does.

    Raises:
        SetupError: No query has a value.
    """
    if values is None:
        values = {i.id: i.facets[column] for i in (*queries, *gallery) if column in i.facets}
    if not any(image.id in values for image in queries):
        known = ", ".join(sorted({name for image in queries for name in image.facets})) or "none"
        rule = "junk" if own_class_only else "leave-out"
        raise SetupError(f"{rule} names {column!r}, which no query has; facets: {known}")
    number = {value: index for index, value in enumerate(sorted({value for value in values.values() if value}))}
    query_groups, gallery_groups = (
        np.array([number.get(values.get(image.id, ""), -1) for image in images], np.int64)
        for images in (queries, gallery)
    )
    return ExclusionRule(query_groups, gallery_groups, own_class_only)
