"""Tool: try remedies cheaply on the cells of the draft, and choose the one of this round."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from langchain_core.tools import tool

from atlantis_core.base.errors import ToolError
from atlantis_core.run.allocation import load_allocation
from atlantis_core.run.answer_forecast import write_answer_forecast
from atlantis_core.run.answers import describe_asking
from atlantis_core.run.approval import hash_protocol
from atlantis_core.run.capabilities import drop_unshowable
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.judging import find_error
from atlantis_core.run.memory import describe_memory, read_results
from atlantis_core.run.pilot_choice import choose_pilot, describe_pilot
from atlantis_core.run.pilots import add_pilots, fit_to_budget, learn_priors, list_offers, run_pilots
from atlantis_core.run.round import drop_candidate_arm, read_round
from atlantis_dml.tools.context import Runtime, answer_call, find_diagnosing
from atlantis_dml.tools.steps import Step

if TYPE_CHECKING:
    from atlantis_core.records import Offer, Pilot
    from atlantis_core.run.session import Session

_LATER = ("generate_images", "score_outliers", "train_retriever:candidate")
"""Steps that another remedy makes undone."""


def _has_choice(session: Session, _round: int) -> bool:
    pilots = load_allocation(session.spec.spread).pilots
    return pilots == "always" or (pilots == "to choose" and len(list_offers(session)) > 1)


STEPS = (
    Step(
        85,
        "pilot_remedies",
        "Try what could help in small before spending on it.",
        is_needed=_has_choice,
    ),
)
WORDS = "pilot pilots remedy remedies try tried cheap"


@tool
def pilot_remedies(runtime: Runtime, choose: str = "", remedies: list[str] | None = None) -> object:
    """Try each remedy in small, on the drafted cells or on all that it changes, and choose the most promising one.

    Servings take seconds; images and recipes one training each, and at most a tenth of the round's images.

    Args:
        choose: Name of a remedy from an earlier answer to use instead of the best one.
        remedies: Names of the only ones to try, such as `serve` or `serve:csls`; none tries all that fit.
    """
    session, round_index = runtime.context.session, runtime.state["round"]
    found = read_round(session, round_index)
    if found.protocol is None:
        raise ToolError("there is no protocol yet; draft one first")
    pilots = found.pilots if choose else ()
    if not pilots:
        offers = _select_offers(session, remedies)
        pilots = run_pilots(session, round_index, found.protocol, find_diagnosing(runtime), offers)
        pilots = add_pilots(session, found.pilots, pilots) if remedies else pilots
        session.write(round_index, JournalKind.PILOTS, pilots)
        write_answer_forecast(session, round_index, find_diagnosing(runtime), pilots)
    chosen = _choose(session, round_index, pilots, choose)
    notes = (describe_memory(session, read_results(session)), describe_asking(session, round_index))
    table = "; ".join([*map(describe_pilot, pilots), *filter(None, notes)])
    if chosen is None:
        text = f"no remedy promises a gain, so nothing is spent: {table}"
        is_left_open = bool(runtime.state.get("chain"))  # whoever called `run_round` decides what follows
        ended = {} if is_left_open or remedies else {"stop_reason": "plateau", "stop_detail": text}
        return answer_call(runtime, "pilot_remedies", text, pilots, **ended)
    protocol = drop_unshowable(session, replace(found.protocol, remedy=chosen.offer.remedy))
    protocol = load_allocation(session.spec.spread).share_out_again(session, round_index, protocol, pilots)
    protocol = fit_to_budget(session, round_index, protocol, find_diagnosing(runtime))
    session.write(round_index, JournalKind.PROTOCOL, protocol)
    drop_candidate_arm(session, round_index)
    text = f"this round uses {chosen.offer.remedy}. {table}"
    anew = {"protocol": hash_protocol(protocol), "approved": ""}
    return answer_call(runtime, "pilot_remedies", text, pilots, undone=_LATER, **anew)


def _select_offers(session: Session, names: list[str] | None) -> list[Offer]:
    """Return the offers with these names or of these remedies; all without names.

    Raises:
        ToolError: A name fits none.
    """
    offers = list_offers(session)
    for name in names or ():
        if not any(_has_name(offer, name) for offer in offers):
            known = ", ".join(offer.remedy for offer in offers) or "none"
            raise ToolError(f"no remedy {name!r} can be tried here; known: {known}")
    return [offer for offer in offers if not names or any(_has_name(offer, name) for name in names)]


def _has_name(offer: Offer, name: str) -> bool:
    return name in {offer.remedy, offer.remedy.partition(":")[0]}


def _choose(session: Session, round_index: int, pilots: tuple[Pilot, ...], name: str) -> Pilot | None:
    """Return the pilot that is named, or the best one; None if none promises a gain."""
    if not name:
        return choose_remedy(session, round_index, pilots)
    named = next((pilot for pilot in pilots if pilot.offer.remedy == name), None)
    if named is None:
        known = ", ".join(pilot.offer.remedy for pilot in pilots) or "none"
        raise ToolError(f"no pilot of {name!r}; known: {known}")
    return named


def choose_remedy(session: Session, round_index: int, pilots: tuple[Pilot, ...]) -> Pilot | None:
    """Return the pilot whose remedy a round should use, by what is known of it; None if none promises a gain."""
    seeds = session.spec.seeds, session.max_seeds
    return choose_pilot(pilots, find_error(session, round_index), learn_priors(session, pilots), seeds)
