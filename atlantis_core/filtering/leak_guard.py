"""The leak guard: no image that shows a validation or test image may become training data."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from atlantis_core.records import LabelledImage

_SAMPLE, _FALSE_ALARMS = 100, 0.02
"""Training images that the search for crops is tried on, and the share that may look like crops."""


class HeldOutImages(Protocol):
    """Held-out images that reveal only whether something matches, such as `data.sealed.SealedSplit`."""

    def matches(self, fingerprint: bytes) -> bool:
        """Return whether a perceptual fingerprint is a near-duplicate of a held-out image."""

    def contains_copy(self, fingerprint: bytes) -> bool:
        """Return whether it is that of a crop, mirror image or slight rotation of a held-out image; slower."""


class ValidationFingerprints:
    """The fingerprints of validation images, mirror images included."""

    def __init__(self, fingerprints: Sequence[bytes]) -> None:
        from atlantis_core.data.hidden_copies import CopyFinder
        from atlantis_core.data.near_duplicates import unit_vectors

        self._vectors: NDArray[np.float32] = unit_vectors(fingerprints)
        self._copies = CopyFinder(fingerprints)

    def matches(self, fingerprint: bytes) -> bool:
        """Return whether a fingerprint is a near-duplicate of a validation image or of its mirror image."""
        from atlantis_core.data.near_duplicates import is_near_duplicate

        return is_near_duplicate(fingerprint, self._vectors)

    def contains_copy(self, fingerprint: bytes) -> bool:
        """Return whether it is that of a crop, mirror image or slight rotation of a validation image."""
        return self._copies.contains(fingerprint)


class LeakGuard:
    """Says only whether an image matches, never which held-out image or how closely.

    Found are copies that were resized, recompressed, brightened or greyed, mirror images, crops of 60 % of the area
    or more, and rotations of up to 5 degrees. File names are never read. A candidate's source is checked as well: if
    it is a copy of a validation image, so is its edit, even if the edit hides that from the fingerprint.
    """

    name = "leak_guard"

    def __init__(self, *held_out: HeldOutImages, training: Sequence[bytes] = ()) -> None:
        """Guard held-out images; `training` are fingerprints of training images, all of them or some."""
        self._held_out = held_out
        self._training = training
        self._sources: dict[str, bool] = {}

    @classmethod
    def of(cls, validation: Sequence[LabelledImage], sealed: HeldOutImages) -> Self:
        """Guard validation images and the sealed test split.

        Raises:
            OSError: A validation image cannot be read.
        """
        from atlantis_core.data.near_duplicates import fingerprint_file

        prints = [fingerprint_file(image.path) for image in validation]
        return cls(ValidationFingerprints(prints), sealed)

    def matches(self, path: str, source_path: str = "") -> bool:
        """Return whether an image, or its source image ("" for none), shows a held-out image.

        Raises:
            OSError: A file cannot be read.
        """
        if source_path and source_path not in self._sources:  # each only once, since many candidates share it
            self._sources[source_path] = self._file_matches(source_path)
        return self._sources.get(source_path, False) or self._file_matches(path)

    def _file_matches(self, path: str) -> bool:
        from atlantis_core.data.near_duplicates import fingerprint_file

        print_ = fingerprint_file(path)
        # The fast checks of all splits first.
        if any(split.matches(print_) for split in self._held_out):
            return True
        return self._can_find_copies and any(split.contains_copy(print_) for split in self._held_out)

    @cached_property
    def _can_find_copies(self) -> bool:
        """Whether copies can be distinguished from other images of the collection.

        In rendered scenes, or photos of one fixed camera, different images are alike up to where things stand. There
        training images look like crops of held-out ones, and only the fast check is made.
        """
        step = max(1, len(self._training) // _SAMPLE)
        some = [one for one in self._training[::step] if not any(split.matches(one) for split in self._held_out)]
        alarms = sum(any(split.contains_copy(one) for split in self._held_out) for one in some)
        return alarms <= _FALSE_ALARMS * len(some)
