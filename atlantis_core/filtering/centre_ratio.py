"""The released outlier rule of ATLANTIS (ORDC): how far from the class's centre, against its real images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from atlantis_core.errors import ToolError
from atlantis_core.filtering.centres import Centres

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SMALLEST_SPREAD = 1e-6


class CentreRatio:
    """Distance to the own real centre / mean distance of the class's real images to it; higher is worse.

    The paper's rule (Outlier Removal and Diversity Control) as released: reject above 1.5. It asks only whether a
    candidate is far, not whether it is nearer another class.
    """

    name = "centre_ratio"

    def __init__(self, threshold: float = 1.5) -> None:
        self.threshold = threshold
        self._centres: Centres | None = None
        self._spread: NDArray[np.float64] | None = None

    def fit(self, embeddings: NDArray[np.float32], labels: NDArray[np.int64]) -> Self:
        """Learn centres and spreads from real images: embeddings (N, D), labels (N,).

        A class of one image has no spread of its own and takes the median of the others.

        Raises:
            ToolError: No embeddings, or not one label for each.
        """
        import numpy as np

        centres = Centres.of(embeddings, labels)
        rows = centres.rows(labels)
        away = centres.own_distances(embeddings, labels)
        spread = np.bincount(rows, weights=away) / np.bincount(rows)
        known = spread > _SMALLEST_SPREAD
        spread[~known] = np.median(spread[known]) if known.any() else 1.0
        self._centres, self._spread = centres, spread
        return self

    def score(self, embeddings: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the ratio of each of (M, D) embeddings under its claimed label, (M,); higher is worse.

        Raises:
            ToolError: Not fitted, or a label that no real image has.
        """
        import numpy as np

        if self._centres is None or self._spread is None:
            raise ToolError("scorer `centre_ratio` is not fitted; call fit(embeddings, labels) with real images")
        away = self._centres.own_distances(embeddings, labels)
        return np.asarray(away / self._spread[self._centres.rows(labels)], dtype=np.float64)
