"""The sealed test split: opened once, on the record; until then it only answers match or no match."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn, Self

from atlantis_core.base.errors import SetupError
from atlantis_core.base.serialization import as_json
from atlantis_core.data.fingerprints import is_near_duplicate, unit_vectors
from atlantis_core.records import Collection, LabelledImage


class SealedSplit:
    """The test images, kept from everything that could be tuned on them.

    The seal keeps honest code honest: no tool, planner or filter has a way to the images that does not
    leave a record. It is no defence against code that sets out to break it.
    """

    __slots__ = ("_fingerprints", "_images", "_vectors")

    def __init__(self, images: Sequence[LabelledImage], fingerprints: Sequence[bytes]) -> None:
        """Seal images with their fingerprints (see `perceptual`), in the same order."""
        if len(images) != len(fingerprints):
            raise ValueError(f"{len(images)} images but {len(fingerprints)} fingerprints")
        self._images = tuple(images)
        self._fingerprints = tuple(fingerprints)
        self._vectors = unit_vectors(self._fingerprints)

    def __len__(self) -> int:
        return len(self._images)

    def __repr__(self) -> str:
        return f"<SealedSplit of {len(self)} images>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a sealed split cannot be pickled or copied: that would open it without a record")

    def matches(self, fingerprint: bytes) -> bool:
        """Tell whether an image is a near-duplicate of a test image or of its mirror image."""
        return is_near_duplicate(fingerprint, self._vectors)

    @property
    def address(self) -> str:
        """The split's content address, 64 hex digits: changes with any test image, label or role."""
        rows = sorted((image.id, image.label, image.role) for image in self._images)
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()

    def open(self, purpose: str, record: Callable[[str], None]) -> tuple[LabelledImage, ...]:
        """Hand out the test images after writing down why.

        Args:
            purpose: Who opens it and for what, in a sentence.
            record: Writes the purpose down for good; where it raises, the split stays closed.

        Raises:
            SetupError: The purpose is empty.
        """
        if not purpose.strip():
            raise SetupError("the sealed test split opens only for a stated purpose, and none was given")
        record(purpose)
        return self._images

    def rows_for_store(self) -> list[dict[str, Any]]:
        """Return the split as JSON-able rows. For `atlantis_core.store` alone."""
        return [
            {"image": as_json(image), "fingerprint": base64.b64encode(print_).decode("ascii")}
            for image, print_ in zip(self._images, self._fingerprints, strict=True)
        ]

    @classmethod
    def from_store_rows(cls, rows: Sequence[Mapping[str, Any]]) -> Self:
        """Build the split again from what `rows_for_store` gave. For `atlantis_core.store` alone."""
        images = [LabelledImage(**row["image"]) for row in rows]
        return cls(images, [base64.b64decode(row["fingerprint"]) for row in rows])


def fingerprint_collection(collection: Collection) -> str:
    """Return 64 hex digits that change with any image, label, split, role or facet value, and nothing else.

    Paths and the name do not count: a collection that was moved is still the same.
    """
    rows = sorted(
        (image.id, image.label, image.split, image.role, sorted(image.facets.items())) for image in collection.images
    )
    content = json.dumps([list(collection.facets), collection.num_test, rows], ensure_ascii=False)
    return hashlib.sha256(content.encode()).hexdigest()
