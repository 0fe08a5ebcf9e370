"""Query expansion: the photos found first are added to the query, which is then searched again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from atlantis_core.learning.serving.interface import Entries, ServedGallery, check_count, photo_entries, to_unit
from atlantis_core.learning.serving.neighbours import nearest_entries

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class QueryExpansion:
    """Alpha query expansion (Radenovic et al., "Fine-tuning CNN Image Retrieval", TPAMI 2019, section 3.3).

    The query plus its k first gallery photos, each weighted by its cosine to the power of alpha.
    """

    order: ClassVar[int] = 50
    needs_reference: ClassVar[bool] = False

    k: int = 3
    """Photos added."""
    alpha: float = 3.0
    """3 in the paper; with 0 all photos weigh the same."""

    def __post_init__(self) -> None:
        check_count("serving 'query_expansion': k", self.k)

    def fit(self, served: ServedGallery) -> ServedGallery:
        """Return the gallery with its photos to expand queries by, in the order of the corrected scores."""
        photos = served.entries if (served.entries.photos >= 0).all() else photo_entries(served.gallery)
        if served.correction is not None and photos is not served.entries:
            scale, shift = served.correction.adjust(photos.vectors, photos.labels)
            photos = replace(photos, scale=scale, shift=shift)
        return replace(served, expansion=_Expanded(photos, self.k, self.alpha))


@dataclass(frozen=True, slots=True, eq=False)
class _Expanded:
    photos: Entries
    k: int
    alpha: float

    def expand(self, vectors: NDArray[np.float32], own_photo: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return unit vectors (Q, D) of queries (Q, D) and what is near them, never their `own_photo` (Q,)."""
        rows, _ = nearest_entries(vectors, self.photos, self.k, own_photo)
        near = self.photos.vectors[rows]  # (Q, k, D)
        cosines = np.einsum("qd,qkd->qk", vectors, near)
        weights = np.where(rows >= 0, np.maximum(cosines, 0) ** self.alpha, 0)
        return to_unit(vectors + np.einsum("qk,qkd->qd", weights, near))
