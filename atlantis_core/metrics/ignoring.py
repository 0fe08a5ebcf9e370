"""Leave-out rules: gallery images that a query does not see, because it shares a group with them.

An image never finds itself; that rule is `rank`'s own. What stands here is for near-copies of the query: taken in the
same visit, of the same object, by the same camera.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlantis_core.records import LabelledImage


@dataclass(frozen=True, slots=True, eq=False)
class Ignored:
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

    def ordered(self, queries: NDArray[np.int64], gallery: NDArray[np.int64]) -> Ignored:
        """Return the same rule for queries (Q,) and gallery (G,) in another order."""
        return replace(self, queries=self.queries[queries], gallery=self.gallery[gallery])


def ignored_by(
    values: Mapping[str, str],
    queries: Sequence[LabelledImage],
    gallery: Sequence[LabelledImage],
    own_class_only: bool = False,
) -> Ignored:
    """Return the rule that images which share a value are left out.

    Args:
        values: Image id -> value; an image without one (or an empty one) shares with none.
        queries: Q images.
        gallery: G images.
        own_class_only: See `Ignored`.
    """
    number = {value: index for index, value in enumerate(sorted({value for value in values.values() if value}))}
    asked, searched = (
        np.array([number.get(values.get(image.id, ""), -1) for image in images], np.int64)
        for images in (queries, gallery)
    )
    return Ignored(asked, searched, own_class_only)
