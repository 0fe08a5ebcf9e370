"""The usual order of steps, for every planner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlantis_dml.tools.chains import find_open_step

if TYPE_CHECKING:
    from atlantis_core.run.session import Session
    from atlantis_dml.tools.steps import State, Step


def find_next_step(state: State, session: Session) -> Step | None:
    """Return the first usual step of the preparation or of this round that is needed and not done; None after all."""
    return find_open_step(state, session)
