"""Label consistency by neighbours: whether the real images nearest to a candidate are of its class."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Self

from atlantis_core.base.errors import ToolError
from atlantis_core.filtering.centres import ClassCentres
from atlantis_core.filtering.scale import REAL_PASS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_CHUNK_ROWS = 1024
_THRESHOLD_SAMPLE = 10_000
"""Largest sample of real images from which the threshold is learned, since it compares all pairs."""


class KnnScorer:
    """Mean distance to the `k` nearest real images of the own class / of all other classes; higher is worse.

    Like `margin`, but without the assumption that a class has one centre (cars of many colours, two visits). The
    threshold is learned so that 99 % of the real images, each compared with the others, pass; it is at least 1, so
    an image that is nearest to its own class always passes.
    """

    name = "knn"

    def __init__(self, k: int = 5, threshold: float | None = None) -> None:
        self.k = k
        self.threshold = math.inf if threshold is None else threshold
        self._learns = threshold is None
        self._centres: ClassCentres | None = None
        self._real: NDArray[np.float64] | None = None
        self._rows: NDArray[np.intp] | None = None

    def fit(self, embeddings: NDArray[np.float32], labels: NDArray[np.int64]) -> Self:
        """Keep the real images and learn the threshold: embeddings (N, D), labels (N,).

        Raises:
            ToolError: There are fewer than two classes, or not one label for each embedding.
        """
        centres = ClassCentres.of(embeddings, labels)
        if len(centres.labels) < 2:
            raise ToolError("scorer `knn` needs real images of two or more classes; use `centre_ratio`")
        self._centres, self._rows = centres, centres.rows(labels)
        self._real = embeddings.astype("float64")
        if self._learns:
            self.threshold = self._learn_threshold(embeddings, labels)
        return self

    def score(self, embeddings: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the ratio of each of (M, D) embeddings under its claimed label, (M,); higher is worse.

        Raises:
            ToolError: The scorer is not fitted, or no real image has one of the labels.
        """
        return self._scores(embeddings, labels, 0)

    def _learn_threshold(self, embeddings: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
        import numpy as np

        some = np.unique(np.linspace(0, len(labels) - 1, min(len(labels), _THRESHOLD_SAMPLE)).astype(np.int64))
        scores = self._scores(embeddings[some], labels[some], 1)
        known = scores[np.isfinite(scores)]  # the only image of its class cannot be compared
        return max(1.0, float(np.quantile(known, REAL_PASS))) if known.size else 1.0

    def _scores(self, embeddings: NDArray[np.float32], labels: NDArray[np.int64], itself: int) -> NDArray[np.float64]:
        """Score embeddings; `itself` is 1 for real images, which are not their own neighbours, else 0."""
        import numpy as np

        if self._centres is None:
            raise ToolError("scorer `knn` is not fitted; call fit(embeddings, labels) with real images")
        rows, points = self._centres.rows(labels), self._centres.to_double(embeddings)
        own = self._distances_to_own(points, rows, itself)
        return np.asarray(own / np.maximum(self._distances_to_others(points, rows), 1e-12), dtype=np.float64)

    def _distances_to_own(
        self, points: NDArray[np.float64], rows: NDArray[np.intp], itself: int
    ) -> NDArray[np.float64]:
        import numpy as np
        from scipy.spatial.distance import cdist

        assert self._real is not None
        distances = np.full(len(rows), np.inf)
        for row in np.unique(rows):
            # `cdist`, since an image's distance to itself must be exactly 0 in any batch.
            nearest = np.sort(cdist(points[rows == row], self._real[self._rows == row]), axis=1)
            if nearest.shape[1] > itself:
                distances[rows == row] = nearest[:, itself : itself + self.k].mean(axis=1)
        return distances

    def _distances_to_others(self, points: NDArray[np.float64], rows: NDArray[np.intp]) -> NDArray[np.float64]:
        import numpy as np

        assert self._real is not None
        assert self._rows is not None
        distances, lengths = np.empty(len(rows)), (self._real**2).sum(axis=1)
        for start in range(0, len(rows), _CHUNK_ROWS):
            part = slice(start, start + _CHUNK_ROWS)
            squares = (points[part] ** 2).sum(axis=1)[:, None] - 2 * points[part] @ self._real.T + lengths
            squares[rows[part][:, None] == self._rows] = np.inf
            k = min(self.k, int((self._rows != rows[part][:, None]).sum(axis=1).min()))
            nearest = np.partition(squares, k - 1, axis=1)[:, :k]
            distances[part] = np.sqrt(np.maximum(nearest, 0)).mean(axis=1)
        return distances
