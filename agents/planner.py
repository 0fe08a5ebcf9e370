"""The usual order of steps, for every planner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlantis_dml.tools import list_steps

if TYPE_CHECKING:
    from atlantis_core.run.session import Session
    from atlantis_dml.tools.steps import State, Step


def find_next_step(state: State, session: Session) -> Step | None:
    """Return the first usual step of the preparation or of this round that is needed and not done; None after all."""
    done = set(state.get("steps", []))
    open_steps = (step for step in list_steps() if step.name not in done)
    return next((step for step in open_steps if step.is_needed(session, state["round"])), None)
