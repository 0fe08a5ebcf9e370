"""Position of an image relative to its class centre, in units of the class's spread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from atlantis_core.filtering.centres import ClassCentres

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SMALLEST_SPREAD = 1e-6
"""Images with a smaller distance to their centre are equal for the model."""

REAL_PASS = 0.99
"""Share of the real images that pass a learned threshold, as many as pass the released rule (98.9 % on its own
embeddings)."""


@dataclass(frozen=True, slots=True)
class ClassScale:
    """Class centres, and the typical distance of each class's real images from its centre."""

    centres: ClassCentres
    spread: NDArray[np.float64]
    """Mean distance of a class's real images to its centre, (C,)."""

    @classmethod
    def of(cls, embeddings: NDArray[np.float32], labels: NDArray[np.int64]) -> Self:
        """Measure real embeddings (N, D) with labels (N,).

        A class of one image has no spread and gets the median of the others.

        Raises:
            ToolError: There are no embeddings, or not one label for each.
        """
        import numpy as np

        centres = ClassCentres.of(embeddings, labels)
        rows = centres.rows(labels)
        distances = centres.distances_to_own(embeddings, labels)
        spread = np.bincount(rows, weights=distances) / np.bincount(rows)
        known = spread > SMALLEST_SPREAD
        spread[~known] = np.median(spread[known]) if known.any() else 1.0
        return cls(centres, spread)

    def ratios(self, embeddings: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the distance of each of (M, D) embeddings to its class centre, in class spreads, (M,).

        Raises:
            ToolError: A label that no real image has, or embeddings of another size than the real ones.
        """
        import numpy as np

        distances = self.centres.distances_to_own(embeddings, labels)
        return np.asarray(distances / self.spread[self.centres.rows(labels)], dtype=np.float64)

    def offsets(self, embeddings: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the vector from its class centre to each of (M, D) embeddings, in class spreads, (M, D).

        These offsets are comparable over all classes: what is normal can be learned from all real images at once,
        even for a class with a single image.

        Raises:
            ToolError: A label that no real image has, or embeddings of another size than the real ones.
        """
        import numpy as np

        rows = self.centres.rows(labels)
        offsets = self.centres.to_double(embeddings) - self.centres.points[rows]
        return np.asarray(offsets / self.spread[rows][:, None], dtype=np.float64)
