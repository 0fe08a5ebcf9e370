"""The offline planner, drafter and prompt writer: deterministic, and sparing with the budget."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from langchain_core.messages import AIMessage, ToolMessage

from atlantis_core.base.errors import ToolError
from atlantis_core.data.reading import LoadedCollection
from atlantis_core.data.sealed import SealedSplit
from atlantis_core.records import Budget, Cell, CellRequest, Collection, Gap, Goal, RunSpec
from atlantis_core.run.drafting import Brief
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.session import Session
from atlantis_core.store.workspace import Workspace
from atlantis_dml.agents.rules.drafter import RuleDrafter
from atlantis_dml.agents.rules.planner import RulePlanner
from atlantis_dml.agents.rules.prompt_writer import TemplatePromptWriter
from atlantis_dml.tools.context import PromptFacts
from tests.agents.conftest import failed_round


def gap(name: str, value: str, score: float) -> Gap:
    cell = Cell(name, "condition", value)
    return Gap(cell, 0, 3.0, 0.3, 0.2, 0.4, 40, 0.4, "scarce", (), score)


def brief(**changes: Any) -> Brief:
    facts: dict[str, Any] = {
        "round": 1,
        "gaps": (gap("a", "night", 0.5), gap("b", "night", 0.4), gap("c", "fog", 0.1)),
        "history": (),
        "num_images": 61,
        "classes": ("a", "b", "c"),
        "facet_values": {"condition": ("day", "fog", "night")},
        "spread": "targeted",
        "modes": ("edit",),
        "scorer": "margin",
        "feedback": "",
    }
    return Brief(**(facts | changes))


def cells(protocol: Any) -> dict[tuple[str, str], int]:
    return {(request.cell.class_name, request.cell.value): request.count for request in protocol.cells}


def test_images_go_to_the_leading_gaps_and_add_up_to_the_budget() -> None:
    assert cells(RuleDrafter().draft(brief())) == {("a", "night"): 31, ("b", "night"): 30}


def test_one_cell_is_described_in_the_singular() -> None:
    one = brief(gaps=(gap("c", "fog", 0.1),))
    told = RuleDrafter().draft(one).reason
    assert told == "1 cell at condition=fog has R@1 0.30 with 0 training images"


def test_a_round_that_failed_is_not_tried_again() -> None:
    past = (failed_round(1, *(Cell(name, "condition", "night") for name in "ab")),)
    assert cells(RuleDrafter().draft(brief(round=2, history=past))) == {("c", "fog"): 61}


def test_a_search_that_failed_says_nothing_of_images_for_its_cells() -> None:
    judged = failed_round(1, *(Cell(name, "condition", "night") for name in "ab"))
    past = (replace(judged, protocol=replace(judged.protocol, remedy="serve:csls")),)
    assert cells(RuleDrafter().draft(brief(round=2, history=past))) == {("a", "night"): 31, ("b", "night"): 30}


def test_gaps_whose_images_an_earlier_run_refuted_come_last() -> None:
    night = frozenset(Cell(name, "condition", "night") for name in "ab")
    assert cells(RuleDrafter().draft(brief(refuted=night))) == {("c", "fog"): 61}
    assert cells(RuleDrafter().draft(brief(stopped=night))) == {("c", "fog"): 61}
    every = night | {Cell("c", "condition", "fog")}
    assert cells(RuleDrafter().draft(brief(refuted=every))) == {("a", "night"): 31, ("b", "night"): 30}


def test_where_all_gaps_were_tried_the_other_cells_get_what_is_left() -> None:
    past = (failed_round(1, *(Cell(name, "condition", "night") for name in "ab")),)
    widened = RuleDrafter().draft(brief(round=2, gaps=brief().gaps[:2], history=past))
    assert set(cells(widened)) == {(n, v) for n in "abc" for v in ("day", "fog", "night")} - {
        ("a", "night"),
        ("b", "night"),
    }
    assert "no gap is left" in widened.reason
    second = (failed_round(2, *(request.cell for request in widened.cells)),)
    with pytest.raises(ToolError, match="no cell is left"):
        RuleDrafter().draft(brief(round=3, gaps=brief().gaps[:2], history=past + second))


def test_a_gap_of_a_facet_value_gets_images_of_every_training_class() -> None:
    drafted = RuleDrafter().draft(brief(gaps=(gap("", "night", 0.5),)))
    assert cells(drafted) == {("a", "night"): 21, ("b", "night"): 20, ("c", "night"): 20}
    past = (failed_round(1, *(request.cell for request in drafted.cells)),)
    again = RuleDrafter().draft(brief(gaps=(gap("", "night", 0.5),), history=past))
    assert {value for _, value in cells(again)} == {"day", "fog"}


def test_a_value_that_the_goal_names_and_no_training_image_shows_is_made_for_every_class() -> None:
    named = [replace(gap(name, "night", 0.5), cause="named") for name in "ab"]
    assert cells(RuleDrafter().draft(brief(gaps=tuple(named), num_images=60))) == {(n, "night"): 20 for n in "abc"}
    seen = replace(named[0], support=3)
    assert ("c", "night") not in cells(RuleDrafter().draft(brief(gaps=(seen, named[1]), num_images=60)))


def test_cells_are_added_until_a_gain_could_be_proven() -> None:
    few = tuple(replace(one, queries=9) for one in (gap("a", "x", 0.5), gap("b", "y", 0.1), gap("c", "z", 0.05)))
    assert set(cells(RuleDrafter().draft(brief(gaps=few)))) == {("a", "x"), ("b", "y"), ("c", "z")}


def test_a_collection_without_gaps_is_refused() -> None:
    with pytest.raises(ToolError, match="no gap was found"):
        RuleDrafter().draft(brief(gaps=()))


def test_cells_that_the_goal_names_are_targeted_even_if_they_are_no_worse() -> None:
    named = tuple(replace(gap(name, "night", score), cause="named") for name, score in (("a", -0.01), ("b", -0.02)))
    assert set(cells(RuleDrafter().draft(brief(gaps=named)))) == {(name, "night") for name in "abc"}


@pytest.mark.parametrize("num_images", [5, 9, 40])
def test_the_uniform_control_spends_the_same_on_all_cells(num_images: int) -> None:
    drafted = RuleDrafter().draft(brief(spread="uniform", num_images=num_images))
    counts = cells(drafted)
    assert drafted.num_images == num_images
    assert max(counts.values()) - min(counts.values()) <= 1
    assert len(counts) == min(9, num_images)


def written(request: CellRequest) -> tuple[str, ...]:
    protocol = replace(RuleDrafter().draft(brief()), cells=(request,))
    (prompts,) = TemplatePromptWriter().write(protocol, PromptFacts(("tug",), {}))
    return prompts


def test_prompts_name_the_class_and_the_condition_and_differ() -> None:
    prompts = written(CellRequest(Cell("tug", "condition", "night"), 30))
    assert len(set(prompts)) == len(prompts) == 4
    assert all("tug" in prompt and "at night" in prompt for prompt in prompts)
    assert len(written(CellRequest(Cell("tug", "shelf", "left"), 1))) == 1


def state(*steps: str, **more: Any) -> dict[str, Any]:
    return {"round": 1, "steps": list(steps), "messages": [], **more}


@pytest.fixture
def begin(workspace: Workspace) -> Callable[..., Any]:
    """Return a function that begins a run on an empty collection with some facets."""

    def begun(*facets: str) -> Any:
        empty = Collection("c", "", (), facets, {}, (), True, 0)
        loaded = LoadedCollection(empty, SealedSplit((), ()), {}, ())
        spec = RunSpec(workspace.collections.add(loaded), "d", Goal("g"), Budget())
        return SimpleNamespace(session=Session(workspace, workspace.runs.create(spec).id, spec))

    return begun


def planned(given: dict[str, Any], context: Any) -> tuple[str, dict[str, Any]]:
    (call,) = RulePlanner().decide(given, context).tool_calls
    return call["name"], call["args"]


def test_the_rules_prepare_once_and_then_go_round(begin: Callable[..., Any]) -> None:
    prepared = ["dataset_statistics", "train_retriever:baseline", "evaluate_retrieval:baseline"]
    light, bare = begin("light"), begin()
    assert planned(state(), light) == ("dataset_statistics", {})
    assert planned(state(prepared[0]), bare) == ("caption_images", {})
    assert planned(state(prepared[0]), light) == ("train_retriever", {"arm": "baseline"})
    assert planned(state(*prepared), light) == ("find_gaps", {})


@pytest.mark.parametrize(
    ("kept", "then"), [(True, ("train_retriever", {"arm": "incumbent"})), (False, ("find_gaps", {}))]
)
def test_the_model_of_a_kept_round_is_diagnosed_next(kept: bool, then: Any, begin: Callable[..., Any]) -> None:
    prepared = ["dataset_statistics", "train_retriever:baseline", "evaluate_retrieval:baseline"]
    light = begin("light")
    decided = failed_round(1, Cell("a", "light", "dark")).decision
    light.session.write(1, JournalKind.DECISION, replace(decided, kept=kept))
    assert planned(state(*prepared, round=2), light) == then


def test_the_rules_stop_where_a_tool_failed_and_say_why(begin: Callable[..., Any]) -> None:
    answers = [AIMessage("x"), ToolMessage("no gap is left", tool_call_id="1", status="error")]
    decision = RulePlanner().decide(state(messages=answers), begin("light"))
    assert decision.tool_calls == []
    assert "no gap is left" in decision.text
