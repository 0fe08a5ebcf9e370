"""Corrections for hubs: gallery entries that are near to everything, and so are returned for everything.

How near an entry is to everything is measured on reference photos, which need no labels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from atlantis_core.base.errors import SetupError
from atlantis_core.learning.serving.interface import NO_CLASS, Correction, Photos, ServedGallery, check_count
from atlantis_core.learning.serving.neighbours import mean_of_nearest, nearest_cosines

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Adjustment = tuple[NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Csls:
    """CSLS (Conneau et al., "Word Translation Without Parallel Data", ICLR 2018, section 2.3).

    The score 2 cos(q, g) - r(q) - r(g) ranks like cos(q, g) - r(g) / 2, since r(q) is the same for all entries; r is
    the mean cosine to the k nearest reference photos.
    """

    order: ClassVar[int] = 40
    needs_reference: ClassVar[bool] = True

    k: int = 10
    """Nearest reference photos; 10 in the paper."""
    own: bool = False
    """Whether photos of an entry's own class count, where the reference photos have labels. Then classes of many
    photos are found less often, too."""
    strength: float = 1.0
    """Factor on the correction: 1 in the paper, 0 corrects nothing."""

    def __post_init__(self) -> None:
        check_count("serving 'csls': k", self.k)
        if not 0 <= self.strength <= 10:
            raise SetupError(f"serving 'csls': strength is from 0 to 10, not {self.strength!r}")

    def fit(self, served: ServedGallery) -> ServedGallery:
        """Return the gallery with corrected scores."""
        reference = served.reference
        if self.own:
            reference = replace(reference, labels=np.full(len(reference), NO_CLASS))
        return correct(served, _CslsFitted(reference, self.k, self.strength))


@dataclass(frozen=True, slots=True, eq=False)
class _CslsFitted:
    reference: Photos
    k: int
    strength: float

    def adjust(self, vectors: NDArray[np.float32], labels: NDArray[np.int64]) -> Adjustment:
        means = mean_of_nearest(nearest_cosines(vectors, labels, self.reference, self.k))
        return np.ones(len(vectors), np.float32), (-self.strength * means / 2).astype(np.float32)


@dataclass(frozen=True, slots=True)
class LocalScaling:
    """Local scaling (Schnitzer et al., "Local and Global Scaling Reduce Hubs in Space", JMLR 2012, equation 2).

    exp(-d(q, g)^2 / (s(q) s(g))) ranks like (cos(q, g) - 1) / s(g) on unit vectors, since s(q) is the same for all
    entries; s is the distance to the k-th nearest reference photo.
    """

    order: ClassVar[int] = 40
    needs_reference: ClassVar[bool] = True

    k: int = 10
    """Which nearest reference photo gives the scale; 10 in the paper."""

    def __post_init__(self) -> None:
        check_count("serving 'local_scaling': k", self.k)

    def fit(self, served: ServedGallery) -> ServedGallery:
        """Return the gallery with corrected scores."""
        distances = _scale(served.entries.vectors, served.entries.labels, served.reference, self.k)
        usual = float(distances.mean())
        scale = (usual / distances).astype(np.float32)
        fitted = _LocalScalingFitted(served.reference, self.k, usual)
        return replace(served, entries=replace(served.entries, scale=scale, shift=-scale), correction=fitted)


@dataclass(frozen=True, slots=True, eq=False)
class _LocalScalingFitted:
    reference: Photos
    k: int
    usual: float
    """Mean scale of the entries; in its units scores differ about as much as cosines do."""

    def adjust(self, vectors: NDArray[np.float32], labels: NDArray[np.int64]) -> Adjustment:
        scale = (self.usual / _scale(vectors, labels, self.reference, self.k)).astype(np.float32)
        return scale, -scale


def _scale(vectors: NDArray[np.float32], labels: NDArray[np.int64], reference: Photos, k: int) -> NDArray[np.float32]:
    """Return (N,) distances of vectors (N, D) to their k-th nearest reference photo, or to the last there is."""
    cosines = nearest_cosines(vectors, labels, reference, min(k, max(1, len(reference))))
    last = np.maximum(np.isfinite(cosines).sum(axis=1) - 1, 0)
    kth = mean_of_nearest(np.take_along_axis(cosines, last[:, None], 1))
    return np.sqrt(np.maximum(2 - 2 * kth, 1e-6)).astype(np.float32)


def correct(served: ServedGallery, correction: Correction) -> ServedGallery:
    """Return the gallery with the scores of its entries corrected."""
    scale, shift = correction.adjust(served.entries.vectors, served.entries.labels)
    return replace(served, entries=replace(served.entries, scale=scale, shift=shift), correction=correction)
