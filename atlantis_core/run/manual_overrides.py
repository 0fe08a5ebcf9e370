"""A person's decisions on synthetic images: they override the filters, and the next training uses them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from atlantis_core.base.errors import SetupError
from atlantis_core.run.round import read_round, read_rounds
from atlantis_core.run.verdicts import list_screened

if TYPE_CHECKING:
    from atlantis_core.run.session import Session


def override_verdicts(session: Session, keys: Sequence[str], *, kept: bool) -> dict[int, list[str]]:
    """Keep or reject candidates by hand; written into the journal's tables and the trace.

    What was trained already stays as it is: the next training of an arm uses the images that are kept then. The
    candidates (`keys`) may be of several rounds.

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
        with session.span("person", f"{verb} by hand", given, 0) as span:
            session.workspace.candidates.overrule(session.run_id, round_index, dict.fromkeys(chosen, kept))
            span.output = {"text": f"{len(chosen)} of round {round_index}: {verb}"}
    return by_round


def _by_round(session: Session, keys: Sequence[str]) -> dict[int, list[str]]:
    round_of = {key: found.index for found in read_rounds(session) for key in found.candidate_keys}
    unknown = [key for key in keys if key not in round_of]
    if unknown or not keys:
        which = repr(unknown[0][:80]) if unknown else "no image"
        raise SetupError(f"run {session.run_id!r} made no image {which}" if unknown else f"{which} was named")
    chosen: dict[int, list[str]] = {}
    for key in dict.fromkeys(keys):
        chosen.setdefault(round_of[key], []).append(key)
    return chosen


def _refuse_final(session: Session, by_round: dict[int, list[str]]) -> None:
    for round_index, chosen in by_round.items():
        for one in list_screened(session, read_round(session, round_index)):
            if one.candidate.key in chosen and one.is_final and one.filter_verdict:
                raise SetupError(
                    f"image {one.candidate.key[:12]!r} cannot be kept: {one.filter_verdict.reason}; "
                    "nothing was changed"
                )
