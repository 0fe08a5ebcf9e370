"""A round's made images as they were when it was measured: what a person decides later is told apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atlantis_core.run.training_set import TRAINED_ON

if TYPE_CHECKING:
    from atlantis_core.records import Verdict
    from atlantis_core.run.session import Session


@dataclass(frozen=True, slots=True)
class VerdictSnapshot:
    """Verdicts of one round's candidates, and how many of them a person turned round since."""

    verdicts: tuple[Verdict, ...]
    """As the round's training followed them, by candidate key; of a round not judged yet as they count now."""
    taken_out: int = 0
    """Images that it was measured with and that are rejected now."""
    put_in: int = 0
    """Images that it was measured without and that are kept now."""

    @property
    def since(self) -> dict[str, int]:
        """What a person changed after it was measured, as the run's summary has it among a round's images."""
        return {"taken_out_since": self.taken_out, "put_in_since": self.put_in}


def snapshot_verdicts(session: Session, round_index: int) -> VerdictSnapshot:
    """Return what a round was measured with.

    Args:
        session: The run.
        round_index: Which round; 1-based.
    """
    now = _verdicts(session, round_index, None)
    if session.read(round_index, "decision") is None:
        return VerdictSnapshot(now)
    then = _verdicts(session, round_index, _heard_then(session, round_index))
    turned = [old.kept for old, new in zip(then, now, strict=True) if old.kept != new.kept]
    return VerdictSnapshot(then, taken_out=sum(turned), put_in=len(turned) - sum(turned))


def describe_overrides(images: Mapping[str, Any]) -> str:
    """Say what a person changed after a round was measured; empty where nothing.

    Args:
        images: Of a round in the run's summary, or `VerdictSnapshot.since`.
    """
    taken, put = images["taken_out_since"], images["put_in_since"]
    parts = ([f"{taken:,} taken out"] if taken else []) + ([f"{put:,} put in"] if put else [])
    return f"{' and '.join(parts)} by hand after it was measured" if parts else ""


def select_round_verdicts(session: Session, round_index: int, verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
    """Return those verdicts that are of a round's images: a second draft replaces the first one's."""
    asked = set(session.read(round_index, "candidates") or [])
    return tuple(verdict for verdict in verdicts if verdict.candidate_key in asked)


def _verdicts(session: Session, round_index: int, by_hand: Mapping[str, bool] | None) -> tuple[Verdict, ...]:
    found = session.workspace.candidates.verdicts(session.run_id, round_index, by_hand)
    return select_round_verdicts(session, round_index, found)


def _heard_then(session: Session, round_index: int) -> dict[str, bool]:
    """Return a person's decisions, by candidate key, that a judged round's training followed."""
    trained_on = session.read(round_index, TRAINED_ON)
    store = session.workspace.candidates
    if trained_on is None:  # nothing survived, or the run is older than the entry: the times tell
        return store.by_hand(session.run_id, round_index, before=_judged_at(session, round_index))
    used = set(trained_on)
    filtered = {verdict.candidate_key: verdict.kept for verdict in store.filtered(session.run_id, round_index)}
    return {key: key in used for key, kept in filtered.items() if kept != (key in used)}


def _judged_at(session: Session, round_index: int) -> float:
    """Return when a round was judged, in seconds since 1970; 0 where its trace is gone."""
    judged = session.workspace.events.of_kind(session.run_id, "judge")
    return max((event["started"] for event in judged if event["name"] == f"round {round_index}"), default=0.0)
