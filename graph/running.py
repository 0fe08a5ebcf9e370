"""Running the graph for one run: from the start, or on from where it was left."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from langgraph.errors import GraphRecursionError
from langgraph.types import Command

from atlantis_core.base.errors import ProviderUnavailable, SetupError, Stopped
from atlantis_core.run.journal import JournalKind
from atlantis_dml.graph.build import MAX_STEPS_PER_ROUND, Loop, open_graph
from atlantis_dml.graph.routing import MAX_FAILURES
from atlantis_dml.graph.state import initial_state

if TYPE_CHECKING:
    from atlantis_core.run.session import Session
    from atlantis_core.store.workspace import Workspace
    from atlantis_dml.tools.context import RunContext

Watch = Callable[[str, Mapping[str, Any]], None]

DECISIONS = ("approve", "reject", "edit")
"""What a person may answer to an approval."""

STOPPED = "stopped by a person"
"""Why a run is paused that its stop token ended."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where a run stands when it returns."""

    status: Literal["done", "waiting", "paused"]
    """`waiting` for a person's approval, `paused` because a provider failed."""
    question: Mapping[str, Any] | None
    """What a person is asked, when waiting: round, protocol, images, spent."""
    problem: str
    """Why it is paused; else empty."""


def advance(context: RunContext, answer: Mapping[str, Any] | None = None, watch: Watch | None = None) -> Outcome:
    """Start a run, or go on with it, until it is done, waits for a person or is paused.

    Every step is saved before the next begins: a killed run goes on from its last step, and the store sees to
    it that nothing is made, billed or trained twice.

    Args:
        context: The run's session, planner and agents; its `stop` pauses the run after a step or inside one.
        answer: To the approval the run waits for: `{"decision": "approve" | "reject" | "edit", ...}`,
            with `by` (`in the chat`) for the trace.
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
            outcome = _stream(graph, given, config, context, watch)
        finally:
            if outcome is None:  # an error nobody foresaw is on its way up
                runs.mark(session.run_id, "failed", "ended by an error")
        if outcome.status != "done":
            runs.mark(session.run_id, outcome.status, outcome.problem)
        return outcome


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
    """Return what a run asks a person, if it waits for one; nothing is run."""
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
        return Command(resume=dict(answer)) if answer else None
    if answer:
        raise SetupError("this run waits for no approval; resume it without --approve, --reject or --edit")
    if not snapshot.values:
        return initial_state()
    if snapshot.values["failures"] >= MAX_FAILURES:  # paused for them: a resumed run gets one more chance
        return Command(update={"failures": MAX_FAILURES - 1})
    return None
