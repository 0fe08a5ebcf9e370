"""What a serving works on: photos as embeddings, the entries that are ranked, and the parts that change both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np

from atlantis_core.base.errors import SetupError, TrainingFailed

if TYPE_CHECKING:
    from numpy.typing import NDArray

NO_CLASS = -1
"""Class number of an unlabelled photo."""


@dataclass(frozen=True, slots=True, eq=False)
class Photos:
    """Photos as embeddings of unit length."""

    vectors: NDArray[np.float32]
    """(N, D)"""
    labels: NDArray[np.int64]
    """(N,) class numbers; `NO_CLASS` for an unlabelled photo."""
    facets: Sequence[Mapping[str, str]] = ()
    """Facet name -> value of every photo; empty if no photo has a facet."""

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True, eq=False)
class Entries:
    """What is ranked: gallery photos, class prototypes, or both. An entry's score is `scale * cosine + shift`."""

    vectors: NDArray[np.float32]
    """(E, D) of unit length."""
    labels: NDArray[np.int64]
    """(E,) class numbers."""
    photos: NDArray[np.int64]
    """(E,) row of the gallery photo; -1 for an entry that is not one."""
    scale: NDArray[np.float32]
    """(E,) above 0."""
    shift: NDArray[np.float32]
    """(E,)"""

    def __len__(self) -> int:
        return len(self.labels)


class Correction(Protocol):
    """Fitted on reference photos, it corrects the scores of entries for how near they are to everything."""

    def adjust(
        self, vectors: NDArray[np.float32], labels: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return scale and shift, each (E,), of entries (E, D) of classes (E,)."""


class LeftOut(Protocol):
    """Rebuilds the entries that a gallery photo helped to build, without that photo."""

    def without(self, photos: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return, for gallery rows (m,), the entry (m,) built from each, and its vector (m, D) without the photo.

        The vector is all zeros if no other photo is left.
        """


class QueryMove(Protocol):
    """Moves queries as the gallery was moved."""

    def move(self, photos: Photos) -> NDArray[np.float32]:
        """Return unit vectors (Q, D) in place of those of the queries."""


class Expansion(Protocol):
    """Adds to every query what is found near it."""

    def expand(self, vectors: NDArray[np.float32], own_photo: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return unit vectors (Q, D) in place of these; `own_photo` (Q,) is a query's own gallery row, or -1."""


class Reranking(Protocol):
    """Orders the first entries of every query once more."""

    def rerank(
        self, vectors: NDArray[np.float32], own_entry: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return entries (Q, M) and their scores (Q, M), above all others'; `own_entry` (Q,), or -1, is excluded."""


@dataclass(frozen=True, slots=True, eq=False)
class ServedGallery:
    """A gallery prepared for searching, which the parts of a serving change one after the other."""

    gallery: Photos
    reference: Photos
    """Photos that the serving is fitted on: an unlabelled pool, else training photos. No query is among them."""
    entries: Entries
    correction: Correction | None = None
    left_out: LeftOut | None = None
    query_move: QueryMove | None = None
    expansion: Expansion | None = None
    reranking: Reranking | None = None
    labels_spread: bool = False
    """Whether labels of gallery photos were given to reference photos, which are entries now."""


def join_entries(first: Entries, second: Entries) -> Entries:
    """Return both, the first before the second."""
    names = ("vectors", "labels", "photos", "scale", "shift")
    return Entries(*(np.concatenate([getattr(part, name) for part in (first, second)]) for name in names))


class ServingPart(Protocol):
    """One option of a serving; its fields are its settings."""

    order: ClassVar[int]
    """Parts are applied in ascending order; of each order there is at most one."""
    needs_reference: ClassVar[bool]

    def fit(self, served: ServedGallery) -> ServedGallery:
        """Return the gallery with this part applied."""


def photo_entries(gallery: Photos) -> Entries:
    """Return the gallery's photos as entries whose score is the cosine."""
    count = len(gallery)
    ones, zeros = np.ones(count, np.float32), np.zeros(count, np.float32)
    return Entries(gallery.vectors, gallery.labels, np.arange(count), ones, zeros)


def to_unit(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return (N, D) vectors scaled to length 1; a vector of length 0, which has no direction, stays."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    units: NDArray[np.float32] = (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    return units


def check_photos(photos: Photos, what: str) -> None:
    """Refuse embeddings that cannot be searched.

    Raises:
        TrainingFailed: They are not finite.
    """
    if not np.isfinite(photos.vectors).all():
        raise TrainingFailed(f"the model returned {what} embeddings that are not finite; it diverged")


def check_count(what: str, value: int, most: int = 10_000) -> None:
    """Refuse a number of neighbours that is not from 1 to `most`, with a `SetupError`."""
    if not 1 <= value <= most:
        raise SetupError(f"{what} is from 1 to {most:,}, not {value!r}")
