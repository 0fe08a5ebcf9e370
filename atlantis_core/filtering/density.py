"""Outlier detectors of scikit-learn, `lof` and `isolation`, on offsets from the class centre.

They use `ClassScale.offsets`, which put all classes in one space: a single detector learns from all real images, so a
class with few images is judged as well as one with many. (On the embeddings of the released ATLANTIS, one detector
per class rejected more correct images at the same yield, and one forest per class took 20 times as long.)
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Self

from atlantis_core.base.errors import ToolError
from atlantis_core.filtering.scale import REAL_PASS, SMALLEST_SPREAD, ClassScale

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class LofScorer:
    """Local outlier factor (Breunig et al. 2000, definition 7) of the offset; around 1 is normal, higher is worse.

    The threshold is learned so that 99 % of the real images, each compared with the others, pass.
    """

    name = "lof"

    def __init__(self, neighbours: int = 20, threshold: float | None = None) -> None:
        self.neighbours = neighbours
        self.threshold = math.inf if threshold is None else threshold
        self._learns = threshold is None
        self._scale: ClassScale | None = None
        self._model: Any = None

    def fit(self, embeddings: NDArray[np.float32], labels: NDArray[np.int64]) -> Self:
        """Learn from real images: embeddings (N, D), labels (N,).

        Raises:
            ToolError: There are no embeddings, not one label for each, or too few that differ.
        """
        import numpy as np
        from sklearn.neighbors import LocalOutlierFactor

        self._scale = ClassScale.of(embeddings, labels)
        # Equal rows (every class of one image is at 0) would make a density infinite.
        offsets = np.unique(self._scale.offsets(embeddings, labels), axis=0)
        if len(offsets) < 3:
            raise ToolError(
                "scorer `lof` needs three or more real images that differ from others of their class; use `margin`"
            )
        neighbours = min(self.neighbours, len(offsets) - 1)
        self._model = LocalOutlierFactor(n_neighbors=neighbours, novelty=True).fit(offsets)
        if self._learns:
            self.threshold = float(np.quantile(-self._model.negative_outlier_factor_, REAL_PASS))
        return self

    def score(self, embeddings: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the factor of each of (M, D) embeddings under its claimed label, (M,); higher is worse.

        Raises:
            ToolError: Not fitted, or a label that no real image has.
        """
        import numpy as np

        if self._scale is None:
            raise ToolError("scorer `lof` is not fitted; call fit(embeddings, labels) with real images")
        offsets = self._scale.offsets(embeddings, labels)
        return np.asarray(-self._model.score_samples(offsets), dtype=np.float64) if len(offsets) else np.empty(0)


class IsolationScorer:
    """Anomaly score of an isolation forest (Liu et al. 2008, equation 2); higher is worse.

    The forest scores 0 to 1 and cannot rank candidates beyond the farthest real image. For these the relative excess
    of the distance is added. The threshold is learned so that 99 % of the real images pass.
    """

    name = "isolation"

    def __init__(self, trees: int = 200, threshold: float | None = None, seed: int = 0) -> None:
        self.trees, self.seed = trees, seed
        self.threshold = math.inf if threshold is None else threshold
        self._learns = threshold is None
        self._scale: ClassScale | None = None
        self._farthest = 1.0
        self._model: Any = None

    def fit(self, embeddings: NDArray[np.float32], labels: NDArray[np.int64]) -> Self:
        """Learn from real images: embeddings (N, D), labels (N,).

        Raises:
            ToolError: There are no embeddings, not one label for each, or no class has images that differ.
        """
        import numpy as np
        from sklearn.ensemble import IsolationForest

        self._scale = ClassScale.of(embeddings, labels)
        self._farthest = float(self._scale.ratios(embeddings, labels).max())
        if self._farthest < SMALLEST_SPREAD:
            raise ToolError("scorer `isolation` needs a class with real images that differ; use `margin`")
        sample = min(1024, len(labels))
        forest = IsolationForest(n_estimators=self.trees, max_samples=sample, random_state=self.seed)
        self._model = forest.fit(self._scale.offsets(embeddings, labels))
        if self._learns:
            self.threshold = float(np.quantile(self.score(embeddings, labels), REAL_PASS))
        return self

    def score(self, embeddings: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the score of each of (M, D) embeddings under its claimed label, (M,); higher is worse.

        Raises:
            ToolError: Not fitted, or a label that no real image has.
        """
        import numpy as np

        if self._scale is None:
            raise ToolError("scorer `isolation` is not fitted; call fit(embeddings, labels) with real images")
        offsets = self._scale.offsets(embeddings, labels)
        if not len(offsets):
            return np.empty(0)
        beyond = np.maximum(self._scale.ratios(embeddings, labels) / self._farthest - 1, 0)
        return np.asarray(beyond - self._model.score_samples(offsets), dtype=np.float64)
