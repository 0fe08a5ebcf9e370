"""The planner: decides the next tool. Two implementations, one interface."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage

    from atlantis_dml.tools.context import RunContext

State = Mapping[str, Any]
"""The graph's state, read only."""


class Planner(Protocol):
    """Decides what to do next."""

    name: str

    def decide(self, state: State, context: RunContext) -> AIMessage:
        """Return one tool call with the reason as text, or text without a call to stop.

        Raises:
            ProviderUnavailable: The chat model cannot be reached or refuses; the run pauses.
        """
        ...


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a round as the rules name it."""

    tool: str
    arguments: Mapping[str, Any]
    reason: str

    @property
    def name(self) -> str:
        """The step's name in the state's `steps`."""
        return f"{self.tool}:{self.arguments['arm']}" if "arm" in self.arguments else self.tool
