"""Collections as they were read: a run keeps its collection even if the folder changes."""

from __future__ import annotations

import base64
from collections.abc import Container, Mapping
from typing import Any

from sqlalchemy import Engine, select, update

from atlantis_core.base.errors import SetupError
from atlantis_core.base.hashing import content_hash
from atlantis_core.base.plural import count_noun
from atlantis_core.base.serialization import as_json, from_json
from atlantis_core.data.image_io import UnreadableImage, open_undecoded
from atlantis_core.data.near_duplicates import fingerprint_file
from atlantis_core.data.pixels import VERSION, is_read_anew
from atlantis_core.data.reading import LoadedCollection
from atlantis_core.data.sealed import SealedSplit, fingerprint_collection
from atlantis_core.records import Collection
from atlantis_core.store.sql import execute, fetch_rows, insert_or_replace
from atlantis_core.store.tables import collections

_PIXELS = "pixels"
"""Among the fingerprints, which have image ids: the version of the pixels that they are of; 1 without it."""


class CollectionStore:
    """Collection id (a content hash) -> collection, with its test split sealed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, loaded: LoadedCollection) -> str:
        """Store a collection; return its id, a hash of its content, test split and folder.

        Reading the same content again replaces what is not part of the hash: file names and what was left out.
        """
        parts = [fingerprint_collection(loaded.collection), loaded.sealed.address, loaded.collection.root]
        collection_id = content_hash("collection", parts)
        prints = loaded.fingerprints
        row = {
            "id": collection_id,
            "payload": as_json(loaded.collection),
            "sealed": loaded.sealed.rows_for_store(),
            "fingerprints": {_PIXELS: str(VERSION)} | {image_id: _to_text(prints[image_id]) for image_id in prints},
        }
        insert_or_replace(self._engine, collections, [row])
        return collection_id

    def renew(self, collection_id: str) -> bool:
        """Bring the fingerprints that an earlier version stored up to date; return whether there were any.

        Raises:
            SetupError: Images have other pixels since, so earlier figures would not compare with later ones.
        """
        row = self._row(collection_id)
        if row.fingerprints.get(_PIXELS) == str(VERSION):
            return False
        fresh, other = {_PIXELS: str(VERSION)}, []
        for image in [*row.payload["images"], *(each["image"] for each in row.sealed)]:
            try:
                with open_undecoded(image["path"]) as file:
                    is_other, is_transparent = is_read_anew(file), file.has_transparency_data
                if is_transparent and not is_other:
                    fresh[image["id"]] = _to_text(fingerprint_file(image["path"]))
            except UnreadableImage:
                is_other = True
            except OSError:  # gone: whoever needs it says so
                continue
            other += [image["path"]] if is_other else []
        if other:
            raise SetupError(
                f"this began when {count_noun(len(other), 'image')} of the collection, the first {other[0]!r}, gave "
                "other pixels (values above 8 bits were clipped), so figures would not compare; begin anew"
            )
        self._update_fingerprints(row, fresh)
        return True

    def get(self, collection_id: str) -> LoadedCollection:
        """Return a collection as it was read.

        Raises:
            SetupError: This workspace has no such collection.
        """
        row = self._row(collection_id)
        return LoadedCollection(
            collection=from_json(Collection, row.payload),
            sealed=SealedSplit.from_store_rows(row.sealed),
            fingerprints={key: base64.b64decode(text) for key, text in row.fingerprints.items() if key != _PIXELS},
            notes=(),
        )

    def find_sealed(self, addresses: Container[str]) -> dict[str, SealedSplit]:
        """Return address -> sealed test split, of the stored collections that have one of these."""
        rows = fetch_rows(self._engine, select(collections.c.sealed))
        splits = (SealedSplit.from_store_rows(row.sealed) for row in rows)
        return {split.address: split for split in splits if split.address in addresses}

    def _row(self, collection_id: str) -> Any:
        rows = fetch_rows(self._engine, select(collections).where(collections.c.id == collection_id))
        if not rows:
            raise SetupError(f"no collection {collection_id!r} in this workspace")
        return rows[0]

    def _update_fingerprints(self, row: Any, fresh: Mapping[str, str]) -> None:
        """Replace fingerprints of a stored collection and of its test split, by image id, where they differ."""
        prints = {key: fresh.get(key, text) for key, text in {_PIXELS: "", **row.fingerprints}.items()}
        sealed = [{**each, "fingerprint": fresh.get(each["image"]["id"], each["fingerprint"])} for each in row.sealed]
        if (prints, sealed) != (row.fingerprints, row.sealed):
            changed = update(collections).where(collections.c.id == row.id)
            execute(self._engine, changed.values(fingerprints=prints, sealed=sealed))


def _to_text(fingerprint: bytes) -> str:
    return base64.b64encode(fingerprint).decode("ascii")
