"""Made images with their provenance, and what was decided about them in each round."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

from atlantis_core.plain import as_json, from_json
from atlantis_core.records import Candidate, Verdict
from atlantis_core.store import places
from atlantis_core.store.tables import candidates, verdicts
from atlantis_core.store.upsert import insert_once, replace


class CandidateStore:
    """Candidates by key; verdicts by run and round."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine, self._folder = engine, folder

    def add(self, candidate: Candidate) -> None:
        """Keep a made image's provenance; the same image again changes nothing."""
        placed = dataclasses.replace(candidate, path=places.kept(candidate.path, self._folder))
        with self._engine.begin() as connection:
            insert_once(connection, candidates, {"key": candidate.key, "payload": as_json(placed)})

    def find(self, keys: Iterable[str]) -> dict[str, Candidate]:
        """Return the candidates that are there, by key, in the order asked."""
        wanted = list(keys)
        found: dict[str, Candidate] = {}
        with self._engine.connect() as connection:
            for start in range(0, len(wanted), 500):  # SQLite limits the variables of one statement
                query = select(candidates).where(candidates.c.key.in_(wanted[start : start + 500]))
                found |= {row.key: self._placed(row.payload) for row in connection.execute(query)}
        return {key: found[key] for key in wanted if key in found}

    def _placed(self, payload: Any) -> Candidate:
        candidate = from_json(Candidate, payload)
        return dataclasses.replace(candidate, path=places.found(candidate.path, self._folder))

    def judge(self, run_id: str, round_index: int, decided: Iterable[Verdict]) -> None:
        """Keep the verdicts of a round."""
        with self._engine.begin() as connection:
            for verdict in decided:
                row = {
                    "run_id": run_id,
                    "round": round_index,
                    "candidate_key": verdict.candidate_key,
                    "kept": verdict.kept,
                    "payload": as_json(verdict),
                }
                replace(connection, verdicts, row)

    def verdicts(self, run_id: str, round_index: int) -> list[Verdict]:
        """Return the verdicts of a round, by candidate key."""
        query = (
            select(verdicts.c.payload)
            .where(verdicts.c.run_id == run_id, verdicts.c.round == round_index)
            .order_by(verdicts.c.candidate_key)
        )
        with self._engine.connect() as connection:
            return [from_json(Verdict, row.payload) for row in connection.execute(query)]
