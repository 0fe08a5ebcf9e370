"""Tool: everything that comes before a draft, in one call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from langchain_core.tools import tool

from atlantis_dml.tools.chains import Call, Chain, answer_chain, find_open_step
from atlantis_dml.tools.context import Runtime
from atlantis_dml.tools.find_gaps import STEPS as LAST_STEPS

if TYPE_CHECKING:
    from atlantis_core.run.session import Session
    from atlantis_dml.tools.steps import State

WORDS = "prepare prepared"


@tool
def prepare(runtime: Runtime, captions: bool = False) -> object:
    """Do all that a draft needs, in one call; what is done is not done again.

    At the start: statistics, captions where there are no facets, baseline trainings and their measurement. After a
    kept round: the model in which the next gaps are found. In each round: the gaps.

    Args:
        captions: Whether to caption also a collection that has facets: words from which an insight agent finds more.
    """
    del captions  # decided where the steps are chosen
    return answer_chain(runtime, "all of it is done in this round: draft a protocol, or inspect the data", "")


def _find_next(state: State, session: Session, given: Mapping[str, Any]) -> Call | None:
    step = find_open_step(state, session, last=LAST_STEPS[-1].place)
    wants_captions = given.get("captions") is True and "caption_images" not in state.get("steps", [])
    if wants_captions and (step is None or step.tool != "dataset_statistics"):
        return "caption_images", {}
    return (step.tool, step.arguments) if step else None


def _find_doubt(_state: State, _session: Session, _given: Mapping[str, Any], _step: str) -> str:
    return ""


CHAIN = Chain(_find_next, _find_doubt)
