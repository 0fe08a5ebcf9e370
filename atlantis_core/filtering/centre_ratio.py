"""The released outlier rule of ATLANTIS (ORDC): distance to the class centre relative to its real images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from atlantis_core.base.errors import ToolError
from atlantis_core.filtering.scale import ClassScale

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class CentreRatioScorer:
    """Distance to the centre of its class / mean distance of the class's real images to it; higher is worse.

    The paper's rule (Outlier Removal and Diversity Control) as released: reject above 1.5. It measures only how far a
    candidate is from its own class, not whether another class is nearer.
    """

    name = "centre_ratio"

    def __init__(self, threshold: float = 1.5) -> None:
        self.threshold = threshold
        self._scale: ClassScale | None = None

    def fit(self, embeddings: NDArray[np.float32], labels: NDArray[np.int64]) -> Self:
        """Learn centres and spreads from real images: embeddings (N, D), labels (N,).

        Raises:
            ToolError: No embeddings, or not one label for each.
        """
        self._scale = ClassScale.of(embeddings, labels)
        return self

    def score(self, embeddings: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the ratio of each of (M, D) embeddings under its claimed label, (M,); higher is worse.

        Raises:
            ToolError: Not fitted, or a label that no real image has.
        """
        if self._scale is None:
            raise ToolError("scorer `centre_ratio` is not fitted; call fit(embeddings, labels) with real images")
        return self._scale.ratios(embeddings, labels)
