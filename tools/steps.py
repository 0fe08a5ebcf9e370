"""The usual steps of a run: each stands beside its tool, under `STEPS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

State = Mapping[str, Any]
"""The graph's state, read-only."""

Condition = Callable[[State, Sequence[str]], bool]
"""Whether a step is needed, by the graph's state and the collection's facets."""


@dataclass(frozen=True, slots=True)
class Step:
    """One tool call of a run, with the reason that the rules give for it."""

    place: int
    """Where it comes in the usual order."""
    tool: str
    reason: str
    arm: str = ""
    """Argument `arm` of the call; empty for a tool without one."""
    is_once: bool = False
    """Whether a run does it once, before its first round; all other steps are done anew in each round."""
    is_needed: Condition = lambda _state, _facets: True

    @property
    def name(self) -> str:
        """The step's name in the state's `steps`."""
        return f"{self.tool}:{self.arm}" if self.arm else self.tool

    @property
    def arguments(self) -> dict[str, str]:
        """Arguments of the call."""
        return {"arm": self.arm} if self.arm else {}
