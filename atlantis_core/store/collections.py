"""Collections as they were read: a run goes on with what it started with, also when the folder changes."""

from __future__ import annotations

from sqlalchemy import Engine, select

from atlantis_core.data.facets import fingerprint
from atlantis_core.data.sealed import SealedSplit
from atlantis_core.errors import SetupError
from atlantis_core.records import Collection, as_json, from_json
from atlantis_core.store.tables import collections
from atlantis_core.store.upsert import insert_once


class CollectionStore:
    """Collection id (its content address) -> collection, with its test images sealed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, collection: Collection, sealed: SealedSplit) -> str:
        """Keep a collection; return its id."""
        collection_id = fingerprint(collection)
        row = {"id": collection_id, "payload": as_json(collection), "sealed": sealed.to_rows()}
        with self._engine.begin() as connection:
            insert_once(connection, collections, row)
        return collection_id

    def get(self, collection_id: str) -> tuple[Collection, SealedSplit]:
        """Return a collection and its sealed test split.

        Raises:
            SetupError: There is no such collection in this workspace.
        """
        query = select(collections).where(collections.c.id == collection_id)
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise SetupError(f"no collection {collection_id!r} in this workspace")
        return from_json(Collection, row.payload), SealedSplit.from_rows(row.sealed)
