"""What earlier runs of this workspace found about remedies, on the same collection, task and recipe.

The same means: the same folder with the same images, labels, splits and facets (the collection's content hash), and
the same backbone, preset, queries, gallery, attack and pool. A run writes down which rounds it knows when it begins,
so that a resumed run chooses as before. Memory only chooses; no verdict reads it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from atlantis_core.base.plural import count_noun
from atlantis_core.base.serialization import as_json
from atlantis_core.records import EarlierRound
from atlantis_core.records.generation import GENERATE
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.judged_cells import list_judged_cells
from atlantis_core.run.measurements import queries_in_cells
from atlantis_core.run.round import read_judged_rounds, read_rounds
from atlantis_core.run.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from atlantis_core.records import Cell, Comparison, RunSpec
    from atlantis_core.run.round import Round
    from atlantis_core.store.runs import Run

_MOST_RUNS = 10
"""The newest runs are remembered."""

REFUTED_SHARE = 0.8
"""A remedy counts as refuted if so many of a draft's queries were among those that it was refuted on."""

EVIDENCE_SHARE = 0.5
"""An earlier figure says something about a draft with so many of its queries."""


@dataclass(frozen=True, slots=True)
class EarlierResult:
    """What a remedy gave in an earlier run, in a pilot or in a judged round."""

    run_id: str
    round: int
    when: float
    """When the run began, in seconds since 1970."""
    seed: int
    """Of the run: pilots of runs with one seed are the same measurement."""
    remedy: str
    stage: str
    """`pilot` or `round`."""
    group: str
    """Name of the group of gaps; empty for all cells that the round was about."""
    cells: tuple[Cell, ...]
    """Whose queries it is of; empty for all queries."""
    found: Comparison
    verdict: str
    """`proven`, `refuted` or `undecided`; empty for a pilot."""
    on_top: tuple[str, ...]
    """Remedies that the incumbent had."""
    images: int = 0
    """Images of the group that were kept in a pilot."""

    @property
    def sentence(self) -> str:
        """The result in words."""
        gain, low, high = (100 * figure for figure in (self.found.gain, self.found.low, self.found.high))
        day = time.strftime("%Y-%m-%d", time.localtime(self.when))
        return f"{gain:+.1f} points ({low:+.1f} to {high:+.1f}) in round {self.round} of run {self.run_id}, {day}"


def write_memory(session: Session) -> str:
    """Write down which earlier rounds a run that begins knows, and return that in words; empty if none.

    Nothing is written for a run with `--no-memory`.
    """
    known = _find_rounds(session) if session.spec.memory else ()
    if known:
        session.write(0, JournalKind.MEMORY, known)
    return describe_memory(session, read_results(session))


def read_results(session: Session) -> tuple[EarlierResult, ...]:
    """Return what the rounds that a run knows gave, newest first."""
    wanted = [(one.run_id, one.round) for one in session.read(0, JournalKind.MEMORY) or ()]
    found: list[EarlierResult] = []
    for run_id in dict.fromkeys(run_id for run_id, _ in wanted):
        run = session.workspace.runs.find(run_id)
        if run is not None:
            own = _open(session, run)
            rounds = read_rounds(own)
            found += [
                result
                for place, one in enumerate(rounds)
                if (run_id, one.index) in wanted
                for result in _list_results(own, run, one, _list_kept(rounds[:place]))
                # Images by another generator are another remedy.
                if result.remedy != GENERATE or run.spec.generator == session.spec.generator
            ]
    return tuple(found)


def _find_rounds(session: Session) -> tuple[EarlierRound, ...]:
    """Return the rounds of earlier runs that were judged, or ended with their pilots."""
    own = _settings(session.spec)
    runs = [run for run in session.workspace.runs.all() if run.id != session.run_id and _settings(run.spec) == own]
    return tuple(
        EarlierRound(run.id, found.index)
        for run in runs[:_MOST_RUNS]
        for found in read_rounds(_open(session, run))
        if found.decision is not None or (found.pilots and run.status == "done")
    )


def _open(session: Session, run: Run) -> Session:
    """Return a session of another run of the workspace."""
    return Session(session.workspace, run.id, run.spec)


def _settings(spec: RunSpec) -> tuple[object, ...]:
    """Return what two runs share whose remedies can be compared; `collection_id` is a hash of the content."""
    task = (spec.collection_id, spec.regime, spec.query, spec.gallery, spec.attack, spec.pool, spec.answers)
    return (*task, spec.preset, spec.backbone, spec.weights, spec.preprocessing)


def _list_kept(rounds: Iterable[Round]) -> tuple[str, ...]:
    return tuple(found.protocol.remedy for found in rounds if found.is_kept and found.protocol)


