"""What is left to gain beside what can be proven: said after the baseline, and in the planner's prompt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from langchain_core.messages import AIMessage

from atlantis_core.records import Cell, CellRequest, Forecast, Goal, Offer, Pilot, Protocol
from atlantis_core.run.headroom import Headroom, read_headroom
from atlantis_core.run.journal import JournalKind
from atlantis_dml.agents.choices import describe_choices
from atlantis_dml.graph.running import advance
from atlantis_dml.tools.context import RunContext


def forecast(gain: float, gain_at_most: float, max_seeds: int = 5) -> Forecast:
    """Return what 126 queries can prove."""
    return Forecast(126, 9, 2, max_seeds, 0.02, 2, gain, gain_at_most, 0.02, None, None)


@pytest.mark.parametrize(
    ("recall", "is_too_small", "telling"),
    [
        (
            0.873,
            True,
            "so no gain can be proven on these queries: name more of them in the goal, or raise --max-seeds",
        ),
        (0.300, False, "at most 70.0 points are left to gain, and 2 to 5 seeds can prove a gain of about 14.1"),
    ],
)
def test_what_is_left_is_set_against_what_can_be_proven(recall: float, is_too_small: bool, telling: str) -> None:
    found = Headroom(126, recall, forecast(0.257, 0.141), is_of_goal=True)
    assert found.is_too_small is is_too_small
    assert telling in found.sentence
    assert "on the 126 queries of the goal" in found.sentence


def test_the_planner_reads_it_once_the_baseline_is_measured(
    begin: Callable[..., RunContext], chat: Any, call: Callable[..., AIMessage]
) -> None:
    context = begin(seeds=1, goal=Goal("night photos are not found", cells=(Cell("", "condition", "night"),)))
    assert read_headroom(context.session, 1) is None
    planner, model = chat(context, call("prepare"), *[AIMessage("Enough.")] * 2)
    advance(replace(context, planner=planner))
    before, after = (request[-1].text for request in model.requests[:2])
    assert "left to gain" not in before
    found = read_headroom(context.session, 1)
    assert found is not None
    assert f"What can be proven: {found.sentence}." in after


@pytest.mark.parametrize(
    ("remedy", "trainings", "price"),
    [
        ("serve:csls", 0, "run_round: no images, and seconds"),
        ("train:mixstyle=0.5", 1, "run_round: no images, and 2 trainings"),
    ],
)
def test_a_chosen_remedy_that_makes_no_images_has_its_own_price(
    begin: Callable[..., RunContext], remedy: str, trainings: int, price: str
) -> None:
    session = begin(seeds=2).session
    offer = Offer(remedy, "how it is searched", makes_images=False, trainings=trainings)
    cells = (CellRequest(Cell("sloop"), 12),)
    drafted = Protocol("p", 1, "edit", cells, "boats", "few photos", "margin", 1.0, 0.05, remedy=remedy)
    session.write(1, JournalKind.PROTOCOL, drafted)
    session.write(1, JournalKind.PILOTS, (Pilot(offer, (), None, None, 0, 0, 1.0),))
    assert price in describe_choices({"round": 1, "steps": []}, session)
