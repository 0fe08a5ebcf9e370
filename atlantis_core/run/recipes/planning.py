"""What a comparison of recipes and the run after it will take, and which recipes fit into that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from atlantis_core.run.recipes.timing import RecipeTime

LIMIT_SECONDS = 2400.0
"""What the comparison and the run together may take on this machine."""
COMPARISON_SHARE = 0.25
"""Share of that which the comparison may take."""
MORE_SEEDS = 2
"""Further trainings of each recipe that is left after the first."""


@dataclass(frozen=True, slots=True)
class ComparisonPlan:
    """Which recipes are compared, and what that takes."""

    times: Mapping[str, RecipeTime | None]
    run_seconds: Mapping[str, float]
    """Forecast of the entire run with each recipe whose steps could be timed."""
    compared: tuple[str, ...]
    """The usual one first."""
    seconds: float
    """Forecast of the comparison."""
    left_out: Mapping[str, str]
    """Recipe -> why it is not compared."""

    def describe(self, queries: int, what: str) -> str:
        """Say what is about to be compared, what it will take and what is left out."""
        out = "; ".join(f"{text} left out: {why}" for text, why in self.left_out.items())
        out = f". {out}" if out else ""
        if len(self.compared) == 1:
            return f"no recipes are compared: {self.compared[0]} is the only one that fits{out}"
        longest = max(self.run_seconds[text] for text in self.compared if text in self.run_seconds)
        return (
            f"choosing the recipe: {', '.join(self.compared)} on {queries} {what}, about {_minutes(self.seconds)}; "
            f"the run then takes at most about {_minutes(longest)}{out}"
        )


def plan_comparison(times: Mapping[str, RecipeTime | None], trainings: int, parallel: int) -> ComparisonPlan:
    """Leave out recipes with which the run would take too long, then the slowest until the comparison is short.

    The first recipe always stays. `trainings` are those of the run, `parallel` how many run side by side.
    """
    usual = next(iter(times))
    runs = {text: trainings * one.training / parallel for text, one in times.items() if one is not None}
    left_out = {text: "its first steps diverge" for text in times if text not in runs and text != usual}
    longest = (1 - COMPARISON_SHARE) * LIMIT_SECONDS
    for text, seconds in runs.items():
        if seconds > longest and text != usual:
            left_out[text] = f"a run with it takes about {_minutes(seconds)}, at most {_minutes(longest)} fit"
    compared = [text for text in times if text not in left_out]
    while len(compared) > 1 and _forecast_comparison(times, compared, parallel) > COMPARISON_SHARE * LIMIT_SECONDS:
        slowest = max(compared[1:], key=lambda text: training_seconds(times[text]))
        compared.remove(slowest)
        left_out[slowest] = f"comparing it takes longer than {_minutes(COMPARISON_SHARE * LIMIT_SECONDS)}"
    seconds = _forecast_comparison(times, compared, parallel) if len(compared) > 1 else 0.0
    return ComparisonPlan(times, runs, tuple(compared), seconds, left_out)


def training_seconds(found: RecipeTime | None) -> float:
    """Return the seconds of a training; 0 if it could not be timed."""
    return found.training if found else 0.0


def _forecast_comparison(times: Mapping[str, RecipeTime | None], compared: Sequence[str], parallel: int) -> float:
    """Return the seconds of a comparison in which the slowest recipes stay to the end."""
    trainings = [training_seconds(times[text]) for text in compared]
    preparation = sum(found.preparation for text in compared if (found := times[text]) is not None)
    last = trainings[:1] + sorted(trainings[1:])[-count_finalists(len(compared)) :]
    return preparation + (sum(trainings) + MORE_SEEDS * sum(last)) / parallel


def count_finalists(compared: int) -> int:
    """Return how many recipes stay beside the usual one."""
    return max(1, compared // 2)


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
