"""What a planner may state itself: cells and counts, weight, scorer, remedy, pilots, earlier images, seeds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from langchain_core.messages import AIMessage

from atlantis_core.data.reading import LoadedCollection
from atlantis_core.records import Budget, Cell, Goal
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.round import read_judged_rounds, read_round
from atlantis_core.run.training_set import plan_arm
from atlantis_dml.agents.client.scripted import ScriptedChatModel
from atlantis_dml.agents.llm.planner import ChatPlanner
from atlantis_dml.graph.running import advance
from atlantis_dml.tools.context import RunContext

Begin = Callable[..., RunContext]
Chat = Callable[..., tuple[ChatPlanner, ScriptedChatModel]]
Call = Callable[..., AIMessage]

STOP = [AIMessage("Enough.")] * 2


def results(model: ScriptedChatModel) -> list[str]:
    """Return the newest result in every prompt but the first."""
    return [request[-2].text for request in model.requests[1:]]


def night(context: RunContext, place: int, images: int) -> dict[str, Any]:
    """Return a cell of a class at night, as an argument."""
    name = context.session.collection.classes[place]
    return {"class_name": name, "facet": "condition", "value": "night", "images": images}


def test_a_planner_states_cells_counts_weight_and_scorer_and_code_checks_them(
    begin: Begin, chat: Chat, call: Call
) -> None:
    context = begin(seeds=1)
    first, second = night(context, 0, 4), night(context, 1, 2)
    planner, model = chat(
        context,
        call("prepare"),
        call("draft_protocol", cells=[first | {"value": "dusk"}]),
        call("draft_protocol", cells=[first | {"images": 400}]),
        call("draft_protocol", cells=[first | {"pictures": 4}]),
        call("recall_trials"),
        call("draft_protocol", cells=[first], scorer="telepathy"),
        call("draft_protocol", cells=[first], remedy="prayer"),
        call("draft_protocol", cells=[first], remedy="train"),
        call("draft_protocol", cells=[first, second], weight=0.5, scorer="knn", feedback="Nights are missed."),
        *STOP,
    )
    advance(replace(context, planner=planner))
    said = results(model)[1:8]
    expected = [
        "not a cell",
        "this round has 6",
        "pictures",
        "no round is finished",
        "margin",
        "generate",
        "not on offer",
    ]
    for text, telling in zip(said, expected, strict=True):
        assert telling in text
    protocol = read_round(context.session, 1).protocol
    assert protocol is not None
    assert [(one.cell.class_name, one.cell.value, one.count) for one in protocol.cells] == [
        (first["class_name"], "night", 4),
        (second["class_name"], "night", 2),
    ]
    assert (protocol.synthetic_weight, protocol.scorer, protocol.reason) == (0.5, "knn", "Nights are missed.")


def test_images_of_a_rolled_back_round_are_trained_on_again(begin: Begin, chat: Chat, call: Call) -> None:
    context = begin(seeds=1, budget=Budget(images=12, rounds=2))
    planner, model = chat(
        context,
        call("prepare"),
        call("draft_protocol", cells=[night(context, 0, 6)]),
        call("run_round"),
        call("prepare"),
        call("draft_protocol", cells=[night(context, 1, 6)], reuse_images_of=2),
        call("draft_protocol", cells=[night(context, 1, 6)], reuse_images_of=1),
        call("run_round"),
    )
    assert advance(replace(context, planner=planner)).status == "done"
    assert "round 2 is not a judged round" in results(model)[4]
    session = context.session
    first, second = read_judged_rounds(session)
    assert second.protocol.reused == (1,)
    own, again = set(second.candidate_keys), set(first.trained_on or ())
    assert again
    assert set(second.trained_on or ()) == {image.id for image in plan_arm(session, "candidate", 2).synthetic}
    assert again < set(second.trained_on or ()) <= own | again
    assert session.workspace.ledger.spent(session.run_id)["images"] == 12


def test_only_the_named_remedies_are_piloted_and_the_table_keeps_those_before(
    begin: Begin, chat: Chat, call: Call
) -> None:
    context = begin(seeds=1, remedies=("generate", "serve"), budget=Budget(images=8, rounds=1))
    planner, model = chat(
        context,
        call("prepare"),
        call("draft_protocol"),
        call("pilot_remedies", remedies=["serve:csls"]),
        call("pilot_remedies", remedies=["serve:prototypes"]),
        call("pilot_remedies", remedies=["magic"]),
        *STOP,
    )
    advance(replace(context, planner=planner))
    tried = {pilot.offer.remedy for pilot in read_round(context.session, 1).pilots}
    assert tried == {"serve:csls", "serve:prototypes"}
    assert "no remedy 'magic'" in results(model)[4]


def test_an_undecided_round_is_judged_again_with_more_seeds_up_to_the_last(
    begin: Begin, chat: Chat, call: Call
) -> None:
    """A judge that gave up with one seed of three: the tool trains the two that are left, and no more."""
    context = begin(seeds=1, max_seeds=3, budget=Budget(images=12, rounds=2))
    session = context.session

    def give_up(_messages: Any) -> AIMessage:
        """Play a judge that gave up early: whatever it found with more seeds is taken back."""
        (judged,) = read_judged_rounds(session)
        arms = {name: models[:1] for name, models in (judged.arms or {}).items()}
        session.write(1, JournalKind.ARMS, arms)
        session.write(1, JournalKind.DECISION, replace(judged.decision, verdict="undecided", kept=False))
        return call("more_seeds", seeds=9)

    planner, model = chat(
        context,
        call("more_seeds"),
        call("prepare"),
        call("draft_protocol"),
        call("run_round"),
        give_up,
        call("more_seeds", seeds=1),
        *STOP,
    )
    advance(replace(context, planner=planner))
    (judged,) = read_judged_rounds(session)
    assert judged.arms is not None
    assert results(model)[0] == "no round is judged yet"
    assert results(model)[4].startswith("round 1: ")
    seeds = len(judged.arms["candidate"])
    assert 1 < seeds <= 3
    assert judged.decision.overall.seeds == seeds
    assert "all 3 seeds" in results(model)[5] or "more seeds are for an undecided round" in results(model)[5]


def test_the_cells_of_the_goal_are_drafted_for_without_listing_them(begin: Begin, chat: Chat, call: Call) -> None:
    night_goal = Goal("night photos are not found", (Cell("", "condition", "night"),))
    context = begin(seeds=1, goal=night_goal, budget=Budget(images=24, rounds=1))
    one = night(context, 0, 4)
    planner, model = chat(
        context,
        call("prepare"),
        call("draft_protocol", goal_cells=True, cells=[one]),
        call("draft_protocol", goal_cells=True, feedback="All share one cause."),
        *STOP,
    )
    advance(replace(context, planner=planner))
    assert "exclude each other" in results(model)[1]
    protocol = read_round(context.session, 1).protocol
    assert protocol is not None
    assert {(one.cell.facet, one.cell.value) for one in protocol.cells} == {("condition", "night")}
    assert {one.cell.class_name for one in protocol.cells} == set(context.session.collection.classes)
    assert protocol.num_images == 24
    assert protocol.expected_gain > 0


def test_whole_classes_expect_the_gain_of_the_gaps_in_them(
    begin: Begin, chat: Chat, call: Call, tiny_world: LoadedCollection
) -> None:
    classes = tuple(map(Cell, tiny_world.collection.classes))
    context = begin(seeds=1, goal=Goal("every class", classes))
    planner, _ = chat(context, call("prepare"), call("draft_protocol", goal_cells=True), *STOP)
    advance(replace(context, planner=planner))
    protocol = read_round(context.session, 1).protocol
    assert protocol is not None
    assert protocol.expected_gain > 0
