"""Receipts: what a finished job answered, so that it is never done twice."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, select

from atlantis_core.store.tables import receipts
from atlantis_core.store.upsert import insert_or_ignore


class ResultCache:
    """Job key -> receipt."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def find(self, key: str) -> Any | None:
        """Return the receipt's payload, or None when the job has not finished."""
        with self._engine.connect() as connection:
            row = connection.execute(select(receipts.c.payload).where(receipts.c.key == key)).first()
        return row.payload if row else None

    def file(self, key: str, kind: str, payload: Any, seconds: float) -> None:
        """Keep a receipt; a second one for the same key changes nothing."""
        with self._engine.begin() as connection:
            row = {"key": key, "kind": kind, "payload": payload, "seconds": seconds}
            insert_or_ignore(connection, receipts, row)
