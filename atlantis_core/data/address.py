"""The content address of a collection."""

from __future__ import annotations

import hashlib
import json

from atlantis_core.records import Collection


def fingerprint(collection: Collection) -> str:
    """Return 64 hex digits that change with any image, label, split, role or facet value, and nothing else.

    Paths and the name do not count: a collection that was moved is still the same.
    """
    rows = sorted(
        (image.id, image.label, image.split, image.role, sorted(image.facets.items())) for image in collection.images
    )
    content = json.dumps([list(collection.facets), collection.num_test, rows], ensure_ascii=False)
    return hashlib.sha256(content.encode()).hexdigest()
