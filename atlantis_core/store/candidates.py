"""Made images with their provenance, and what filters and people decided about them in each round."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, select

from atlantis_core.base.serialization import as_json, from_json
from atlantis_core.records import Candidate, Verdict
from atlantis_core.store import stored_paths
from atlantis_core.store.tables import candidates, overrulings, verdicts
from atlantis_core.store.upsert import insert_or_ignore, insert_or_replace

BY_HAND = "by_hand"
"""The filter's name where a person decided."""


class CandidateStore:
    """Candidates by key; verdicts by run and round."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine, self._folder = engine, folder

    def add(self, candidate: Candidate) -> None:
        """Keep a made image's provenance; the same image again changes nothing."""
        placed = dataclasses.replace(candidate, path=stored_paths.to_stored_path(candidate.path, self._folder))
        with self._engine.begin() as connection:
            insert_or_ignore(connection, candidates, {"key": candidate.key, "payload": as_json(placed)})

    def find(self, keys: Iterable[str]) -> dict[str, Candidate]:
        """Return the candidates that are there, by key, in the order asked."""
        wanted = list(keys)
        found: dict[str, Candidate] = {}
        with self._engine.connect() as connection:
            for start in range(0, len(wanted), 500):  # SQLite limits the variables of one statement
                query = select(candidates).where(candidates.c.key.in_(wanted[start : start + 500]))
                found |= {row.key: self._with_absolute_path(row.payload) for row in connection.execute(query)}
        return {key: found[key] for key in wanted if key in found}

    def _with_absolute_path(self, payload: Any) -> Candidate:
        candidate = from_json(Candidate, payload)
        return dataclasses.replace(candidate, path=stored_paths.from_stored_path(candidate.path, self._folder))

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
                insert_or_replace(connection, verdicts, row)

    def verdicts(self, run_id: str, round_index: int, by_hand: Mapping[str, bool] | None = None) -> list[Verdict]:
        """Return the verdicts of a round as they count, by candidate key: a person's word goes before a filter's.

        Args:
            run_id: Whose round.
            round_index: Which.
            by_hand: What a person decided, by candidate key; None takes all that a person has decided by now.
        """
        heard = self.by_hand(run_id, round_index) if by_hand is None else by_hand
        return [_apply_decision(verdict, heard) for verdict in self.filtered(run_id, round_index)]

    def filtered(self, run_id: str, round_index: int) -> list[Verdict]:
        """Return what the filters alone decided in a round, by candidate key."""
        query = (
            select(verdicts.c.payload)
            .where(verdicts.c.run_id == run_id, verdicts.c.round == round_index)
            .order_by(verdicts.c.candidate_key)
        )
        with self._engine.connect() as connection:
            return [from_json(Verdict, row.payload) for row in connection.execute(query)]

    def overrule(self, run_id: str, round_index: int, decided: Mapping[str, bool]) -> None:
        """Keep what a person decided about candidates, by key; the last word counts."""
        with self._engine.begin() as connection:
            for key, kept in decided.items():
                row = {"run_id": run_id, "round": round_index, "candidate_key": key, "kept": kept}
                insert_or_replace(connection, overrulings, row | {"decided": time.time()})

    def by_hand(self, run_id: str, round_index: int, before: float = math.inf) -> dict[str, bool]:
        """Return what a person decided in a round, by candidate key; `before` is in seconds since 1970."""
        query = select(overrulings).where(overrulings.c.run_id == run_id, overrulings.c.round == round_index)
        with self._engine.connect() as connection:
            return {row.candidate_key: row.kept for row in connection.execute(query) if row.decided < before}

    def stamp(self, run_id: str) -> tuple[int, int, float]:
        """Return what changes whenever anything is decided in a run: verdicts, overrulings, time of the last one."""
        with self._engine.connect() as connection:
            judged = connection.execute(select(func.count()).where(verdicts.c.run_id == run_id)).scalar_one()
            count, last = connection.execute(
                select(func.count(), func.max(overrulings.c.decided)).where(overrulings.c.run_id == run_id)
            ).one()
        return int(judged), int(count), float(last or 0.0)


def _apply_decision(verdict: Verdict, by_hand: Mapping[str, bool]) -> Verdict:
    kept = by_hand.get(verdict.candidate_key)
    if kept is None:
        return verdict
    said = f"{'kept' if kept else 'rejected'} by hand ({verdict.filter}: {verdict.reason})"
    return dataclasses.replace(verdict, kept=kept, filter=BY_HAND, reason=said)
