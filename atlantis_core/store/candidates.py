"""Synthetic images with their provenance, and the verdicts of filters and people on them, by round."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from sqlalchemy import Engine, func, select

from atlantis_core.base.serialization import as_json, from_json
from atlantis_core.records import Candidate, Verdict
from atlantis_core.store.sql import fetch_rows, insert_or_ignore, insert_or_replace
from atlantis_core.store.stored_paths import from_stored_path, to_stored_path
from atlantis_core.store.tables import candidates, overrulings, verdicts


class CandidateStore:
    """Candidates by key; verdicts by run and round."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine, self._folder = engine, folder

    def add(self, candidate: Candidate) -> None:
        """Store a candidate; adding it again has no effect."""
        stored = dataclasses.replace(candidate, path=to_stored_path(candidate.path, self._folder))
        insert_or_ignore(self._engine, candidates, [{"key": candidate.key, "payload": as_json(stored)}])

    def find(self, keys: Iterable[str]) -> dict[str, Candidate]:
        """Return the candidates that exist, by key, in the order of `keys`."""
        wanted = list(keys)
        found: dict[str, Candidate] = {}
        for start in range(0, len(wanted), 500):  # SQLite limits the variables of one statement
            query = select(candidates).where(candidates.c.key.in_(wanted[start : start + 500]))
            for row in fetch_rows(self._engine, query):
                stored = from_json(Candidate, row.payload)
                path = from_stored_path(stored.path, self._folder)
                found[row.key] = dataclasses.replace(stored, path=path)
        return {key: found[key] for key in wanted if key in found}

    def judge(self, run_id: str, round_index: int, decided: Iterable[Verdict]) -> None:
        """Store the filters' verdicts of a round."""
        rows = (
            {
                "run_id": run_id,
                "round": round_index,
                "candidate_key": verdict.candidate_key,
                "kept": verdict.kept,
                "payload": as_json(verdict),
            }
            for verdict in decided
        )
        insert_or_replace(self._engine, verdicts, rows)

    def filtered(self, run_id: str, round_index: int) -> list[Verdict]:
        """Return the filters' own verdicts of a round, sorted by candidate key."""
        query = (
            select(verdicts.c.payload)
            .where(verdicts.c.run_id == run_id, verdicts.c.round == round_index)
            .order_by(verdicts.c.candidate_key)
        )
        return [from_json(Verdict, row.payload) for row in fetch_rows(self._engine, query)]

    def overrule(self, run_id: str, round_index: int, decided: Mapping[str, bool]) -> None:
        """Store a person's decisions by candidate key; a later decision replaces an earlier one."""
        common = {"run_id": run_id, "round": round_index, "decided": time.time()}
        rows = ({**common, "candidate_key": key, "kept": kept} for key, kept in decided.items())
        insert_or_replace(self._engine, overrulings, rows)

    def by_hand(self, run_id: str, round_index: int, before: float = math.inf) -> dict[str, bool]:
        """Return a person's decisions in a round, by candidate key; `before` is in seconds since 1970."""
        query = select(overrulings).where(overrulings.c.run_id == run_id, overrulings.c.round == round_index)
        return {row.candidate_key: row.kept for row in fetch_rows(self._engine, query) if row.decided < before}

    def stamp(self, run_id: str) -> tuple[int, int, float]:
        """Return a value that changes with every decision: verdicts, decisions by hand, time of the last of these."""
        ((judged,),) = fetch_rows(self._engine, select(func.count()).where(verdicts.c.run_id == run_id))
        query = select(func.count(), func.max(overrulings.c.decided)).where(overrulings.c.run_id == run_id)
        ((count, last),) = fetch_rows(self._engine, query)
        return int(judged), int(count), float(last or 0.0)
