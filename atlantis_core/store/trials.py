"""Trials: trainings with one seed each, found by the content hash of their inputs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sqlalchemy import Engine, select

from atlantis_core.base.hashing import content_hash
from atlantis_core.base.serialization import as_json, from_json
from atlantis_core.records import Trial, TrialOrigin
from atlantis_core.store.sql import fetch_rows, fetch_value, insert_or_ignore, insert_or_replace
from atlantis_core.store.stored_paths import from_stored_path, to_stored_path
from atlantis_core.store.tables import results, trials


class TrialStore:
    """Trial id -> trial."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine, self._folder = engine, folder

    def add(self, trial: Trial) -> None:
        """Store a finished or crashed trial; adding it again has no effect."""
        stored = replace(trial, path=to_stored_path(trial.path, self._folder))
        insert_or_ignore(self._engine, trials, [{"id": trial.id, "payload": as_json(stored)}])

    def set_origin(self, trial: Trial, origin: TrialOrigin, *, newer: bool = True) -> None:
        """Link a trial that was trained before to another session that uses it.

        The first session stays its origin, unless its task was restricted and the other's is not; or, if `newer`, the
        other read another collection: the same training images with corrected labels of the test images, say.
        """
        known = trial.origin
        if known is None:
            replaces = True
        elif known.is_restricted != origin.is_restricted:
            replaces = known.is_restricted
        else:
            replaces = newer and known.spec.collection_id != origin.spec.collection_id
        if replaces:
            stored = replace(trial, path=to_stored_path(trial.path, self._folder), origin=origin)
            insert_or_replace(self._engine, trials, [{"id": trial.id, "payload": as_json(stored)}])

    def find(self, trial_id: str) -> Trial | None:
        """Return a trial, or None if it has not finished."""
        payload = fetch_value(self._engine, select(trials.c.payload).where(trials.c.id == trial_id))
        if payload is None:
            return None
        trial = from_json(Trial, payload)
        origin = trial.origin or self._find_old_origin(trial_id)
        return replace(trial, path=from_stored_path(trial.path, self._folder), origin=origin)

    def _find_old_origin(self, trial_id: str) -> TrialOrigin | None:
        """Return the origin of a trial of an older version, which kept it beside the trial's first measurement."""
        keys = [content_hash("measured by", subject) for subject in ([trial_id], [trial_id, "part"])]
        found = (fetch_value(self._engine, select(results.c.payload).where(results.c.key == key)) for key in keys)
        return next((from_json(TrialOrigin, payload) for payload in found if payload), None)

    def matching(self, prefix: str) -> list[str]:
        """Return the ids that start with `prefix`."""
        query = select(trials.c.id).where(trials.c.id.startswith(prefix, autoescape=True))
        return [row.id for row in fetch_rows(self._engine, query)]
