"""The usual steps of a run: each stands beside its tool, under `STEPS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atlantis_core.run.journal import JournalKind
from atlantis_core.run.remedies import makes_images, parse_remedy

if TYPE_CHECKING:
    from atlantis_core.run.session import Session

State = Mapping[str, Any]
"""The graph's state, read-only."""

Condition = Callable[["Session", int], bool]
"""Whether a run needs a step in a round, counted from 1."""


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
    is_needed: Condition = lambda _session, _round: True

    @property
    def name(self) -> str:
        """The step's name in the state's `steps`."""
        return f"{self.tool}:{self.arm}" if self.arm else self.tool

    @property
    def arguments(self) -> dict[str, str]:
        """Arguments of the call."""
        return {"arm": self.arm} if self.arm else {}


def is_image_round(session: Session, round_index: int) -> bool:
    """Whether a round adds images; other remedies change the recipe or how the models are searched."""
    protocol = session.read(round_index, JournalKind.PROTOCOL)
    return protocol is None or makes_images(protocol.remedy)


def needs_prompts(session: Session, round_index: int) -> bool:
    """Whether a round's images are made from prompts; cut-outs and photos of a pool are not."""
    protocol = session.read(round_index, JournalKind.PROTOCOL)
    return protocol is None or parse_remedy(protocol.remedy)[0].uses_prompts
