"""The leak guard: no image that shows a validation or test image may become training data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from atlantis_core.records import LabelledImage

_SAMPLE, _FALSE_ALARMS = 100, 0.02
"""Training images that the search for crops is tried on, and the share that may look like crops."""

CROPS_NOT_SEARCHED = "crops of validation and test images were not searched for: training images look like such crops"
"""What a person reads where `LeakGuard.finds_copies` is false."""


class HeldOutImages(Protocol):
    """Held-out images that reveal only whether something matches, such as `data.sealed.SealedSplit`."""

    def matches(self, fingerprint: bytes) -> bool:
        """Return whether a perceptual fingerprint is a near-duplicate of a held-out image."""

    def match_each(self, fingerprints: Sequence[bytes]) -> list[bool]:
        """Return for each of several images whether it `matches`."""

    def contains_copy(self, fingerprint: bytes) -> bool:
        """Return whether it is that of a crop, mirror image or slight rotation of a held-out image; slower."""

    def find_copies(self, fingerprints: Sequence[bytes]) -> list[bool]:
        """Return for each of several images whether they `contains_copy` of it."""

    def confirms_copy(self, fingerprint: bytes, path: str) -> bool:
        """Return whether the pixels of an image of which they contain a copy bear that out; slower still."""


class ValidationFingerprints:
    """The fingerprints of validation images, mirror images included; `paths` are of the same images, if at hand."""

    def __init__(self, fingerprints: Sequence[bytes], paths: Sequence[str] = ()) -> None:
        from atlantis_core.data.hidden_copies import CopyFinder
        from atlantis_core.data.near_duplicates import unit_vectors

        self._vectors: NDArray[np.float32] = unit_vectors(fingerprints)
        self._copies = CopyFinder(fingerprints, paths)

    def matches(self, fingerprint: bytes) -> bool:
        """Return whether a fingerprint is a near-duplicate of a validation image or of its mirror image."""
        return self.match_each([fingerprint])[0]

    def match_each(self, fingerprints: Sequence[bytes]) -> list[bool]:
        """Return for each of several images whether it `matches`."""
        from atlantis_core.data.near_duplicates import are_near_duplicates

        return are_near_duplicates(fingerprints, self._vectors)

    def contains_copy(self, fingerprint: bytes) -> bool:
        """Return whether it is that of a crop, mirror image or slight rotation of a validation image."""
        return self._copies.contains(fingerprint)

    def find_copies(self, fingerprints: Sequence[bytes]) -> list[bool]:
        """Return for each of several images whether they contain a copy of it."""
        return self._copies.contains_each(fingerprints)

    def confirms_copy(self, fingerprint: bytes, path: str) -> bool:
        """Return whether the pixels of an image bear out that it is a copy of a validation image."""
        return self._copies.confirms(fingerprint, path)


def match_any(held_out: Sequence[HeldOutImages], fingerprints: Sequence[bytes]) -> list[bool]:
    """Return for each image whether it is a near-duplicate of a held-out one."""
    return [any(found) for found in zip(*(split.match_each(fingerprints) for split in held_out), strict=True)] or (
        [False] * len(fingerprints)
    )


def find_any_copies(held_out: Sequence[HeldOutImages], fingerprints: Sequence[bytes]) -> list[bool]:
    """Return for each image whether it looks like a crop, mirror image or slight rotation of a held-out one."""
    found = [False] * len(fingerprints)
    for split in held_out:
        open_rows = [row for row, is_copy in enumerate(found) if not is_copy]
        for row, is_copy in zip(open_rows, split.find_copies([fingerprints[row] for row in open_rows]), strict=True):
            found[row] = is_copy
    return found


def can_find_copies(held_out: Sequence[HeldOutImages], training: Sequence[bytes]) -> bool:
    """Return whether copies can be distinguished from other images of a collection, by some training images of it.

    In rendered scenes, or photos of one fixed camera, different images are alike up to where things stand. There
    training images look like crops of held-out ones, and only the fast check can be made.
    """
    some = training[:: max(1, len(training) // _SAMPLE)]
    others = [one for one, is_near in zip(some, match_any(held_out, some), strict=True) if not is_near]
    return sum(find_any_copies(held_out, others)) <= _FALSE_ALARMS * len(others)


@dataclass(frozen=True, slots=True)
class _Sight:
    """What the fingerprint of a file says."""

    fingerprint: bytes
    is_near: bool
    is_copy: bool


class LeakGuard:
    """Says only whether an image matches, never which held-out image or how closely.

    Found are copies that were resized, recompressed, brightened or greyed, mirror images, crops of 60 % of the area
    or more, and rotations of up to 5 degrees. File names are never read. A candidate's source is checked as well: if
    it is a copy of a validation image, so is its edit, even if the edit hides that from the fingerprint.
    """

    name = "leak_guard"

    def __init__(self, *held_out: HeldOutImages, training: Sequence[bytes] = ()) -> None:
        """Guard held-out images; `training` are fingerprints of training images, all of them or some."""
        self.held_out = held_out
        self._training = training
        self._seen: dict[str, _Sight] = {}
        self._confirmed: dict[str, bool] = {}

    @classmethod
    def of(cls, validation: Sequence[LabelledImage], sealed: HeldOutImages) -> Self:
        """Guard validation images and the sealed test split.

        Raises:
            OSError: A validation image cannot be read.
        """
        from atlantis_core.data.near_duplicates import fingerprint_file

        prints = [fingerprint_file(image.path) for image in validation]
        return cls(ValidationFingerprints(prints, [image.path for image in validation]), sealed)

    @cached_property
    def finds_copies(self) -> bool:
        """Whether crops, mirrored crops and rotations are searched for; see `can_find_copies`."""
        return can_find_copies(self.held_out, self._training)

    def matches(self, path: str, source_path: str = "", *, is_edit: bool = False) -> bool:
        """Return whether an image, or its source image ("" for none), shows a held-out image.

        `is_edit`: it was computed from the pixels of a training image. Two sparse drawings look alike to a
        fingerprint, so a match of the slower search needs to be confirmed by pixels then; so does that of a source
        unless it is sparse itself, and so perhaps a real copy of a held-out drawing.

        Raises:
            OSError: A file cannot be read.
        """
        # The source first: many candidates share it.
        return (bool(source_path) and self._source_matches(source_path, is_edit)) or self._file_matches(path, is_edit)

    def look_at(self, paths: Iterable[str]) -> None:
        """Look at many files at once, which is several times as fast; what cannot be read is left to `matches`."""
        prints = {}
        for path in dict.fromkeys(paths):
            if path and path not in self._seen:
                with suppress(OSError):
                    prints[path] = self._fingerprint(path)
        self._look(prints)

    def _source_matches(self, path: str, is_edit: bool) -> bool:
        from atlantis_core.data.copy_confirmation import is_sparse

        return self._file_matches(path, is_edit and not is_sparse(self._see(path).fingerprint))

    def _see(self, path: str) -> _Sight:
        if path not in self._seen:
            self._look({path: self._fingerprint(path)})
        return self._seen[path]

    def _file_matches(self, path: str, needs_pixels: bool) -> bool:
        seen = self._see(path)
        if seen.is_near or not seen.is_copy or not needs_pixels:
            return seen.is_near or seen.is_copy
        if path not in self._confirmed:
            self._confirmed[path] = any(
                split.contains_copy(seen.fingerprint) and split.confirms_copy(seen.fingerprint, path)
                for split in self.held_out
            )
        return self._confirmed[path]

    def _look(self, prints: Mapping[str, bytes]) -> None:
        near = match_any(self.held_out, list(prints.values()))
        distant = {path: print_ for (path, print_), is_near in zip(prints.items(), near, strict=True) if not is_near}
        copies: dict[str, bool] = {}
        if distant and self.finds_copies:
            copies = dict(zip(distant, find_any_copies(self.held_out, list(distant.values())), strict=True))
        for (path, print_), is_near in zip(prints.items(), near, strict=True):
            self._seen[path] = _Sight(print_, is_near, copies.get(path, False))

    @staticmethod
    def _fingerprint(path: str) -> bytes:
        from atlantis_core.data.near_duplicates import fingerprint_file

        return fingerprint_file(path)
