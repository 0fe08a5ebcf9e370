"""A round as one typed record, read from the run's journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atlantis_core.base.serialization import from_json
from atlantis_core.run.journal import EntryKind, JournalKind

if TYPE_CHECKING:
    from atlantis_core.filtering.captions import CaptionCheckResult
    from atlantis_core.records import (
        Answer,
        AnswerForecast,
        Critique,
        Decision,
        Gap,
        Measurement,
        Pilot,
        Protocol,
        RoundMoves,
    )
    from atlantis_core.records.round import Arms
    from atlantis_core.records.sheet import Look
    from atlantis_core.run.insight import Insight
    from atlantis_core.run.session import Session


@dataclass(frozen=True, slots=True)
class Round:
    """One round; what was not done yet is None or empty."""

    index: int
    """From 1."""
    gaps: tuple[Gap, ...] | None = None
    """Worst first."""
    insight: Insight | None = None
    pilots: tuple[Pilot, ...] = ()
    """First tries of remedies, most promising first."""
    answers: tuple[Answer, ...] = ()
    """Kept answers about photos of the pool, as they were when the round first used it."""
    answer_forecast: AnswerForecast | None = None
    """What more of them may bring; None without a pool."""
    protocol: Protocol | None = None
    candidate_keys: tuple[str, ...] = ()
    """Of the protocol's candidates, in order; a second draft replaces those of the first."""
    caption_check: CaptionCheckResult | None = None
    crops_searched: bool | None = None
    """Whether the leak guard searched for crops of held-out images; None in runs older than this entry."""
    trained_on: tuple[str, ...] | None = None
    """Keys of the synthetic images that the candidate arm was trained on."""
    measurement: Measurement | None = None
    """Of the candidate arm."""
    arms: Arms | None = None
    """See `JournalKind.ARMS`; None before the round trained or dropped one, see `read_arms`."""
    decision: Decision | None = None
    moves: RoundMoves | None = None
    """What the candidate changed; see `moved_cells.read_moves`."""
    critique: Critique | None = None
    looks: tuple[Look, ...] = ()
    """Contact sheets, and what a vision model found on them, in order."""

    @property
    def is_kept(self) -> bool:
        """Whether the round was judged and kept."""
        return self.decision is not None and self.decision.kept


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedRound(Round):
    """A round that was judged, and so has a protocol and a decision."""

    protocol: Protocol
    decision: Decision


_KINDS: Mapping[str, EntryKind[Any]] = {
    "gaps": JournalKind.GAPS,
    "insight": JournalKind.INSIGHT,
    "pilots": JournalKind.PILOTS,
    "answers": JournalKind.ANSWERS,
    "answer_forecast": JournalKind.ANSWER_FORECAST,
    "protocol": JournalKind.PROTOCOL,
    "candidate_keys": JournalKind.CANDIDATES,
    "caption_check": JournalKind.CAPTION_CHECK,
    "crops_searched": JournalKind.CROPS_SEARCHED,
    "trained_on": JournalKind.TRAINED_ON,
    "measurement": JournalKind.CANDIDATE,
    "arms": JournalKind.ARMS,
    "decision": JournalKind.DECISION,
    "moves": JournalKind.MOVES,
    "critique": JournalKind.CRITIQUE,
    "looks": JournalKind.LOOKS,
}
"""Field of `Round` -> the journal entry that it is read from."""


def read_rounds(session: Session) -> list[Round]:
    """Return the rounds of a run that have begun, in order."""
    entries = session.workspace.journal.rounds(session.run_id)
    return [_build_round(index, found) for index, found in entries.items() if index > 0]


def read_judged_rounds(session: Session) -> list[JudgedRound]:
    """Return the judged rounds of a run, in order."""
    return [found for found in read_rounds(session) if isinstance(found, JudgedRound)]


def read_round(session: Session, index: int) -> Round:
    """Return one round; an empty one where it has not begun."""
    return _build_round(index, session.workspace.journal.rounds(session.run_id).get(index, {}))


def read_arms(session: Session, index: int) -> dict[str, list[str]]:
    """Return the arms that a round has so far; those of the rounds before, less their candidate, are its first."""
    arms = session.read(index, JournalKind.ARMS)
    if arms is not None or index == 0:
        return arms or {}
    return {name: trial_ids for name, trial_ids in read_arms(session, index - 1).items() if name != "candidate"}


def read_judged_arms(session: Session, judged: JudgedRound) -> tuple[list[str], list[str]] | None:
    """Return the models that a round was judged with: of the incumbent and of the candidate, by judging seed.

    They are stored since `JournalKind.MOVES` exists. In older runs a kept candidate stands in the journal as the
    incumbent, so the one before it is read from the round before; seeds that were added to it while the round was
    judged are known only where it was the baseline. None if the round had no candidate of its own, or if nothing is
    known.
    """
    if judged.moves is not None and judged.moves.candidate:
        return list(judged.moves.incumbent), list(judged.moves.candidate)
    arms = judged.arms or {}
    incumbent, candidate = arms.get("incumbent", []), arms.get("candidate", [])
    if judged.is_kept:
        before = read_arms(session, judged.index - 1)
        incumbent, baseline = before.get("incumbent", []), arms.get("baseline", [])
        if incumbent == baseline[: len(incumbent)]:
            incumbent = baseline
    if not incumbent or not candidate or incumbent == candidate:
        return None
    return incumbent, candidate


def drop_candidate_arm(session: Session, index: int) -> None:
    """Forget a candidate that was trained on other images: what is judged is what was screened last."""
    arms = read_arms(session, index)
    if arms.pop("candidate", None):
        session.write(index, JournalKind.ARMS, arms)


def is_round_kept(session: Session, index: int) -> bool:
    """Whether a round was judged and kept."""
    decision = session.read(index, JournalKind.DECISION)
    return decision is not None and decision.kept


def read_final_arms(session: Session) -> Arms:
    """Return the arms as the run left them, or as its last judgement did; empty before a first one."""
    ended = session.read(0, JournalKind.FINAL_ARMS)
    judged = [found.arms for found in read_judged_rounds(session) if found.arms] if ended is None else [ended]
    return judged[-1] if judged else {}


def _build_round(index: int, entries: Mapping[str, Any]) -> Round:
    found = {
        field: from_json(kind.type, entries[kind.name]) for field, kind in _KINDS.items() if kind.name in entries
    }
    return JudgedRound(index=index, **found) if "decision" in found else Round(index, **found)
