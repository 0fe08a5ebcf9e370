"""The pilot of a round's images: a few are made and looked at before the rest is paid for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from atlantis_core.base.text import quote
from atlantis_core.run.remedies import parse_remedy
from atlantis_core.run.round_images import PILOT_IMAGES, make_candidates
from atlantis_core.run.sheets.looking import has_open_eyes, list_looks, look_at, read_looks, write_look
from atlantis_core.run.sheets.plans import plan_made
from atlantis_core.run.sheets.spreading import spread_evenly

if TYPE_CHECKING:
    from atlantis_core.records import Candidate, Protocol
    from atlantis_core.records.sheet import Look
    from atlantis_core.run.session import Session
    from atlantis_core.run.sheets.looking import Eyes

_LONGEST_OBJECTIVE = 200


def look_at_pilot(
    session: Session, round_index: int, protocol: Protocol, model: str, eyes: Eyes | None, *, insists: bool
) -> Look | None:
    """Make the first images of a protocol, spread over its cells, and look at them; None if nothing can be saved.

    The look has stopped the round if it denies that they show what was asked for.

    Args:
        session: The run's.
        round_index: From 1.
        protocol: What is made.
        model: The diagnosing model.
        eyes: The run's.
        insists: Whether a look has stopped this round before. The same images are then not stopped a second time:
            whoever asks for them again has read the finding and disagrees.

    Raises:
        InvalidProtocol, BudgetExceeded, NothingGenerated: See `make_candidates`.
    """
    can_save = parse_remedy(protocol.remedy)[0].spends_images and protocol.num_images > PILOT_IMAGES
    if eyes is None or not can_save or not has_open_eyes(list_looks(session)):
        return None
    made = make_candidates(session, round_index, protocol, model, PILOT_IMAGES)
    known = {look.sheet.file for look in read_looks(session, round_index)}
    question = f"Do the left images show the class and the condition? They were made for: {_quote_aim(protocol)}"
    look = look_at(session, round_index, plan_made(session, made, question), eyes)
    if look.finding is not None and look.finding.denies and not (insists and look.sheet.file in known):
        look = replace(look, has_stopped=True)
        write_look(session, round_index, look)
    return look


def look_at_made(session: Session, round_index: int, made: Sequence[Candidate], eyes: Eyes | None) -> Look:
    """Look at some of a round's images, of which all are made."""
    chosen = spread_evenly(made, lambda one: one.cell, PILOT_IMAGES)
    return look_at(session, round_index, plan_made(session, chosen), eyes)


def _quote_aim(protocol: Protocol) -> str:
    return quote(protocol.objective, _LONGEST_OBJECTIVE)
