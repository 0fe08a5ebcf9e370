"""Class prototypes: the mean of a class's photos as a gallery entry."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from atlantis_core.base.errors import SetupError
from atlantis_core.learning.serving.interface import Entries, ServedGallery, join_entries, to_unit

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Prototypes:
    """Class means (Snell et al., "Prototypical Networks", NeurIPS 2017, equation 1), shrunken to the mean of all.

    The mean of n photos counts n times, the mean of all classes `shrink` times.
    """

    order: ClassVar[int] = 30
    needs_reference: ClassVar[bool] = False

    mix: Literal["instead", "beside"] = "instead"
    """Whether class means take the place of the photos or are ranked beside them."""
    shrink: float = 0.0
    """How many photos the mean of all classes counts for."""

    def __post_init__(self) -> None:
        if not 0 <= self.shrink <= 1000:
            raise SetupError(f"serving 'prototypes': shrink is from 0 to 1,000, not {self.shrink!r}")

    def fit(self, served: ServedGallery) -> ServedGallery:
        """Return the gallery with a prototype of every class, and with the photos if they stay."""
        means = _sum_classes(served, self.shrink, len(served.entries) if self.mix == "beside" else 0)
        entries = means.entries()
        if self.mix == "beside":
            entries = join_entries(served.entries, entries)
        return replace(served, entries=entries, left_out=means)


@dataclass(frozen=True, slots=True, eq=False)
class _ClassSums:
    """Sums over the photos of every class, from which a photo can be taken out again."""

    vectors: NDArray[np.float32]
    """(N, D) of the photos, the gallery's first."""
    rows: NDArray[np.int64]
    """(N,) class of every photo, as row of the next fields."""
    classes: NDArray[np.int64]
    """(C,) class numbers."""
    counts: NDArray[np.int64]
    """(C,) photos."""
    sums: NDArray[np.float64]
    """(C, D)"""
    prior: NDArray[np.float64]
    """(D,) added to every sum."""
    first: int
    """Entry of the first class."""

    def entries(self) -> Entries:
        """Return the prototypes."""
        count = len(self.classes)
        ones, zeros = np.ones(count, np.float32), np.zeros(count, np.float32)
        return Entries(to_unit(self.sums + self.prior), self.classes, np.full(count, -1), ones, zeros)

    def without(self, photos: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the prototype (m,) of each photo's class, and its vector (m, D) without the photo."""
        rows = self.rows[photos]
        vectors = to_unit(self.sums[rows] - self.vectors[photos] + self.prior)
        vectors[self.counts[rows] < 2] = 0
        return rows + self.first, vectors


def _sum_classes(served: ServedGallery, shrink: float, first: int) -> _ClassSums:
    """Sum the entries so far: the gallery's photos, and after them those that labels were spread to."""
    vectors = served.entries.vectors
    classes, rows, counts = np.unique(served.entries.labels, return_inverse=True, return_counts=True)
    sums = np.zeros((len(classes), vectors.shape[1]))
    np.add.at(sums, rows, vectors)
    prior = shrink * (sums / counts[:, None]).mean(axis=0)
    return _ClassSums(vectors, rows, classes, counts, sums, prior, first)
