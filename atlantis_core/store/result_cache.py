"""Cache of finished jobs' results, so that no job is done twice."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, select

from atlantis_core.store.sql import fetch_value, insert_or_ignore
from atlantis_core.store.tables import results


class ResultCache:
    """Content hash of a job -> its result."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def find(self, key: str) -> Any | None:
        """Return the result of a job, or None if it has not finished."""
        return fetch_value(self._engine, select(results.c.payload).where(results.c.key == key))

    def add(self, key: str, kind: str, payload: Any, seconds: float) -> None:
        """Store the result of a job; a second one for the same key has no effect."""
        row = {"key": key, "kind": kind, "payload": payload, "seconds": seconds}
        insert_or_ignore(self._engine, results, [row])
