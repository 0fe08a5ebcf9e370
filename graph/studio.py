"""The graph for LangGraph Studio (`langgraph.json`): its shape can be looked at; runs go through `atlantis run`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

    from atlantis_dml.graph.state import State
    from atlantis_dml.tools.context import RunContext


def graph() -> CompiledStateGraph[State, RunContext, State, State]:
    """Return the graph with the rule planner and no checkpoints of its own."""
    from atlantis_dml.agents.rule_planner import RulePlanner
    from atlantis_dml.graph.build import build_graph

    return build_graph(RulePlanner())