def _list_results(own: Session, run: Run, found: Round, on_top: tuple[str, ...]) -> Iterator[EarlierResult]:
    """Return what one round gave; `own` is the session of its run."""

    def result(
        remedy: str, stage: str, group: str, cells: Sequence[Cell], gain: Comparison, verdict: str
    ) -> EarlierResult:
        names = run.id, found.index, run.created, run.spec.seed
        return EarlierResult(*names, remedy, stage, group, tuple(cells), gain, verdict, on_top)

    decision, protocol = found.decision, found.protocol
    if decision and protocol and decision.overall.low < decision.overall.high:  # else no image was kept
        cells = list_judged_cells(own, protocol) or ()
        yield result(protocol.remedy, "round", "", cells, decision.targeted or decision.overall, decision.verdict)
    for pilot in found.pilots:
        if pilot.deciding is not None:
            yield result(pilot.offer.remedy, "pilot", "", pilot.cells, pilot.deciding, "")
        for gain in pilot.groups:
            if gain.found is not None:
                of_group = result(pilot.offer.remedy, "pilot", gain.group.name, gain.group.cells, gain.found, "")
                yield replace(of_group, images=gain.kept)


class Memory:
    """Answers what earlier runs say about a remedy, where the incumbent had the same remedies as now."""

    def __init__(self, session: Session) -> None:
        self._session = session
        on_top = _list_kept(read_judged_rounds(session))
        self._results = [one for one in read_results(session) if one.on_top == on_top]

    def find_refutation(self, remedy: str, cells: Sequence[Cell]) -> EarlierResult | None:
        """Return the newest round that refuted a remedy on nearly all queries of these cells; of all without any."""
        return self._find_covering(self._list_refuted(remedy), cells, REFUTED_SHARE)

    def find_evidence(
        self, remedy: str, cells: Sequence[Cell], group: str = "", *, by_training: bool
    ) -> EarlierResult | None:
        """Return one figure that says something about a remedy on these cells, beside the run's own pilot.

        Newer ones come first, and rounds before pilots; only one is taken, since all are of the same queries. A
        figure of a run with the same seed is the pilot's own measurement again, except a round's of a remedy that
        trains (`by_training`): the pilot trains with another seed.
        """
        own_seed = self._session.spec.seed
        named = [one for one in self._results if one.remedy == remedy and one.group == group]
        rounds = [one for one in named if one.stage == "round" and (by_training or one.seed != own_seed)]
        pilots = [one for one in named if one.stage == "pilot" and one.seed != own_seed]
        return self._find_covering([*rounds, *pilots], cells, EVIDENCE_SHARE)

    def list_refuted_cells(self, remedy: str) -> frozenset[Cell]:
        """Return the cells of the rounds that refuted a remedy."""
        return frozenset(cell for one in self._list_refuted(remedy) for cell in one.cells)

    def _list_refuted(self, remedy: str) -> list[EarlierResult]:
        return [one for one in self._results if one.remedy == remedy and one.verdict == "refuted"]

    def _find_covering(
        self, results: Sequence[EarlierResult], cells: Sequence[Cell], share: float
    ) -> EarlierResult | None:
        """Return the first result that is of a share of the queries of some cells."""
        own = self._list_queries(cells) if results else set()
        covering = (one for one in results if own and len(own & self._list_queries(one.cells)) >= share * len(own))
        return next(covering, None)

    def _list_queries(self, cells: Sequence[Cell]) -> set[str]:
        if not cells:
            return {image.id for image in self._session.task.queries}
        return set(queries_in_cells(self._session, cells))


def describe_memory(session: Session, results: Sequence[EarlierResult]) -> str:
    """Return in a sentence what is remembered; empty if nothing is."""
    if not results:
        return ""
    runs = {one.run_id for one in results}
    rounds = [one for one in results if one.stage == "round"]
    pilots = sum(one.stage == "pilot" and not one.group for one in results)
    refuted = list(dict.fromkeys(one.remedy for one in rounds if one.verdict == "refuted"))
    what = f"; refuted on their cells: {', '.join(refuted)}" if refuted else ""
    same_seed = any(one.seed == session.spec.seed for one in results)
    twice = "; the judging seeds are the same, so a verdict here is not a second proof" if same_seed else ""
    helps = "helps" if len(runs) == 1 else "help"
    return (
        f"{count_noun(len(runs), 'earlier run')} on the same collection, task and recipe "
        f"({count_noun(len(rounds), 'round')}, {count_noun(pilots, 'pilot')}) "
        f"{helps} to choose remedies, not to judge them{what}{twice} (--no-memory ignores that)"
    )


def memory_facts(session: Session) -> dict[str, Any] | None:
    """Return what is remembered as JSON, with a sentence and a row per result; None if nothing is."""
    results = read_results(session)
    if not results:
        return None
    return {
        "sentence": describe_memory(session, results),
        "results": [
            {
                "run_id": one.run_id,
                "round": one.round,
                "when": one.when,
                "stage": one.stage,
                "remedy": one.remedy,
                "group": one.group,
                "cells": len(one.cells),
                **{name: as_json(getattr(one.found, name)) for name in ("gain", "low", "high", "queries", "seeds")},
                "verdict": one.verdict,
                "on_top": list(one.on_top),
            }
            for one in results
        ],
    }
