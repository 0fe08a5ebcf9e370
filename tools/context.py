"""What a tool is handed besides its arguments, and how it answers.

A tool answers with one short sentence for the planner and a record for the trace as artifact; heavy things stay in
the store, and what later steps need of it goes into the graph's state.
"""

from __future__ import annotations

from collections.abc import Collection as Sized
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from langchain_core.messages import AIMessage, ToolMessage
from langgraph.prebuilt import ToolRuntime
from langgraph.types import Command

from atlantis_core.base.errors import ToolError
from atlantis_core.base.serialization import as_json
from atlantis_core.base.stopping import StopToken
from atlantis_core.records import Collection, Critique, Goal
from atlantis_core.records import Protocol as AugmentationProtocol
from atlantis_core.run.cost_tracker import CostTracker
from atlantis_core.run.drafting import Brief
from atlantis_core.run.goals.limits import StatedLimits
from atlantis_core.run.goals.statement import Kind
from atlantis_core.run.insight import InsightFacts, InsightIdeas
from atlantis_core.run.round import JudgedRound, read_arms
from atlantis_core.run.session import Session
from atlantis_core.run.sheets.looking import Eyes


class Planner(Protocol):
    """Decides what to do next."""

    name: str

    def decide(self, state: Mapping[str, Any], context: RunContext) -> AIMessage:
        """Return one tool call with the reason as text, or text without a call to stop.

        Args:
            state: The graph's, read only.
            context: The run's.

        Raises:
            ProviderUnavailable: The chat model cannot be reached or refuses; the run pauses.
        """
        ...


class ProtocolDrafter(Protocol):
    """Writes augmentation protocols (the paper's APS)."""

    def draft(self, brief: Brief) -> AugmentationProtocol:
        """Return a protocol; raises `ToolError` when there is nothing to target."""
        ...


class PromptWriter(Protocol):
    """Writes the prompts of a protocol."""

    def write(self, protocol: AugmentationProtocol, facts: PromptFacts) -> tuple[tuple[str, ...], ...]:
        """Return diverse prompts for each cell of the protocol, in order, at least one for each."""
        ...


@dataclass(frozen=True, slots=True)
class PromptFacts:
    """What a prompt writer knows besides the protocol."""

    classes: tuple[str, ...]
    """All classes that may be trained on: a prompt must not name another one than its own."""
    facet_values: dict[str, tuple[str, ...]]
    domain: str = ""
    """What the collection is about, as far as an insight agent said."""
    generator: str = ""
    """What the generator can show and what it cannot, in words."""
    responses: tuple[str, ...] = ()
    """What a person said to earlier drafts of this round, oldest first."""


class InsightFinder(Protocol):
    """Says what a collection is about and what it lacks (the paper's DIG)."""

    def find(self, facts: InsightFacts) -> InsightIdeas:
        """Return domains, facets and claims; code checks them. Raises `ToolError` where nothing usable came."""
        ...


@dataclass(frozen=True, slots=True)
class ReadGoal:
    """What a chat model made of a person's words, checked against the collection."""

    kind: Kind
    goal: Goal
    limits: StatedLimits


class GoalReader(Protocol):
    """Reads a goal in any language."""

    def read(self, text: str, collection: Collection) -> ReadGoal:
        """Return the typed goal of a person's words; raises `ToolError` where nothing usable came."""
        ...


class Critic(Protocol):
    """Reads a judged round and says what to change."""

    def review(self, judged: JudgedRound, session: Session) -> Critique:
        """Return what to change, from the round's figures and what its filters did."""
        ...


@dataclass(frozen=True, slots=True)
class RunContext:
    """Handed to every node and tool; never saved, so it is given again on resume."""

    session: Session
    planner: Planner
    drafter: ProtocolDrafter
    prompt_writer: PromptWriter
    insight: InsightFinder | None = None
    """None without a chat model: gaps are then found by counting alone."""
    critic: Critic | None = None
    eyes: Eyes | None = None
    """None without a model that takes images: contact sheets are then drawn for a person alone."""
    stop: StopToken = field(default_factory=StopToken)
    """Ends the run's work at its next sign of progress."""
    goal_reader: GoalReader | None = None
    """None without a chat model: the rules read the goal."""

    @property
    def cost_tracker(self) -> CostTracker:
        """What the run's chat models may still cost."""
        return CostTracker(self.session.workspace.ledger, self.session.run_id, self.session.spec)


if TYPE_CHECKING:
    Runtime: TypeAlias = ToolRuntime[RunContext, dict[str, Any]]
else:
    Runtime = ToolRuntime[Any, Any]  # given the class, langchain would build a schema of its fields


def answer_call(
    runtime: Runtime,
    step: str,
    text: str,
    artifact: Any = None,
    undone: Sized[str] = (),
    redone: Iterable[str] = (),
    **state: Any,
) -> Command[Any]:
    """Answer a tool call.

    Args:
        runtime: The call's runtime.
        step: What is done now, as the planner's rules name it (`train_retriever:baseline`); empty for no step.
        text: One short sentence for the planner.
        artifact: A record for the trace alone: what people want to know of this step; must turn into JSON.
        undone: Earlier steps that have to be done again after it.
        redone: Steps that were undone and hold after all.
        **state: Fields of the graph's state to set.
    """
    message = ToolMessage(text, tool_call_id=runtime.tool_call_id or "", artifact=as_json(artifact))
    steps = [done for done in runtime.state.get("steps", []) if done not in undone]
    steps += [*redone, *([step] if step else [])]
    return Command(update={**state, "steps": steps, "messages": [message]})


def find_diagnosing(runtime: Runtime) -> str:
    """Return the trial id of the model that gaps are read from and candidates are screened with.

    Raises:
        ToolError: None is trained yet.
    """
    found = read_arms(runtime.context.session, runtime.state["round"]).get("diagnosing")
    if not found:
        raise ToolError("there is no trained retriever yet; train the baseline first")
    return found[0]
