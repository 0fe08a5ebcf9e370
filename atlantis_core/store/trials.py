"""Trials: trainings with one seed each, found by the content hash of their inputs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sqlalchemy import Engine, select

from atlantis_core.base.serialization import as_json, from_json
from atlantis_core.records import Trial
from atlantis_core.store.sql import fetch_rows, insert_or_ignore
from atlantis_core.store.stored_paths import from_stored_path, to_stored_path
from atlantis_core.store.tables import trials


class TrialStore:
    """Trial id -> trial."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine, self._folder = engine, folder

    def add(self, trial: Trial) -> None:
        """Store a finished or crashed trial; adding it again has no effect."""
        stored = replace(trial, path=to_stored_path(trial.path, self._folder))
        insert_or_ignore(self._engine, trials, [{"id": trial.id, "payload": as_json(stored)}])

    def find(self, trial_id: str) -> Trial | None:
        """Return a trial, or None if it has not finished."""
        rows = fetch_rows(self._engine, select(trials.c.payload).where(trials.c.id == trial_id))
        if not rows:
            return None
        trial = from_json(Trial, rows[0].payload)
        return replace(trial, path=from_stored_path(trial.path, self._folder))

    def matching(self, prefix: str) -> list[str]:
        """Return the ids that start with `prefix`."""
        query = select(trials.c.id).where(trials.c.id.startswith(prefix, autoescape=True))
        return [row.id for row in fetch_rows(self._engine, query)]
