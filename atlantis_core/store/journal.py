"""The journal: what each round of a run did and what came of it, as data."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, select

from atlantis_core.base.serialization import as_json
from atlantis_core.store.tables import journal
from atlantis_core.store.upsert import insert_or_replace


class Journal:
    """Entries by run, round and kind (`protocol`, `gaps`, `comparison`, `decision` ...)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def write(self, run_id: str, round_index: int, kind: str, payload: Any) -> None:
        """Write an entry; the same entry written again (a node that ran twice) replaces itself."""
        row = {"run_id": run_id, "round": round_index, "kind": kind, "payload": as_json(payload)}
        with self._engine.begin() as connection:
            insert_or_replace(connection, journal, row)

    def read(self, run_id: str, round_index: int, kind: str) -> Any | None:
        """Return an entry's payload, or None."""
        query = select(journal.c.payload).where(
            journal.c.run_id == run_id, journal.c.round == round_index, journal.c.kind == kind
        )
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        return row.payload if row else None

    def everywhere(self, kind: str) -> dict[str, Any]:
        """Return run id -> payload of all runs' entries of one kind in round 0."""
        query = select(journal.c.run_id, journal.c.payload).where(journal.c.round == 0, journal.c.kind == kind)
        with self._engine.connect() as connection:
            return {row.run_id: row.payload for row in connection.execute(query)}

    def rounds(self, run_id: str) -> dict[int, dict[str, Any]]:
        """Return round -> kind -> payload, rounds in order (round 0 is the baseline)."""
        query = select(journal).where(journal.c.run_id == run_id).order_by(journal.c.round)
        found: dict[int, dict[str, Any]] = {}
        with self._engine.connect() as connection:
            for row in connection.execute(query):
                found.setdefault(row.round, {})[row.kind] = row.payload
        return found
