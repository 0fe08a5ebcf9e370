"""The sealed test split: opened once, on record; until then it only says whether an image matches."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn, Self

from atlantis_core.base.errors import SetupError
from atlantis_core.base.serialization import as_json
from atlantis_core.data.hidden_copies import CopyFinder
from atlantis_core.data.inspection import possible_ids
from atlantis_core.data.near_duplicates import are_near_duplicates, is_near_duplicate, unit_vectors
from atlantis_core.records import Collection, LabelledImage


def list_changed(images: Sequence[LabelledImage]) -> list[str]:
    """Return the paths of images whose files have other bytes than when they were read, or are gone."""
    return [image.path for image in images if image.id not in _current_ids(image.path)]


def _current_ids(path: str) -> tuple[str, ...]:
    try:
        with Path(path).open("rb") as file:
            return possible_ids(hashlib.file_digest(file, "sha256").hexdigest())
    except OSError:
        return ()


class SealedSplit:
    """The test images, out of reach of everything that could be tuned on them.

    No tool, planner or filter can get at the images without leaving a record. The seal prevents mistakes; it is not
    a defence against malicious code.
    """

    __slots__ = ("_copies", "_fingerprints", "_images", "_vectors")

    def __init__(self, images: Sequence[LabelledImage], fingerprints: Sequence[bytes]) -> None:
        """Seal images with their fingerprints (see `near_duplicates`), in the same order."""
        if len(images) != len(fingerprints):
            raise ValueError(f"{len(images)} images but {len(fingerprints)} fingerprints")
        self._images = tuple(images)
        self._fingerprints = tuple(fingerprints)
        self._vectors = unit_vectors(self._fingerprints)
        self._copies = CopyFinder(self._fingerprints, [image.path for image in self._images])

    def __len__(self) -> int:
        return len(self._images)

    def __repr__(self) -> str:
        return f"<SealedSplit of {len(self)} images>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a sealed split cannot be pickled or copied: that would open it without a record")

    def matches(self, fingerprint: bytes) -> bool:
        """Whether an image is a near-duplicate of a test image or of its mirror image."""
        return is_near_duplicate(fingerprint, self._vectors)

    def contains_copy(self, fingerprint: bytes) -> bool:
        """Whether an image is a crop, mirror image or slight rotation of a test image (`hidden_copies`)."""
        return self._copies.contains(fingerprint)

    def match_each(self, fingerprints: Sequence[bytes]) -> list[bool]:
        """Return for each of several images whether it `matches`."""
        return are_near_duplicates(fingerprints, self._vectors)

    def find_copies(self, fingerprints: Sequence[bytes]) -> list[bool]:
        """Return for each of several images whether the split `contains_copy` of it."""
        return self._copies.contains_each(fingerprints)

    def confirms_copy(self, fingerprint: bytes, path: str) -> bool:
        """Whether the pixels of an image bear out that it is a copy of a test image (`copy_confirmation`)."""
        return self._copies.confirms(fingerprint, path)

    @property
    def address(self) -> str:
        """Content hash of the split, 64 hex digits: changes with any test image, label or role."""
        rows = sorted((image.id, image.label, image.role) for image in self._images)
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()

    def check(self, rule: Callable[[tuple[LabelledImage, ...]], None]) -> None:
        """Let a rule refuse the split before it is opened; it gets labels and facets, but no file."""
        rule(tuple(replace(image, path="") for image in self._images))

    def require_files(self) -> None:
        """Refuse to open a split of which images are missing, or are other photos than were read.

        Raises:
            SetupError: Names the first.
        """
        gone = [image.path for image in self._images if not Path(image.path).is_file()]
        if gone:
            raise SetupError(f"{len(gone)} of {len(self)} test images are gone, the first {gone[0]!r}; put them back")
        if changed := list_changed(self._images):
            raise SetupError(
                f"{len(changed)} of {len(self)} test images changed since they were read, the first {changed[0]!r}; "
                "put them back, or train again with the new ones and test that"
            )

    def count_shared(self, other: SealedSplit) -> int:
        """Return how many images of this split are in another one too, by the content of their files."""
        return len({image.id for image in self._images} & {image.id for image in other._images})

    def open(self, purpose: str, record: Callable[[str], None]) -> tuple[LabelledImage, ...]:
        """Record the purpose (who opens the split and why, in a sentence), then return the test images.

        If `record`, which stores the purpose for good, raises, the split stays closed.

        Raises:
            SetupError: The purpose is empty.
        """
        if not purpose.strip():
            raise SetupError("the sealed test split opens only for a stated purpose; state one")
        record(purpose)
        return self._images

    def rows_for_store(self) -> list[dict[str, Any]]:
        """Return the split as JSON-able rows; only for `atlantis_core.store`."""
        return [
            {"image": as_json(image), "fingerprint": base64.b64encode(print_).decode("ascii")}
            for image, print_ in zip(self._images, self._fingerprints, strict=True)
        ]

    @classmethod
    def from_store_rows(cls, rows: Sequence[Mapping[str, Any]]) -> Self:
        """Rebuild the split from `rows_for_store`; only for `atlantis_core.store`."""
        images = [LabelledImage(**row["image"]) for row in rows]
        return cls(images, [base64.b64decode(row["fingerprint"]) for row in rows])


def fingerprint_collection(collection: Collection) -> str:
    """Return 64 hex digits that change with any image, label, split, role or facet value, but not with paths."""
    rows = sorted(
        (image.id, image.label, image.split, image.role, sorted(image.facets.items())) for image in collection.images
    )
    content = json.dumps([list(collection.facets), collection.num_test, rows], ensure_ascii=False)
    return hashlib.sha256(content.encode()).hexdigest()
