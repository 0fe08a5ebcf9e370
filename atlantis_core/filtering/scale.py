"""Where an image lies from its class's real centre, in the class's own measure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from atlantis_core.filtering.centres import ClassCentres

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SMALLEST_SPREAD = 1e-6
"""Images that lie nearer to their centre are the same to the model."""

REAL_PASS = 0.99
"""Share of the real images that pass where a threshold is learned from them: the released rule passes as many
(98.9 % on the embeddings that it ships)."""


@dataclass(frozen=True, slots=True)
class ClassScale:
    """Class centres, and how far the real images of each class usually lie from theirs."""

    centres: ClassCentres
    spread: NDArray[np.float64]
    """Mean distance of a class's real images to its centre, (C,)."""

    @classmethod
    def of(cls, embeddings: NDArray[np.float32], labels: NDArray[np.int64]) -> Self:
        """Measure real embeddings (N, D) with labels (N,).

        A class of one image has no spread of its own and takes the median of the others.

        Raises:
            ToolError: No embeddings, or not one label for each.
        """
        import numpy as np

        centres = ClassCentres.of(embeddings, labels)
        rows = centres.rows(labels)
        away = centres.distances_to_own(embeddings, labels)
        spread = np.bincount(rows, weights=away) / np.bincount(rows)
        known = spread > SMALLEST_SPREAD
        spread[~known] = np.median(spread[known]) if known.any() else 1.0
        return cls(centres, spread)

    def ratios(self, embeddings: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the distance of each of (M, D) embeddings to its centre in spreads of its class, (M,).

        Raises:
            ToolError: A label that no real image has, or embeddings of another size than the real ones.
        """
        import numpy as np

        away = self.centres.distances_to_own(embeddings, labels)
        return np.asarray(away / self.spread[self.centres.rows(labels)], dtype=np.float64)

    def offsets(self, embeddings: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the way from the centre to each of (M, D) embeddings in spreads of its class, (M, D).

        Taken so, all classes lie over each other: what is usual can be learned from all real images at once, also
        for a class that has one.

        Raises:
            ToolError: A label that no real image has, or embeddings of another size than the real ones.
        """
        import numpy as np

        rows = self.centres.rows(labels)
        away = self.centres.checked(embeddings) - self.centres.points[rows]
        return np.asarray(away / self.spread[rows][:, None], dtype=np.float64)
