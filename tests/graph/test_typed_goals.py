"""What a goal asks for besides cells: a diagnosis only, a gain, cells to leave alone, a light that no photo shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from atlantis_core.data.reading import LoadedCollection
from atlantis_core.records import Budget, Cell, Goal
from atlantis_core.run.constraints import read_constraints
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.judging import is_goal_reached
from atlantis_core.run.round import read_arms, read_judged_rounds
from atlantis_dml.graph.running import advance
from atlantis_dml.tools.context import RunContext

Begin = Callable[..., RunContext]


def test_a_diagnosis_ends_with_the_gaps_and_makes_no_image(begin: Begin) -> None:
    context = begin(goal=Goal("only diagnose: where do night photos fail?"))
    assert advance(context).status == "done"
    session = context.session
    end = session.read(0, JournalKind.END)
    assert end is not None
    assert end.stop_reason == "diagnosed"
    assert "more are likely to help there" in end.stop_detail
    assert session.read(1, JournalKind.GAPS)
    assert read_judged_rounds(session) == []
    assert session.workspace.ledger.spent(session.run_id)["images"] == 0


def test_a_goal_is_reached_when_the_gain_over_the_baseline_is_there(begin: Begin) -> None:
    context = begin(budget=Budget(images=8, rounds=1))
    advance(context)
    session = context.session
    arms = read_arms(session, 1) | {"candidate": read_arms(session, 1)["baseline"]}
    for text, is_reached in (("night photos, +1 points", False), ("night photos", False), ("R@1 of 0.01", True)):
        session.spec = replace(session.spec, goal=Goal(text))
        assert is_goal_reached(session, arms) is is_reached, text


def test_what_a_goal_leaves_alone_gets_no_image(begin: Begin) -> None:
    context = begin(goal=Goal("find where retrieval fails, but skip night"), budget=Budget(images=20, rounds=1))
    session = context.session
    (skipped,) = read_constraints(session).skip
    assert (skipped.class_name, skipped.value) == ("", "night")
    advance(context)
    cells: list[Cell] = [request.cell for judged in read_judged_rounds(session) for request in judged.protocol.cells]
    assert not any(skipped.contains(cell) for cell in cells)


def test_without_facets_of_its_own_a_collection_is_captioned_before_the_goal_is_doubted(
    begin: Begin, tiny_world: LoadedCollection
) -> None:
    bare = tuple(replace(image, facets={}) for image in tiny_world.collection.images)
    bare_collection = replace(tiny_world.collection, images=bare, facets=())
    context = begin(bare_collection, goal=Goal("night photos are not found"))
    assert advance(context).status == "done"
    end = context.session.read(0, JournalKind.END)
    assert end is not None
    assert end.stop_reason == "goal_unclear"
    assert "no photo here shows 'night'" in end.stop_detail
    assert context.session.read(0, JournalKind.BASELINE) is None
