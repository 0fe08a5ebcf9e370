"""The one assembly point: nodes, edges and checkpoints."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from langgraph.graph import END, START, StateGraph

from atlantis_core.base.errors import SetupError
from atlantis_dml.graph import nodes, routing
from atlantis_dml.graph.state import State
from atlantis_dml.tools.context import RunContext

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

MAX_STEPS_PER_ROUND = 60
"""Graph steps a round may take before the run is stopped as running in circles (a round needs about 20)."""


Loop: TypeAlias = "CompiledStateGraph[State, RunContext, State, State]"


def build_graph(*, context: type[Any] = RunContext, first: Any = None) -> Loop:
    """Return the compiled graph of a run; planner, agents and session come with the runtime context.

    ```
    START -> planner <-> tools
                |-> approve -> tools
                tools -> judge -> critique -> planner
                '-> report -> END
    ```

    Args:
        context: What a run is handed: `RunContext`, or what offers the same.
        first: A node `begin` before the planner, for a host that hands in no first state.
    """
    graph: StateGraph[State, RunContext, State, State] = StateGraph(State, context_schema=context)
    graph.add_node("planner", nodes.planner)
    graph.add_node("tools", nodes.make_tools_node())
    graph.add_node("approve", nodes.approve)
    graph.add_node("judge", nodes.judge)
    graph.add_node("critique", nodes.critique)
    graph.add_node("report", nodes.report)
    if first is not None:
        graph.add_node("begin", first)
        graph.add_edge("begin", "planner")
    graph.add_edge(START, "planner" if first is None else "begin")
    graph.add_conditional_edges("planner", routing.after_planner)
    graph.add_conditional_edges("approve", routing.after_approve)
    graph.add_conditional_edges("tools", routing.after_tools)
    graph.add_edge("judge", "critique")
    graph.add_conditional_edges("critique", routing.after_critique)
    graph.add_edge("report", END)
    return graph.compile(name="atlantis")


_compile_once = cache(build_graph)


@contextmanager
def open_graph(path: Path) -> Iterator[Loop]:
    """Open the graph with its checkpoints in an SQLite file; it is compiled once in a process.

    Raises:
        SetupError: See `open_checkpoints`.
    """
    with open_checkpoints(path) as saver:
        yield _compile_once().copy({"checkpointer": saver})


@contextmanager
def open_checkpoints(path: Path) -> Iterator[Any]:
    """Open the SQLite file that the graph's checkpoints go to.

    Raises:
        SetupError: The file is not a database, or cannot be written.
    """
    from langgraph.checkpoint.sqlite import SqliteSaver

    with SqliteSaver.from_conn_string(str(path)) as saver:
        try:
            saver.setup()
        except sqlite3.DatabaseError as error:
            raise SetupError(f"{str(path)!r} cannot be used: {error}; a run's steps are kept there") from error
        yield saver
