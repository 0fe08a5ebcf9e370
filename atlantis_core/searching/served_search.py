"""Searching an index with a serving: every query is compared with all entries, exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.learning.serving.interface import NO_CLASS, Photos
from atlantis_core.learning.serving.served_ranking import prepare_queries, score_factors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from atlantis_core.learning.serving.serving_file import StoredServing
    from atlantis_core.searching.vectors import IndexVectors


class ServedSearch:
    """An index's vectors prepared by its serving.

    An entry that is not one of the index's images, such as a class prototype, is shown as the image of its class
    that is nearest to the query.

    Args:
        stored: The serving.
        vectors: N images.
        labels: (N,) their classes.
        facets: (N,) their facets.
    """

    def __init__(
        self,
        stored: StoredServing,
        vectors: IndexVectors,
        labels: Sequence[str],
        facets: Sequence[Mapping[str, str]],
    ) -> None:
        self.ids = vectors.ids
        self._served, _ = stored.fit(vectors.rows, labels, facets)
        self._right = score_factors(self._served.gallery.vectors[:0], self._served.entries)[1]

    def find(
        self, queries: NDArray[np.float32], top: int, allowed: NDArray[np.bool_] | None = None
    ) -> list[list[tuple[str, float]]]:
        """Return id and distance (1 less the score) of the first images for every query (Q, D), best first.

        `allowed` (N,) are the images that may be shown.
        """
        count = len(queries)
        photos = Photos(queries, np.full(count, NO_CLASS))
        searched = prepare_queries(self._served, photos, np.full(count, -1))
        left = np.concatenate([searched.vectors, np.ones((count, 1), np.float32)], axis=1)
        found = []
        for row in range(count):
            scores = left[row : row + 1] @ self._right.T
            if searched.replaced is not None:
                searched.replaced.write(scores, slice(row, row + 1), 0)
            found.append(self._show(searched.vectors[row], scores[0], top, allowed))
        return found

    def _show(
        self, query: NDArray[np.float32], scores: NDArray[np.float32], top: int, allowed: NDArray[np.bool_] | None
    ) -> list[tuple[str, float]]:
        """Return the images of the best entries, each image once."""
        entries, shown = self._served.entries, dict[int, float]()
        for entry in np.argsort(-scores, kind="stable"):
            photo = int(entries.photos[entry])
            if photo < 0:
                photo = self._nearest_of_class(query, int(entries.labels[entry]), allowed)
            if photo >= 0 and (allowed is None or allowed[photo]):
                shown.setdefault(photo, 1 - float(scores[entry]))
            if len(shown) == top:
                break
        return [(self.ids[photo], distance) for photo, distance in shown.items()]

    def _nearest_of_class(self, query: NDArray[np.float32], label: int, allowed: NDArray[np.bool_] | None) -> int:
        """Return the row of the class's nearest image that may be shown, or -1."""
        gallery = self._served.gallery
        rows = np.flatnonzero((gallery.labels == label) & (True if allowed is None else allowed))
        return int(rows[(gallery.vectors[rows] @ query).argmax()]) if len(rows) else -1
