"""The journal: the records of each round of a run, as data."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, select

from atlantis_core.base.serialization import as_json
from atlantis_core.store.sql import fetch_rows, fetch_value, insert_or_replace
from atlantis_core.store.tables import journal


class Journal:
    """Entries by run, round and kind (`protocol`, `gaps`, `comparison`, `decision` ...)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def write(self, run_id: str, round_index: int, kind: str, payload: Any) -> None:
        """Write an entry, replacing one with the same run, round and kind (a node may run twice)."""
        row = {"run_id": run_id, "round": round_index, "kind": kind, "payload": as_json(payload)}
        insert_or_replace(self._engine, journal, [row])

    def read(self, run_id: str, round_index: int, kind: str) -> Any | None:
        """Return the payload of an entry, or None."""
        query = select(journal.c.payload).where(
            journal.c.run_id == run_id, journal.c.round == round_index, journal.c.kind == kind
        )
        return fetch_value(self._engine, query)

    def everywhere(self, kind: str) -> dict[str, Any]:
        """Return run id -> payload of the entries of one kind in round 0, of all runs."""
        query = select(journal.c.run_id, journal.c.payload).where(journal.c.round == 0, journal.c.kind == kind)
        return {row.run_id: row.payload for row in fetch_rows(self._engine, query)}

    def rounds(self, run_id: str) -> dict[int, dict[str, Any]]:
        """Return round -> kind -> payload, sorted by round; round 0 is the baseline."""
        query = select(journal).where(journal.c.run_id == run_id).order_by(journal.c.round)
        found: dict[int, dict[str, Any]] = {}
        for row in fetch_rows(self._engine, query):
            found.setdefault(row.round, {})[row.kind] = row.payload
        return found
