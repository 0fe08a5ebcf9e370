"""The planner with a chat model: its prompt has the goal, the budget, finished rounds and the latest results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from atlantis_core.base.errors import ProviderUnavailable
from atlantis_core.run.capabilities import describe_generator, describe_remedies
from atlantis_core.run.constraints import read_constraints
from atlantis_core.run.drafting import images_for_round
from atlantis_core.run.headroom import read_headroom
from atlantis_core.run.insight_facts import describe_sides
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.responses import read_earlier_words
from atlantis_core.run.round import read_judged_rounds
from atlantis_dml.agents.choices import describe_choices
from atlantis_dml.agents.client.calls import is_complete
from atlantis_dml.agents.llm.planner_history import take_newest
from atlantis_dml.agents.prompt_facts import describe_cells, summarise_rounds
from atlantis_dml.prompts import quoted, render
from atlantis_dml.tools.chains import list_open_steps

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

    from atlantis_core.run.session import Session
    from atlantis_dml.agents.client.calls import ModelCalls
    from atlantis_dml.tools.context import RunContext
    from atlantis_dml.tools.steps import State

_ARMS = {
    "edit": "edit (of real photos of the class)",
    "text_to_image": "text_to_image (generates images from a prompt)",
    "retrieve": "retrieve (selects real photos from an unlabelled pool)",
}


class ChatPlanner:
    """Asks a chat model which tool comes next.

    The prompt begins with the parts that never change in a run, so that providers can cache them.

    Args:
        calls: The run's chat models.
        tools: Tools that the model may call.
    """

    def __init__(self, calls: ModelCalls, tools: list[BaseTool]) -> None:
        self.name = calls.name
        self._calls, self._tools = calls, tools

    def decide(self, state: State, context: RunContext) -> AIMessage:
        """Return the model's decision; see `Planner.decide`.

        A model that answers without a tool call is asked once more; a second such answer stops the run.
        """
        prompt = self._prompt(state, context)
        decision = self._calls.ask("planner", prompt, self._tools, several=True)
        if decision.tool_calls or not is_complete(decision):
            return decision
        nudged = [*prompt, AIMessage(decision.text or "(empty)"), HumanMessage(render("planner_nudge"))]
        decision = self._calls.ask("planner", nudged, self._tools, several=True)
        if not decision.tool_calls and not decision.text.strip() and is_complete(decision):
            raise ProviderUnavailable(f"{self.name} gives empty answers; resume later, or with another model")
        return decision

    def _prompt(self, state: State, context: RunContext) -> list[BaseMessage]:
        session = context.session
        before = [SystemMessage(render("planner")), HumanMessage(render("planner_goal", **_goal(session)))]
        now = HumanMessage(render("planner_now", **_now(state, context)))
        return [*before, *take_newest(state.get("messages", [])), now]


def _goal(session: Session) -> dict[str, Any]:
    goal = session.goal
    return {
        "goal": quoted(goal.text),
        "english": quoted(goal.english) if goal.english not in {"", goal.text} else "",
        "sides": describe_sides(session.spec),
        "cells": describe_cells(goal.cells),
        "target": goal.target,
        "rounds": session.spec.budget.rounds,
        "generator": quoted(session.spec.generator, 120),
        "shows": describe_generator(session.spec.generator),
        "remedies": describe_remedies(session.spec.remedies, has_pool=session.spec.pool is not None),
        "arms": ", ".join(_ARMS[arm] for arm in session.generator.modes),
    }


def _now(state: State, context: RunContext) -> dict[str, Any]:
    session = context.session
    images_left = session.images_left
    usd_left = context.cost_tracker.left_usd()
    constraints = read_constraints(session)
    earlier = (one.words for one in read_earlier_words(session, state["round"]))
    provable = read_headroom(session, state["round"]) or session.read(0, JournalKind.FORECAST)
    return {
        "round": state["round"],
        "rounds": session.spec.budget.rounds,
        "images_left": "no limit" if images_left is None else f"{images_left:g}",
        "share": images_for_round(session, state["round"]),
        "usd_left": "no limit" if usd_left is None else f"{usd_left:.2f}",
        "journal": summarise_rounds(read_judged_rounds(session), session),
        "skipped": describe_cells(constraints.skip),
        "notes": [quoted(note) for note in (*constraints.notes, *earlier)],
        "provable": provable.sentence if provable else "",
        "done": ", ".join(state.get("steps", [])) or "nothing yet",
        "choices": describe_choices(state, session),
        "open": ", ".join(step.name for step in list_open_steps(state, session)) or "none",
    }
