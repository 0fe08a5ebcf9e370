"""The leak guard: no image that shows a validation or test image may become training data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from atlantis_core.records import LabelledImage


class HeldOutImages(Protocol):
    """Held-out images that reveal only whether something matches, such as `data.sealed.SealedSplit`."""

    def matches(self, fingerprint: bytes) -> bool:
        """Return whether a perceptual fingerprint is a near-duplicate of a held-out image."""
        ...


class ValidationFingerprints:
    """The fingerprints of validation images, mirror images included."""

    def __init__(self, fingerprints: Sequence[bytes]) -> None:
        from atlantis_core.data.near_duplicates import unit_vectors

        self._vectors: NDArray[np.float32] = unit_vectors(fingerprints)

    def matches(self, fingerprint: bytes) -> bool:
        """Return whether a fingerprint is a near-duplicate of a validation image or of its mirror image."""
        from atlantis_core.data.near_duplicates import is_near_duplicate

        return is_near_duplicate(fingerprint, self._vectors)


class LeakGuard:
    """Says only whether an image matches, never which held-out image or how closely.

    A candidate's source is checked as well: if it is a copy of a validation image, so is its edit, even if the edit
    hides that from the fingerprint.
    """

    name = "leak_guard"

    def __init__(self, *held_out: HeldOutImages) -> None:
        self._held_out = held_out
        self._sources: dict[str, bool] = {}

    @classmethod
    def of(cls, validation: Sequence[LabelledImage], sealed: HeldOutImages) -> Self:
        """Guard validation images and the sealed test split.

        Raises:
            OSError: A validation image cannot be read.
        """
        from atlantis_core.data.near_duplicates import fingerprint_file

        return cls(ValidationFingerprints([fingerprint_file(image.path) for image in validation]), sealed)

    def matches(self, path: str, source_path: str = "") -> bool:
        """Return whether an image, or its source image, shows a held-out image.

        Args:
            path: The image to check.
            source_path: Its source image, or "".

        Raises:
            OSError: A file cannot be read.
        """
        return self._source_matches(source_path) or self._file_matches(path)

    def _source_matches(self, source_path: str) -> bool:
        """Check each source only once, since many candidates share it."""
        if not source_path:
            return False
        if source_path not in self._sources:
            self._sources[source_path] = self._file_matches(source_path)
        return self._sources[source_path]

    def _file_matches(self, path: str) -> bool:
        from atlantis_core.data.near_duplicates import fingerprint_file

        print_ = fingerprint_file(path)
        return any(split.matches(print_) for split in self._held_out)
