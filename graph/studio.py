"""The graph for LangGraph Studio (`langgraph.json`): a run of a workspace, step by step, with its approvals.

The server that Studio talks to keeps the checkpoints and hands on the context as JSON; so the context names a run
instead of holding it (docs/studio.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langgraph.runtime import Runtime

from atlantis_core.base.errors import SetupError
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.round import read_judged_rounds
from atlantis_dml.graph.state import State, initial_state
from atlantis_dml.tools.context import RunContext

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

    from atlantis_core.run.session import Session


@dataclass(frozen=True)
class StudioRun:
    """Which run to drive: JSON on the outside, what `tools.context.RunContext` offers on the inside."""

    run_id: str = "last"
    """A run's id, its first characters, or `last`."""
    workspace: str = "atlantis-workspace"
    """Folder that keeps it; a relative one is seen from where the server was started."""

    @cached_property
    def session(self) -> Session:
        """The run's parts.

        Raises:
            SetupError: No such workspace or run, or one that a chat model plans.
        """
        from atlantis_core.run.session import Session
        from atlantis_core.store.workspace import Workspace

        folder = Path(self.workspace).expanduser()
        if not (folder / "atlantis.db").is_file():
            raise SetupError(f"no workspace at {str(folder)!r}; begin a run there with: atlantis run DATA --approve")
        workspace = Workspace(folder)
        run = workspace.runs.get(self.run_id)
        if run.spec.planner != "rules":
            raise SetupError(f"run {run.id!r} is planned by {run.spec.planner!r}; Studio drives those of the rules")
        return Session(workspace, run.id, run.spec)

    @cached_property
    def context(self) -> RunContext:
        """The run with the agents by rules; nobody stops it here, Studio's server does that between steps."""
        from atlantis_dml.agents.critics import RuleCritic
        from atlantis_dml.agents.rules.drafter import RuleDrafter
        from atlantis_dml.agents.rules.planner import RulePlanner
        from atlantis_dml.agents.rules.prompt_writer import TemplatePromptWriter

        return RunContext(self.session, RulePlanner(), RuleDrafter(), TemplatePromptWriter(), critic=RuleCritic())

    def __getattr__(self, name: str) -> Any:
        """Offer what a `RunContext` does; what libraries look for on any object is not looked up in it."""
        if name not in RunContext.__dataclass_fields__ and name != "cost_tracker":
            raise AttributeError(name)
        return getattr(self.context, name)


def begin(state: State, runtime: Runtime[Any]) -> State:
    """Begin with a run's first state, whatever was typed; what its store holds is not done again.

    Raises:
        SetupError: The run has judged a round or has ended: beginning anew would write over what it came to.
    """
    del state
    session: Session = runtime.context.session
    if read_judged_rounds(session) or session.read(0, JournalKind.END) is not None:
        raise SetupError(f"run {session.run_id!r} is past its first round; begin another, or: atlantis resume RUN")
    session.require_images()
    session.workspace.runs.mark(session.run_id, "running")
    return initial_state()


def graph() -> CompiledStateGraph[State, Any, State, State]:
    """Return the graph with the rule planner, for any run of any workspace, and no checkpoints of its own."""
    from atlantis_dml.graph.running import build_graph

    return build_graph(context=StudioRun, first=begin)
