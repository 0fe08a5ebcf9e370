"""Trials: one training with one seed each, addressed by what went in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, select

from atlantis_core.base.hashing import content_hash
from atlantis_core.base.serialization import as_json, from_json
from atlantis_core.records import Trial, TrialOrigin
from atlantis_core.store import stored_paths
from atlantis_core.store.tables import receipts, trials
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

    def set_origin(self, trial: Trial, origin: TrialOrigin) -> None:
        """Link a trial that was trained before to another session that uses it.

        The first session stays its origin, unless its task was restricted and the other's is not.
        """
        if trial.origin is None or (trial.origin.is_restricted and not origin.is_restricted):
            path = stored_paths.to_stored_path(trial.path, self._folder)
            linked = as_json(replace(trial, path=path, origin=origin))
            with self._engine.begin() as connection:
                connection.execute(trials.update().where(trials.c.id == trial.id).values(payload=linked))

    def find(self, trial_id: str) -> Trial | None:
        """Return a trial, or None when it has not finished."""
        with self._engine.connect() as connection:
            row = connection.execute(select(trials.c.payload).where(trials.c.id == trial_id)).first()
            if row is None:
                return None
            trial = from_json(Trial, row.payload)
            origin = trial.origin or _read_old_origin(connection, trial_id)
        path = stored_paths.from_stored_path(trial.path, self._folder)
        return replace(trial, path=path, origin=origin)

    def matching(self, prefix: str) -> list[str]:
        """Return the ids that start with `prefix` (people type the first characters)."""
        with self._engine.connect() as connection:
            rows: list[Any] = list(
                connection.execute(select(trials.c.id).where(trials.c.id.startswith(prefix, autoescape=True)))
            )
        return [row.id for row in rows]


def _read_old_origin(connection: Connection, trial_id: str) -> TrialOrigin | None:
    """Return the origin of a trial of an older version, which kept it beside the trial's first measurement."""
    for subject in ([trial_id], [trial_id, "part"]):
        key = content_hash("measured by", subject)
        row = connection.execute(select(receipts.c.payload).where(receipts.c.key == key)).first()
        if row is not None:
            return from_json(TrialOrigin, row.payload)
    return None
