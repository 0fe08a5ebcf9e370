"""Unlabelled photos found beside the gallery's, each under the class whose corrected mean it is nearest to.

For classes that have no real photo, only catalogue or synthetic images: their means are far from every photo, and
become real ones by the photos that they take.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from atlantis_core.base.errors import SetupError
from atlantis_core.learning.serving.hubness import Csls
from atlantis_core.learning.serving.interface import (
    NO_CLASS,
    Entries,
    Photos,
    ServedGallery,
    check_count,
    join_entries,
    photo_entries,
)
from atlantis_core.learning.serving.prototypes import Prototypes

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Rectify:
    """Class means rectified by pseudo-labels (Liu et al., ECCV 2020, "Prototype Rectification").

    Two changes: hubs are corrected (CSLS), else classes of synthetic images take nothing; and no class takes more
    than an equal share of the photos, the surest (class-balanced self-training, Zou et al., ECCV 2018, section 4).
    """

    order: ClassVar[int] = 20
    needs_reference: ClassVar[bool] = True

    k: int = 10
    """Nearest unlabelled photos of the correction; 10 in the paper on CSLS."""
    rounds: int = 3
    """How often means are computed anew with the photos of the round before."""

    def __post_init__(self) -> None:
        check_count("serving 'rectify': k", self.k)
        check_count("serving 'rectify': rounds", self.rounds, 100)

    def fit(self, served: ServedGallery) -> ServedGallery:
        """Return the gallery with unlabelled photos beside its own.

        Raises:
            SetupError: No reference photo is unlabelled.
        """
        pool = served.reference.vectors[served.reference.labels == NO_CLASS]
        if not len(pool):
            raise SetupError(
                "serving 'rectify' needs unlabelled photos, and training photos all have labels; name a folder of "
                "unlabelled photos (--pool FOLDER)"
            )
        entries = served.entries
        for _ in range(self.rounds):
            taken = self._take(replace(served, entries=entries), pool)
            entries = join_entries(served.entries, taken)
        return replace(served, entries=entries, labels_spread=True)

    def _take(self, served: ServedGallery, pool: NDArray[np.float32]) -> Entries:
        """Return the photos that the classes take, as entries under these classes."""
        means = Csls(self.k).fit(Prototypes().fit(served)).entries
        scores = (pool @ means.vectors.T + means.shift).astype(np.float64)
        rows = np.arange(len(pool))
        order = np.argsort(-scores, axis=1, kind="stable")
        best, second = order[:, 0], order[:, min(1, len(means) - 1)]
        sureness = scores[rows, best] - scores[rows, second]
        kept = _keep_equal_shares(best, sureness, -(-len(pool) // len(means)))
        found = photo_entries(Photos(pool[kept], means.labels[best[kept]]))
        return replace(found, photos=np.full(len(kept), -1))


def _keep_equal_shares(classes: NDArray[np.int64], sureness: NDArray[np.float64], share: int) -> NDArray[np.int64]:
    """Return rows, ascending: of each class the `share` photos of the highest sureness; ties by row."""
    order = np.lexsort((-sureness, classes))
    ordered = classes[order]
    rank = np.arange(len(order)) - np.searchsorted(ordered, ordered)
    return np.sort(order[rank < share])
