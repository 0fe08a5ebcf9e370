"""What is left to gain on the judged queries, beside the gain that can be proven there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from atlantis_core.base.text import format_figure
from atlantis_core.metrics.paired_test import recalls_by_seed
from atlantis_core.run.forecasting import forecast_round
from atlantis_core.run.measurements import counted_queries, find_arm_outcomes, queries_in_cells
from atlantis_core.run.round import read_arms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlantis_core.records import Cell, Forecast
    from atlantis_core.run.session import Session


@dataclass(frozen=True, slots=True)
class Headroom:
    """What is left to gain, and what can be proven. Gains are of Recall@1, 0 to 1."""

    queries: int
    recall: float
    """Mean over the seeds of the arm."""
    forecast: Forecast
    """Learned from the trainings so far, the arm's own among them."""
    is_of_goal: bool
    """Whether these are the queries that a goal names; else they are all."""

    @property
    def left(self) -> float:
        """The most that can be gained: that every query is answered."""
        return 1 - self.recall

    @property
    def is_too_small(self) -> bool:
        """Whether no gain can be proven, with all seeds that the run may take."""
        return self.left < self.forecast.gain_at_most

    @property
    def sentence(self) -> str:
        """The headroom in words."""
        found = self.forecast
        seeds = f"{found.seeds} to {found.max_seeds}" if found.max_seeds > found.seeds else f"{found.seeds}"
        text = (
            f"on the {self.queries:,} queries{' of the goal' if self.is_of_goal else ''} R@1 is "
            f"{format_figure(self.recall)}: at most {100 * self.left:.1f} points are left to gain, and {seeds} seeds "
            f"can prove a gain of about {100 * found.gain_at_most:.1f}"
        )
        if self.is_too_small:
            text += "; so no gain can be proven on these queries: name more of them in the goal, or raise --max-seeds"
        return text


def find_headroom(session: Session, models: Sequence[str]) -> Headroom | None:
    """Return what an arm leaves to gain on the goal's queries, or on all; None if it was not measured.

    Args:
        session: Of a run that has trained the arm.
        models: The arm's models, one a judging seed.
    """
    of_goal = find_recall(session, models, session.goal.cells) if session.goal.cells else None
    measured = of_goal or find_recall(session, models)
    found = forecast_round(session) if measured else None
    return Headroom(*measured, found, bool(of_goal)) if measured and found else None


def find_recall(session: Session, models: Sequence[str], cells: Sequence[Cell] = ()) -> tuple[int, float] | None:
    """Return the number of measured queries in any of the cells (of all, without cells), and Recall@1 on them.

    It is the mean over the seeds of the arm. None if the arm was not measured, or no query is in the cells.
    """
    outcomes = find_arm_outcomes(session, models) or []
    counted = counted_queries(outcomes)
    queries = [one for one in queries_in_cells(session, cells) if one in counted] if cells else sorted(counted)
    recalls = recalls_by_seed([outcomes], queries) if queries else []
    return (len(queries), float(recalls[0].mean())) if recalls else None


def read_headroom(session: Session, round_index: int) -> Headroom | None:
    """Return what the incumbent of a round, or else the baseline, leaves to gain; None before one is measured."""
    arms = read_arms(session, round_index)
    models = arms.get("incumbent") or arms.get("baseline")
    return find_headroom(session, models) if models else None
