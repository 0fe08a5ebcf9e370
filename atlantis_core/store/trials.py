"""Trials: one training with one seed each, addressed by what went in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

from atlantis_core.base.serialization import as_json, from_json
from atlantis_core.records import Trial
from atlantis_core.store import stored_paths
from atlantis_core.store.tables import trials
from atlantis_core.store.upsert import insert_or_ignore


class TrialStore:
    """Trial id -> trial."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine, self._folder = engine, folder

    def add(self, trial: Trial) -> None:
        """Keep a finished or crashed trial; the same one again changes nothing."""
        kept_trial = replace(trial, path=stored_paths.to_stored_path(trial.path, self._folder))
        with self._engine.begin() as connection:
            insert_or_ignore(connection, trials, {"id": trial.id, "payload": as_json(kept_trial)})

    def find(self, trial_id: str) -> Trial | None:
        """Return a trial, or None when it has not finished."""
        with self._engine.connect() as connection:
            row = connection.execute(select(trials.c.payload).where(trials.c.id == trial_id)).first()
        if row is None:
            return None
        trial = from_json(Trial, row.payload)
        return replace(trial, path=stored_paths.from_stored_path(trial.path, self._folder))

    def matching(self, prefix: str) -> list[str]:
        """Return the ids that start with `prefix` (people type the first characters)."""
        with self._engine.connect() as connection:
            rows: list[Any] = list(
                connection.execute(select(trials.c.id).where(trials.c.id.startswith(prefix, autoescape=True)))
            )
        return [row.id for row in rows]
