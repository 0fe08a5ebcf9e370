"""Collections as they were read: a run goes on with what it started with, also when the folder changes."""

from __future__ import annotations

import base64

from sqlalchemy import Engine, select

from atlantis_core.base.errors import SetupError
from atlantis_core.base.hashing import content_hash
from atlantis_core.base.serialization import as_json, from_json
from atlantis_core.data.reading import LoadedCollection
from atlantis_core.data.sealed import SealedSplit, fingerprint_collection
from atlantis_core.records import Collection
from atlantis_core.store.tables import collections
from atlantis_core.store.upsert import insert_or_ignore


class CollectionStore:
    """Collection id (its content address) -> collection, with its test images sealed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, loaded: LoadedCollection) -> str:
        """Keep a collection; return its id: the address of what it holds, the test split and its place included."""
        parts = [fingerprint_collection(loaded.collection), loaded.sealed.address, loaded.collection.root]
        collection_id = content_hash("collection", parts)
        row = {
            "id": collection_id,
            "payload": as_json(loaded.collection),
            "sealed": loaded.sealed.rows_for_store(),
            "fingerprints": {
                image_id: base64.b64encode(print_).decode("ascii") for image_id, print_ in loaded.fingerprints.items()
            },
        }
        with self._engine.begin() as connection:
            insert_or_ignore(connection, collections, row)
        return collection_id

    def get(self, collection_id: str) -> LoadedCollection:
        """Return a collection as it was read.

        Raises:
            SetupError: There is no such collection in this workspace.
        """
        query = select(collections).where(collections.c.id == collection_id)
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise SetupError(f"no collection {collection_id!r} in this workspace")
        return LoadedCollection(
            collection=from_json(Collection, row.payload),
            sealed=SealedSplit.from_store_rows(row.sealed),
            fingerprints={key: base64.b64decode(text) for key, text in row.fingerprints.items()},
            notes=(),
        )
