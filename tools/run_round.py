"""Tool: the fixed steps of a round after its draft, in one call, up to where something has to be decided."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from langchain_core.tools import tool

from atlantis_core.records.generation import GENERATE
from atlantis_core.run.pilot_choice import find_doubt
from atlantis_core.run.round import read_round
from atlantis_core.run.verdicts import list_screened
from atlantis_dml.tools.chains import Call, Chain, answer_chain, find_open_step
from atlantis_dml.tools.context import Runtime
from atlantis_dml.tools.draft_protocol import STEPS as DRAFT_STEPS
from atlantis_dml.tools.generate_images import STOPPED, is_stopped
from atlantis_dml.tools.pilot_remedies import choose_remedy

if TYPE_CHECKING:
    from atlantis_core.run.session import Session
    from atlantis_dml.tools.steps import State

WORDS = "round chain"

LEAST_KEPT = 0.2
"""Share of a round's images that has to pass the filters for the chain to go on by itself."""

_NO_GAIN = (
    "no remedy of this draft's pilots promises a gain, so nothing is spent: name one with choose, draft other cells, "
    "or stop"
)

_FIRST_PLACE = DRAFT_STEPS[-1].place + 1
_LATER = {"generate_images", "score_outliers", "train_retriever:candidate"}


@tool
def run_round(runtime: Runtime, choose: str = "", pilot: bool = True, remedies: list[str] | None = None) -> object:
    """Run the drafted protocol to its verdict: prompts, pilots, images, filters, trainings, measurement.

    Images are made only after an approval. It stops where something has to be decided: no remedy promises a gain, two
    promise the same, the best one harms other queries, or the filters reject nearly all. Called again it goes on.

    Args:
        choose: Name of a remedy to use instead of the one with the best pilot.
        pilot: Whether to pilot remedies first; without pilots the draft's remedy is used.
        remedies: Names of the only remedies to pilot; none pilots all that fit.
    """
    del choose, pilot, remedies  # decided where the steps are chosen
    after = "Go on with run_round, name a remedy with choose, draft again, or stop"
    return answer_chain(runtime, _NO_GAIN, after)


def _find_next(state: State, session: Session, given: Mapping[str, Any]) -> Call | None:
    protocol, done = read_round(session, state["round"]).protocol, set(state.get("steps", []))
    if protocol is None:
        return "write_prompts", {}  # which says what is missing
    if is_stopped(done):  # a call that begins here insists: its planner has read what the look found
        return None if _has_begun(state) else ("generate_images", {"insist": True})
    choose, pilot, only = given.get("choose") or "", given.get("pilot", True), given.get("remedies") or ()
    pilot = pilot and (protocol.remedy == GENERATE or "pilot_remedies" in done)  # else the draft names its remedy
    is_open = not _LATER & done
    if is_open and choose and {"write_prompts", "pilot_remedies"} & done and protocol.remedy != choose:
        return "pilot_remedies", {"choose": choose, "remedies": given.get("remedies")}
    if is_open and pilot and "pilot_remedies" in done and _is_untried(state, session, only):
        return "pilot_remedies", {"remedies": only}
    if is_open and not choose and _has_no_remedy(state, session):
        return None
    return _find_open_call(state, session, done, only, pilot=pilot)


def _find_open_call(
    state: State, session: Session, done: Collection[str], only: Sequence[str], *, pilot: bool
) -> Call | None:
    """Return the next usual step; without pilots, and prompts where only remedies without images are piloted."""
    skipped = {*done, *(() if pilot else ("pilot_remedies",))}
    if only and not any(name.startswith(GENERATE) for name in only):
        skipped.add("write_prompts")
    step = find_open_step({**state, "steps": list(skipped)}, session, first=_FIRST_PLACE)
    if step and step.tool == "pilot_remedies" and only:
        return step.tool, {"remedies": only}
    return (step.tool, step.arguments) if step else None


def _is_untried(state: State, session: Session, names: Collection[str]) -> bool:
    """Whether a remedy is named of which no pilot is in the table; in one call of the chain it is tried once."""
    if any(line.startswith("pilot_remedies") for line in (state.get("chain") or {}).get("lines", ())):
        return False
    tried = [pilot.offer.remedy for pilot in read_round(session, state["round"]).pilots]
    return any(not any(one == name or one.startswith(f"{name}:") for one in tried) for name in names)


def _has_begun(state: State) -> bool:
    """Whether this call of the chain has made a step."""
    return bool((state.get("chain") or {}).get("lines"))


def _has_no_remedy(state: State, session: Session) -> bool:
    """Whether pilots were made in an earlier call, and none promised a gain."""
    pilots = read_round(session, state["round"]).pilots
    return not _has_begun(state) and bool(pilots) and choose_remedy(session, state["round"], pilots) is None


def _find_doubt(state: State, session: Session, given: Mapping[str, Any], step: str) -> str:
    """Return what has to be decided after a step, in words; empty to go on."""
    found = read_round(session, state["round"])
    if is_stopped(state["steps"]):
        return STOPPED
    if step == "pilot_remedies" and not given.get("choose"):
        return find_doubt(found.pilots, choose_remedy(session, state["round"], found.pilots))
    if step == "score_outliers":
        screened = list_screened(session, found)
        made, kept = len(screened), sum(one.is_kept for one in screened)
        return f"only {kept} of {made} images passed the filters" if 0 < kept < LEAST_KEPT * made else ""
    return ""


CHAIN = Chain(_find_next, _find_doubt)
