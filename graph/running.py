"""The graph of a run: how it is put together, and working on a run from where it stands until it rests."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from langgraph.errors import GraphRecursionError
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command

from atlantis_core.base.errors import ProviderUnavailable, SetupError, Stopped
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.recipes.choice import choose_recipe
from atlantis_dml.graph import nodes, routing
from atlantis_dml.graph.asking import ask
from atlantis_dml.graph.state import State, initial_state
from atlantis_dml.graph.tool_calls import run_next_call
from atlantis_dml.tools.context import RunContext

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

    from atlantis_core.run.session import Session
    from atlantis_core.store.workspace import Workspace

MAX_STEPS_PER_ROUND = 60
"""Graph steps a round may take before the run is stopped as running in circles (a round needs about 20)."""


Loop: TypeAlias = "CompiledStateGraph[State, RunContext, State, State]"

Watch = Callable[[str, Mapping[str, Any]], None]

DECISIONS = ("approve", "edit", "respond", "reject", "stop")
"""What a person may answer to an approval: `respond` takes `words`, after which the protocol is drafted again;
after `reject` another one is drafted; `stop` ends the run (both with a `reason`)."""

STOPPED = "stopped by a person"
"""Why a run is paused that its stop token ended."""


def build_graph(*, context: type[Any] = RunContext, first: Any = None) -> Loop:
    """Return the compiled graph of a run; planner, agents and session come with the runtime context.

    ```
    START -> planner <-> tools
                |-> approve -> tools (approved), planner (drafts again)
                |-> ask -> tools
                tools -> judge -> critique -> planner
                '-> report -> END
    ```

    Args:
        context: What a run is handed: `RunContext`, or what offers the same.
        first: A node `begin` before the planner, for a host that hands in no first state.
    """
    graph: StateGraph[State, RunContext, State, State] = StateGraph(State, context_schema=context)
    graph.add_node("planner", nodes.planner)
    graph.add_node("tools", run_next_call)
    graph.add_node("approve", nodes.approve)
    graph.add_node("ask", ask)
    graph.add_node("judge", nodes.judge)
    graph.add_node("critique", nodes.critique)
    graph.add_node("report", nodes.report)
    if first is not None:
        graph.add_node("begin", first)
        graph.add_edge("begin", "planner")
    graph.add_edge(START, "planner" if first is None else "begin")
    graph.add_conditional_edges("planner", routing.after_planner)
    graph.add_conditional_edges("approve", routing.after_approve)
    graph.add_conditional_edges("ask", routing.after_ask)
    graph.add_conditional_edges("tools", routing.after_tools)
    graph.add_edge("judge", "critique")
    graph.add_conditional_edges("critique", routing.after_critique)
    graph.add_edge("report", END)
    return graph.compile(name="atlantis")


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where a run stands when it returns."""

    status: Literal["done", "waiting", "paused"]
    """`waiting` for a person's approval, `paused` because a provider failed."""
    question: Mapping[str, Any] | None
    """What a person is asked, when waiting: round, protocol, images, spent; or the planner's `ask` and `options`."""
    problem: str
    """Why it is paused; else empty."""


def advance(context: RunContext, answer: Mapping[str, Any] | None = None, watch: Watch | None = None) -> Outcome:
    """Start a run, or go on with it, until it is done, waits for a person or is paused.

    Every step is saved before the next begins: a killed run goes on from its last step, and the store sees to
    it that nothing is made, billed or trained twice.

    Args:
        context: The run's session, planner and agents; its `stop` pauses the run after a step or inside one.
        answer: To the approval the run waits for: a `decision` of `DECISIONS` with its fields, and
            `by` (`in the chat`) for the trace.
        watch: Called with `(node, update)` after every step, and with `("progress", {what, done, total})` within.

    Raises:
        SetupError: An answer was given and the run waits for none, another process has the run, or the collection's
            images are gone.
    """
    session = context.session
    runs = session.workspace.runs
    with session.workspace.lock(session.run_id), open_graph(session.workspace.checkpoints) as graph:
        config: Any = {
            "configurable": {"thread_id": session.run_id},
            "recursion_limit": MAX_STEPS_PER_ROUND * (session.spec.budget.rounds + 1),
        }
        given = _input(graph.get_state(config), answer)
        session.require_images()
        _adopt_arms(graph, config, session)
        runs.mark(session.run_id, "running")
        outcome: Outcome | None = None
        try:
            outcome = _settle_recipe(context, watch) or _stream(graph, given, config, context, watch)
        finally:
            if outcome is None:  # an error nobody foresaw is on its way up
                runs.mark(session.run_id, "failed", "ended by an error")
        if outcome.status != "done":
            runs.mark(session.run_id, outcome.status, outcome.problem)
        return outcome


