"""Runs: their specification and status."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Engine, select

from atlantis_core.base.errors import NotFoundError
from atlantis_core.base.serialization import as_json, from_json
from atlantis_core.records import RunSpec
from atlantis_core.store.sql import execute, fetch_rows
from atlantis_core.store.tables import runs

StoredStatus = Literal["running", "paused", "waiting", "failed", "done"]
"""`failed`: an unexpected error ended the process; `resume` tries again."""

RunStatus = StoredStatus | Literal["stopped"]
"""Status as seen from outside; `stopped` is stored as running, but no process is working on it."""


@dataclass(frozen=True, slots=True)
class Run:
    """A stored run."""

    id: str
    spec: RunSpec
    status: StoredStatus
    stop_reason: str
    created: float
    """Seconds since 1970."""


class RunStore:
    """Run id -> run."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(self, spec: RunSpec) -> Run:
        """Create a run with a new id (`20261123-1a2b3c`: sorts by date, short enough to type)."""
        now = time.time()
        run_id = f"{time.strftime('%Y%m%d', time.localtime(now))}-{secrets.token_hex(3)}"
        row = {
            "id": run_id,
            "collection_id": spec.collection_id,
            "spec": as_json(spec),
            "status": "running",
            "stop_reason": "",
            "created": now,
        }
        execute(self._engine, runs.insert().values(**row))
        return self.get(run_id)

    def get(self, run_id: str) -> Run:
        """Return a run by its id or a unique prefix of it; `last` is the newest.

        Raises:
            NotFoundError: No run matches, or several do.
        """
        every = self.all()
        found = every[:1] if run_id == "last" else [run for run in every if run.id == run_id]
        found = found or [run for run in every if run_id and run.id.startswith(run_id)]
        if len(found) != 1:
            known = ", ".join(run.id for run in every[:5]) or "none yet"
            what = "no run" if not found else f"{len(found)} runs"
            raise NotFoundError(f"{what} {run_id!r} in this workspace; newest: {known} (`atlantis runs` lists them)")
        return found[0]

    def find(self, run_id: str) -> Run | None:
        """Return the run with exactly this id, or None."""
        rows = fetch_rows(self._engine, select(runs).where(runs.c.id == run_id))
        return _to_run(rows[0]) if rows else None

    def all(self) -> list[Run]:
        """Return every run, newest first."""
        return [_to_run(row) for row in fetch_rows(self._engine, select(runs).order_by(runs.c.created.desc()))]

    def settle(self, run_id: str, spec: RunSpec) -> None:
        """Replace the specification of a run, in which something was left open."""
        execute(self._engine, runs.update().where(runs.c.id == run_id).values(spec=as_json(spec)))

    def mark(self, run_id: str, status: StoredStatus, stop_reason: str = "") -> None:
        """Set the status of a run."""
        values = {"status": status, "stop_reason": stop_reason}
        execute(self._engine, runs.update().where(runs.c.id == run_id).values(**values))


def _to_run(row: Any) -> Run:
    return Run(row.id, from_json(RunSpec, row.spec), row.status, row.stop_reason, row.created)
