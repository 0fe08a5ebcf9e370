"""The usual order of steps, for every planner."""

from __future__ import annotations

from collections.abc import Sequence

from atlantis_dml.tools import list_steps
from atlantis_dml.tools.steps import State, Step


def list_usual_steps(state: State, facets: Sequence[str]) -> tuple[Step, ...]:
    """Return the steps of preparation and of one round that are needed, in order.

    Args:
        state: The graph's.
        facets: Of the collection.
    """
    return tuple(step for step in list_steps() if step.is_needed(state, facets))
