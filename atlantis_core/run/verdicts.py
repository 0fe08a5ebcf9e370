"""A round's candidates with their verdicts: as they count now, and as they were when the round was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from atlantis_core.store.candidates import BY_HAND, apply_decision

if TYPE_CHECKING:
    from atlantis_core.records import Candidate, Verdict
    from atlantis_core.run.round import Round
    from atlantis_core.run.session import Session

CandidateStatus = Literal["kept", "rejected", "undecided"]

FINAL_FILTERS = frozenset({"leak_guard", "unreadable"})
"""Filters that state a fact: nobody can keep an image that matches a held-out one."""


@dataclass(frozen=True, slots=True)
class ScreenedCandidate:
    """A candidate of a round and what was decided about it."""

    candidate: Candidate
    round: int
    """Round that uses it; an image that an earlier round generated is generated once and listed in both."""
    verdict: Verdict | None = None
    """As it counts: a person's decision goes before a filter's. None before the filters have seen it."""
    filter_verdict: Verdict | None = None
    """What the filters alone decided."""
    round_kept: bool = False
    """Whether that round was proven better and kept."""

    @property
    def status(self) -> CandidateStatus:
        """Kept, rejected, or not decided yet."""
        if self.verdict is None:
            return "undecided"
        return "kept" if self.verdict.kept else "rejected"

    @property
    def is_kept(self) -> bool:
        """Whether later trainings use it if its round is kept."""
        return self.status == "kept"

    @property
    def is_final(self) -> bool:
        """Whether a filter rejected it for a fact, so that a person cannot keep it."""
        return self.filter_verdict is not None and self.filter_verdict.filter in FINAL_FILTERS

    @property
    def is_manual(self) -> bool:
        """Whether a person decided."""
        return self.verdict is not None and self.verdict.filter == BY_HAND

    @property
    def is_overridden(self) -> bool:
        """Whether a person decided otherwise than the filters."""
        return self.filter_verdict is not None and self.is_kept != self.filter_verdict.kept


def list_screened(session: Session, found: Round) -> list[ScreenedCandidate]:
    """Return the candidates of a round in the order of its protocol, with their verdicts as they count now."""
    return _list_candidates(session, found, session.workspace.candidates.by_hand(session.run_id, found.index))


def list_measured(session: Session, found: Round) -> list[ScreenedCandidate]:
    """Return the candidates of a round with the verdicts that it was measured with.

    A person may have decided otherwise since. The verdicts of a round that is not judged yet are those of now.
    """
    if found.decision is None:
        return list_screened(session, found)
    return _list_candidates(session, found, _manual_decisions(session, found))


def measured_verdicts(session: Session, found: Round) -> list[Verdict]:
    """Return the verdicts that a round was measured with, by candidate key."""
    verdicts = [one.verdict for one in list_measured(session, found) if one.verdict is not None]
    return sorted(verdicts, key=lambda verdict: verdict.candidate_key)


def count_overrides_since(session: Session, found: Round) -> dict[str, int]:
    """Count what a person changed after a round was measured.

    Returns:
        `taken_out_since`: images it was measured with that are rejected now; `put_in_since`: the other way round.
    """
    pairs = list(zip(list_measured(session, found), list_screened(session, found), strict=True))
    return {
        "taken_out_since": sum(then.is_kept and not now.is_kept for then, now in pairs),
        "put_in_since": sum(now.is_kept and not then.is_kept for then, now in pairs),
    }


def describe_overrides(images: Mapping[str, Any]) -> str:
    """Say what a person changed after a round was measured; empty where nothing.

    Args:
        images: Of a round in the run's summary, or the result of `count_overrides_since`.
    """
    taken, put = images["taken_out_since"], images["put_in_since"]
    parts = ([f"{taken:,} taken out"] if taken else []) + ([f"{put:,} put in"] if put else [])
    return f"{' and '.join(parts)} by hand after it was measured" if parts else ""


def _list_candidates(session: Session, found: Round, by_hand: Mapping[str, bool]) -> list[ScreenedCandidate]:
    store = session.workspace.candidates
    filtered = {one.candidate_key: one for one in store.filtered(session.run_id, found.index)}
    verdicts = {key: apply_decision(one, by_hand) for key, one in filtered.items()}
    return [
        ScreenedCandidate(candidate, found.index, verdicts.get(key), filtered.get(key), found.is_kept)
        for key, candidate in store.find(found.candidate_keys).items()
    ]


def _manual_decisions(session: Session, found: Round) -> dict[str, bool]:
    """Return a person's decisions, by candidate key, that a judged round's training followed."""
    store = session.workspace.candidates
    if found.trained_on is None:  # nothing survived, or the run is older than the entry: the times tell
        return store.by_hand(session.run_id, found.index, before=_find_judging_time(session, found.index))
    used = set(found.trained_on)
    filtered = {verdict.candidate_key: verdict.kept for verdict in store.filtered(session.run_id, found.index)}
    return {key: key in used for key, kept in filtered.items() if kept != (key in used)}


def _find_judging_time(session: Session, round_index: int) -> float:
    """Return when a round was judged, in seconds since 1970; 0 where its trace is gone."""
    judged = session.workspace.events.of_kind(session.run_id, "judge")
    return max((event["started"] for event in judged if event["name"] == f"round {round_index}"), default=0.0)
