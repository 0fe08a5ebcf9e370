"""How many of forty goals are understood, by rules and by a chat model whose answers are written down.

`python bench/goals.py` prints a table; it exits with 1 where a number that nobody said would be spent, or where fewer
goals are understood than `LEAST`. `--prompts` prints the prompt of every goal instead, for whoever plays the model.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from goal_cases import CASES, COLLECTIONS, GoalCase
from langchain_core.messages import AIMessage

from atlantis_core.base.amounts import limits_in
from atlantis_core.base.errors import SetupError
from atlantis_core.records import Budget, Cell, Goal, RunSpec
from atlantis_core.run.cost_tracker import CostTracker
from atlantis_core.run.goals.clauses import check_goal, forbids_images
from atlantis_core.run.goals.evidence import describe_missing_evidence
from atlantis_core.run.goals.reading import read_goal
from atlantis_core.run.goals.selectors import without_counts
from atlantis_core.store.workspace import Workspace
from atlantis_dml.agents.client.calls import ChatModel, ModelCalls
from atlantis_dml.agents.client.scripted import ScriptedChatModel
from atlantis_dml.agents.llm.goal_reader import ChatGoalReader, list_goal_facts
from atlantis_dml.prompts import render

ANSWERS = Path(__file__).with_name("goal_answers.json")
"""Text of a goal -> the answer of whoever played the model, from the prompt alone."""
LEAST = {"model": 36, "rules": 20}


@dataclass(frozen=True, slots=True)
class Understood:
    """What a reader made of a goal."""

    outcome: str
    goal: Goal | None = None
    limits: tuple[float | None, ...] = (None, None, None)
    """Images, dollars, rounds."""
    words: str = ""


def read_by_rules(case: GoalCase) -> Understood:
    """Return what the rules make of a goal, as `atlantis run` uses them."""
    collection = COLLECTIONS[case.collection]
    try:
        check_goal(case.text)
        goal = read_goal(case.text, collection)
        limits = limits_in(without_counts(case.text))
    except SetupError as error:
        return Understood("refused", words=str(error))
    if missing := describe_missing_evidence(goal, collection):
        return Understood("refused", words=missing)
    limits |= {"images": 0} if forbids_images(case.text) else {}
    return Understood(goal.mode, goal, tuple(limits.get(name) for name in ("images", "usd", "rounds")))


def read_by_model(case: GoalCase, answer: str, workspace: Workspace) -> Understood:
    """Return what a chat model makes of a goal that gives one answer."""
    collection = COLLECTIONS[case.collection]
    spec = RunSpec("", "x", Goal(case.text), Budget(), planner="openai:scripted")
    model = ScriptedChatModel(script=[AIMessage(answer)] * 3)
    costs = CostTracker(workspace.ledger, "bench", spec)
    calls = ModelCalls("openai:scripted", [ChatModel("openai:scripted", model)], workspace, "bench", costs)
    found = ChatGoalReader(calls).read(case.text, collection)
    missing = describe_missing_evidence(found.goal, collection)
    if found.kind in {"question", "choose_by_test"} or missing:
        return Understood("refused", words=missing or found.kind)
    limits = (found.limits.images, found.limits.usd, found.limits.rounds)
    return Understood(found.goal.mode, found.goal, limits)


def find_faults(case: GoalCase, got: Understood) -> list[str]:
    """Return in what a goal was misunderstood; empty if it is right."""
    expected = case.expected
    if got.outcome != expected.outcome:
        return [f"{got.outcome} instead of {expected.outcome}"]
    if got.goal is None:
        return []
    wanted = [
        Cell(name, _facet_of(value, case), value)
        for name, value in itertools.product(expected.classes or ("",), expected.values or ("",))
    ]
    skipped = [
        Cell(one) if one in COLLECTIONS[case.collection].classes else _value_cell(one, case) for one in expected.skip
    ]
    pairs = [
        ("cells", set(got.goal.cells), {cell for cell in wanted if cell != Cell("")}),
        ("left alone", set(got.goal.skip), set(skipped)),
        ("target", got.goal.target, expected.target),
        ("gain", got.goal.gain, expected.gain),
        ("limits", got.limits, (expected.images, expected.usd, expected.rounds)),
    ]
    faults = [f"{name}: {found} instead of {right}" for name, found, right in pairs if found != right]
    left_out = [word for word in expected.unmatched if not any(word in read for read in got.goal.unmatched)]
    return [*faults, *(f"{word!r} is not read back" for word in left_out)]


def _facet_of(value: str, case: GoalCase) -> str:
    return COLLECTIONS[case.collection].facets[0] if value else ""


def _value_cell(value: str, case: GoalCase) -> Cell:
    return Cell("", _facet_of(value, case), value)


def would_overspend(case: GoalCase, got: Understood) -> bool:
    """Whether a limit would be higher than the person's, or is one that nobody named."""
    expected = case.expected
    if got.goal is None:
        return False
    pairs = zip(got.limits, (expected.images, expected.usd, expected.rounds), strict=True)
    return any(found is not None and (right is None or found > right) for found, right in pairs)


def main(arguments: Sequence[str] | None = None) -> int:
    """Read every goal both ways and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", action="store_true", help="print the prompts and read nothing")
    if parser.parse_args(arguments).prompts:
        facts = {
            case.text: render("goal_facts", **list_goal_facts(case.text, COLLECTIONS[case.collection]))
            for case in CASES
        }
        print(json.dumps({"system": render("goal"), "facts": facts}, ensure_ascii=False, indent=1))
        return 0
    answers = json.loads(ANSWERS.read_text("utf-8"))
    right, overspent = {"model": 0, "rules": 0}, 0
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder))
        for case in CASES:
            readings = {"model": read_by_model(case, json.dumps(answers[case.text]), workspace)}
            readings |= {"rules": read_by_rules(case)} if case.language == "English" else {}
            for reader, got in readings.items():
                faults = find_faults(case, got)
                right[reader] += not faults
                overspent += would_overspend(case, got)
                print(f"{'right' if not faults else 'WRONG'}  {reader:5}  {case.text}", *faults, sep="\n       - ")
    english = sum(case.language == "English" for case in CASES)
    print(
        f"right: model {right['model']} of {len(CASES)}, rules {right['rules']} of {english}; overspent: {overspent}"
    )
    return int(overspent > 0 or any(right[reader] < least for reader, least in LEAST.items()))


if __name__ == "__main__":
    sys.exit(main())