def _settle_recipe(context: RunContext, watch: Watch | None) -> Outcome | None:
    """Choose the recipe of a run that leaves it open, before its first step; return how it rests if it is stopped."""
    session, before = context.session, context.session.progress

    def progress(what: str, done: int, total: int) -> None:
        context.stop.check()
        if watch:
            watch("progress", {"what": what, "done": done, "total": total})

    session.progress = progress
    try:
        choose_recipe(session)
    except Stopped:
        return Outcome("paused", None, STOPPED)
    finally:
        session.progress = before
    return None


def _stream(graph: Loop, given: Any, config: Any, context: RunContext, watch: Watch | None) -> Outcome:
    """Run the graph until it rests."""
    how: Any = {"stream_mode": ["updates", "custom"], "durability": "sync"}
    parts: Any = graph.stream(given, config, context=context, **how)
    try:
        with closing(parts):  # before the checkpoints: its threads write them, and a tool may still be at work
            for mode, part in parts:
                _notify({"progress": part} if mode == "custom" else part, context, watch)
                is_over = mode == "updates" and "__interrupt__" not in part
                if context.stop.is_requested() and is_over and graph.get_state(config).next:
                    return Outcome("paused", None, STOPPED)
    except Stopped:
        return Outcome("paused", None, STOPPED)
    except ProviderUnavailable as error:
        return Outcome("paused", None, str(error))
    except GraphRecursionError:
        return Outcome("paused", None, f"the planner ran in circles for {config['recursion_limit']} steps")
    waiting = graph.get_state(config).interrupts
    return Outcome("waiting", waiting[0].value, "") if waiting else Outcome("done", None, "")


def _notify(step: Mapping[str, Any], context: RunContext, watch: Watch | None) -> None:
    """Call the watcher; if it fails, the tool that is at work is stopped too."""
    try:
        for node, update in step.items():
            if watch and node != "__interrupt__":
                watch(node, update or {})
    except BaseException:
        context.stop.request()
        raise


def find_pending_question(workspace: Workspace, run_id: str) -> Mapping[str, Any] | None:
    """Return the protocol that a run wants approved, if it waits for that; nothing is run."""
    waiting = _find_waiting(workspace, run_id)
    return waiting if waiting and "protocol" in waiting else None


def find_pending_ask(workspace: Workspace, run_id: str) -> Mapping[str, Any] | None:
    """Return the planner's question that a run waits with: `ask`, `options`, `round`; None if it asks nothing."""
    waiting = _find_waiting(workspace, run_id)
    return waiting if waiting and "ask" in waiting else None


def _find_waiting(workspace: Workspace, run_id: str) -> Mapping[str, Any] | None:
    with open_graph(workspace.checkpoints) as graph:
        waiting = graph.get_state({"configurable": {"thread_id": run_id}}).interrupts
    return waiting[0].value if waiting else None


def _adopt_arms(graph: Loop, config: Any, session: Session) -> None:
    """Write the arms that a checkpoint of an older version holds into the journal, where they are kept now."""
    saver: Any = graph.checkpointer
    saved = saver.get_tuple(config)
    values = saved.checkpoint["channel_values"] if saved else {}
    if values.get("arms") and session.read(values["round"], JournalKind.ARMS) is None:
        session.write(values["round"], JournalKind.ARMS, values["arms"])


def _input(snapshot: Any, answer: Mapping[str, Any] | None) -> Any:
    if answer and answer.get("decision") not in DECISIONS:
        raise SetupError(f"{answer.get('decision')!r} is not an answer to an approval; use {', '.join(DECISIONS)}")
    if snapshot.interrupts:
        asked = snapshot.interrupts[0].value.get("ask")
        if answer and asked and answer["decision"] not in {"respond", "stop"}:
            raise SetupError(f"the run asks a question, and nothing waits for approval: {asked!r}; answer in words")
        return Command(resume=dict(answer)) if answer else None
    if answer:
        raise SetupError("this run waits for no approval; resume it without an answer to one")
    if not snapshot.values:
        return initial_state()
    if snapshot.values["failures"] >= routing.MAX_FAILURES:  # paused for them: a resumed run gets one more chance
        return Command(update={"failures": routing.MAX_FAILURES - 1})
    return None


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
