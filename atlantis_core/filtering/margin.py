"""Label consistency: whether a candidate is nearer to its own class than to any other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np

from atlantis_core.base.errors import ToolError
from atlantis_core.filtering.centres import ClassCentres

if TYPE_CHECKING:
    from numpy.typing import NDArray


class MarginScorer:
    """Distance to the centre of its class / distance to the nearest other centre; higher is worse.

    Below 1 the own class is nearest, above 1 another class is. The default threshold of 1.1 is lenient on purpose:
    images that the model cannot place, such as those of a condition it never saw, score near 1 and pass; images that
    it clearly places in another class are rejected. On the embeddings of the released ATLANTIS 95 % of the real
    images score below 1.1.
    """

    name = "margin"

    def __init__(self, threshold: float = 1.1) -> None:
        self.threshold = threshold
        self._centres: ClassCentres | None = None

    def fit(self, embeddings: NDArray[np.float32], labels: NDArray[np.int64]) -> Self:
        """Learn centres from real images of two or more classes: embeddings (N, D), labels (N,)."""
        centres = ClassCentres.of(embeddings, labels)
        if len(centres.labels) < 2:
            raise ToolError("scorer `margin` needs real images of two or more classes; use `centre_ratio`")
        self._centres = centres
        return self

    def score(self, embeddings: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the ratio of each of (M, D) embeddings under its claimed label, (M,); higher is worse."""
        if self._centres is None:
            raise ToolError("scorer `margin` is not fitted; call fit(embeddings, labels) with real images")
        return measure_margin(self._centres, embeddings, labels)


def measure_margin(
    centres: ClassCentres, embeddings: NDArray[np.float32] | NDArray[np.float64], labels: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return distance to the own centre / to the nearest other one of (M, D) embeddings, (M,); higher is worse."""
    rows = centres.rows(labels)
    distances = centres.distances(embeddings)
    here = np.arange(len(distances))
    own = distances[here, rows].copy()
    distances[here, rows] = np.inf
    return np.asarray(own / np.maximum(distances.min(axis=1), 1e-12), dtype=np.float64)
