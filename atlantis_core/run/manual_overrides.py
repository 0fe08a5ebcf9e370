"""A person's word on made images: it goes before the filters', and the next training follows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from atlantis_core.base.errors import SetupError

if TYPE_CHECKING:
    from atlantis_core.run.session import Session

FINAL_FILTERS = frozenset({"leak_guard", "unreadable"})
"""Filters that state a fact: an image that matches a held-out one must not be trained on, whoever likes it."""


def override_verdicts(session: Session, keys: Sequence[str], *, kept: bool) -> dict[int, list[str]]:
    """Keep or reject candidates by hand; written into the journal's tables and the trace.

    What was trained already stays as it is: the next training of an arm uses the images that are kept then.

    Args:
        session: The run.
        keys: Of candidates of its rounds; of several rounds at once too.
        kept: Whether they are to be trained on.

    Returns:
        Round -> the keys that were decided in it.

    Raises:
        SetupError: No candidate of this run, or one that a filter rejected for what is a fact; nothing is decided.
    """
    by_round = _by_round(session, keys)
    if kept:
        _refuse_final(session, by_round)
    verb = "keep" if kept else "reject"
    for round_index, chosen in by_round.items():
        given = {"round": round_index, "candidates": chosen}
        with session.workspace.events.span(session.run_id, "person", f"{verb} by hand", given, 0) as span:
            session.workspace.candidates.overrule(session.run_id, round_index, dict.fromkeys(chosen, kept))
            span.output = {"text": f"{len(chosen)} of round {round_index}: {verb}"}
    return by_round


def _by_round(session: Session, keys: Sequence[str]) -> dict[int, list[str]]:
    rounds = session.workspace.journal.rounds(session.run_id)
    round_of = {key: index for index, entries in rounds.items() for key in entries.get("candidates") or []}
    unknown = [key for key in keys if key not in round_of]
    if unknown or not keys:
        which = repr(unknown[0][:80]) if unknown else "no image"
        raise SetupError(f"run {session.run_id!r} made no image {which}" if unknown else f"{which} was named")
    found: dict[int, list[str]] = {}
    for key in dict.fromkeys(keys):
        found.setdefault(round_of[key], []).append(key)
    return found


def _refuse_final(session: Session, by_round: dict[int, list[str]]) -> None:
    for round_index, chosen in by_round.items():
        for verdict in session.workspace.candidates.filtered(session.run_id, round_index):
            if verdict.candidate_key in chosen and verdict.filter in FINAL_FILTERS:
                raise SetupError(
                    f"image {verdict.candidate_key[:12]!r} cannot be kept: {verdict.reason}; nothing was changed"
                )
