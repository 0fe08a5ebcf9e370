"""Collections as they were read: a run keeps its collection even if the folder changes."""

from __future__ import annotations

import base64

from sqlalchemy import Engine, select

from atlantis_core.base.errors import SetupError
from atlantis_core.base.hashing import content_hash
from atlantis_core.base.serialization import as_json, from_json
from atlantis_core.data.reading import LoadedCollection
from atlantis_core.data.sealed import SealedSplit, fingerprint_collection
from atlantis_core.records import Collection
from atlantis_core.store.sql import fetch_rows, insert_or_ignore
from atlantis_core.store.tables import collections


class CollectionStore:
    """Collection id (a content hash) -> collection, with its test split sealed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, loaded: LoadedCollection) -> str:
        """Store a collection; return its id, a hash of its content, test split and folder."""
        parts = [fingerprint_collection(loaded.collection), loaded.sealed.address, loaded.collection.root]
        collection_id = content_hash("collection", parts)
        row = {
            "id": collection_id,
            "payload": as_json(loaded.collection),
            "sealed": loaded.sealed.rows_for_store(),
            "fingerprints": {name: base64.b64encode(found).decode() for name, found in loaded.fingerprints.items()},
        }
        insert_or_ignore(self._engine, collections, [row])
        return collection_id

    def get(self, collection_id: str) -> LoadedCollection:
        """Return a collection as it was read.

        Raises:
            SetupError: This workspace has no such collection.
        """
        rows = fetch_rows(self._engine, select(collections).where(collections.c.id == collection_id))
        if not rows:
            raise SetupError(f"no collection {collection_id!r} in this workspace")
        (row,) = rows
        return LoadedCollection(
            collection=from_json(Collection, row.payload),
            sealed=SealedSplit.from_store_rows(row.sealed),
            fingerprints={key: base64.b64decode(text) for key, text in row.fingerprints.items()},
            notes=(),
        )
