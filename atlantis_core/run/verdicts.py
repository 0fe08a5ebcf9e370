"""A round's candidates with their verdicts: as they count now, and as they were when the round was measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from atlantis_core.records import Candidate, Verdict
    from atlantis_core.run.round import Round
    from atlantis_core.run.session import Session

CandidateStatus = Literal["kept", "rejected", "undecided"]

BY_HAND = "by_hand"
"""Filter name of a verdict that a person decided."""

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
    store = session.workspace.candidates
    by_hand = store.by_hand(session.run_id, found.index)
    return _screened(found, store.find(found.candidate_keys), _read_filtered(session, found), by_hand)


def has_survivors(session: Session, found: Round) -> bool:
    """Whether any image of a round is kept, so that a candidate can be trained."""
    return any(one.is_kept for one in list_screened(session, found))


def list_measured(session: Session, found: Round) -> list[ScreenedCandidate]:
    """Return the candidates of a round with the verdicts that it was measured with.

    A person may have decided otherwise since. The verdicts of a round that is not judged yet are those of now.
    """
    return list_then_and_now(session, found)[0]


def list_then_and_now(session: Session, found: Round) -> tuple[list[ScreenedCandidate], list[ScreenedCandidate]]:
    """Return both `list_measured` and `list_screened`, in one reading."""
    store = session.workspace.candidates
    candidates, filtered = store.find(found.candidate_keys), _read_filtered(session, found)
    by_hand = store.by_hand(session.run_id, found.index)
    then = by_hand if found.decision is None else _manual_decisions(session, found, filtered)
    return _screened(found, candidates, filtered, then), _screened(found, candidates, filtered, by_hand)


def list_verdicts(screened: Iterable[ScreenedCandidate]) -> list[Verdict]:
    """Return the verdicts of screened candidates, by candidate key."""
    verdicts = [one.verdict for one in screened if one.verdict is not None]
    return sorted(verdicts, key=lambda verdict: verdict.candidate_key)


def describe_overrides(images: Mapping[str, Any]) -> str:
    """Say what a person changed after a round was measured, by `images` in its summary; empty where nothing."""
    taken, put = images["taken_out_since"], images["put_in_since"]
    parts = ([f"{taken:,} taken out"] if taken else []) + ([f"{put:,} put in"] if put else [])
    return f"{' and '.join(parts)} by hand after it was measured" if parts else ""


def _read_filtered(session: Session, found: Round) -> dict[str, Verdict]:
    verdicts = session.workspace.candidates.filtered(session.run_id, found.index)
    return {verdict.candidate_key: verdict for verdict in verdicts}


def _screened(
    found: Round, candidates: Mapping[str, Candidate], filtered: Mapping[str, Verdict], by_hand: Mapping[str, bool]
) -> list[ScreenedCandidate]:
    verdicts = {key: _apply_decision(one, by_hand.get(key)) for key, one in filtered.items()}
    return [
        ScreenedCandidate(candidate, found.index, verdicts.get(key), filtered.get(key), found.is_kept)
        for key, candidate in candidates.items()
    ]


def _apply_decision(verdict: Verdict, kept: bool | None) -> Verdict:
    """Return a filter's verdict, or what a person decided in its place."""
    if kept is None:
        return verdict
    reason = f"{'kept' if kept else 'rejected'} by hand ({verdict.filter}: {verdict.reason})"
    return replace(verdict, kept=kept, filter=BY_HAND, reason=reason)


def _manual_decisions(session: Session, found: Round, filtered: Mapping[str, Verdict]) -> dict[str, bool]:
    """Return a person's decisions, by candidate key, that a judged round's training followed."""
    if found.trained_on is None:  # nothing survived, or the run is older than the entry: the times tell
        judged_at = _find_judging_time(session, found.index)
        return session.workspace.candidates.by_hand(session.run_id, found.index, before=judged_at)
    used = set(found.trained_on)
    return {key: key in used for key, verdict in filtered.items() if verdict.kept != (key in used)}


def _find_judging_time(session: Session, round_index: int) -> float:
    """Return when a round was judged, in seconds since 1970; 0 where its trace is gone."""
    judged = session.workspace.events.of_kind(session.run_id, "judge")
    return max((event["started"] for event in judged if event["name"] == f"round {round_index}"), default=0.0)
