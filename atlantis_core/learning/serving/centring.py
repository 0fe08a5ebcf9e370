"""Centring: what all photos of one visit, camera or style have in common is taken out of their embeddings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from atlantis_core.base.errors import SetupError
from atlantis_core.learning.serving.interface import Photos, ServedGallery, photo_entries, to_unit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Centring:
    """Subtracts from gallery photos their mean, and from queries the mean of the reference photos.

    With a facet, each of its values has its own mean, of the gallery photos that show it; queries with a value that
    no gallery photo shows are taken for photos like those of the reference. (The mean part of second-order alignment,
    Sun et al., "Return of Frustratingly Easy Domain Adaptation", AAAI 2016.)
    """

    order: ClassVar[int] = 10
    needs_reference: ClassVar[bool] = True

    facet: str = ""
    """Facet by whose values photos are centred; empty centres each side as one."""

    def fit(self, served: ServedGallery) -> ServedGallery:
        """Return the gallery and the reference, both centred.

        Raises:
            SetupError: No gallery photo has the facet.
        """
        by_value = self._means_by_value(served.gallery)
        gallery = _Centre(self.facet, by_value, served.gallery.vectors.mean(axis=0))
        reference = _Centre(self.facet, by_value, served.reference.vectors.mean(axis=0))
        centred = replace(served.gallery, vectors=gallery.move(served.gallery))
        others = replace(served.reference, vectors=reference.move(served.reference))
        return ServedGallery(centred, others, photo_entries(centred), query_move=reference)

    def _means_by_value(self, gallery: Photos) -> dict[str, NDArray[np.float32]]:
        if not self.facet:
            return {}
        values = [facets.get(self.facet, "") for facets in gallery.facets]
        if not any(values):
            known = ", ".join(sorted({name for facets in gallery.facets for name in facets})) or "none"
            raise SetupError(f"serving 'centring': no gallery photo has the facet {self.facet!r}; facets: {known}")
        rows = np.array(values)
        return {value: gallery.vectors[rows == value].mean(axis=0) for value in sorted(set(values)) if value}


@dataclass(frozen=True, slots=True, eq=False)
class _Centre:
    """Means to subtract, by facet value and for photos of any other value."""

    facet: str
    by_value: Mapping[str, NDArray[np.float32]]
    other: NDArray[np.float32]

    def move(self, photos: Photos) -> NDArray[np.float32]:
        """Return unit vectors (N, D) of photos less the mean of their value."""
        facets: Sequence[Mapping[str, str]] = photos.facets or ({},) * len(photos)
        means = [self.by_value.get(own.get(self.facet, ""), self.other) for own in facets]
        return to_unit(photos.vectors - np.array(means).reshape(photos.vectors.shape))
