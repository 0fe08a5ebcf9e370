"""How the recipe of a run with `--preset best` was chosen."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RecipeTried:
    """A recipe of the comparison. Recall@1 is on held-out training images."""

    preset: str
    recalls: tuple[float, ...] = ()
    """Recall@1 of each seed; empty if it was not trained."""
    mean: float | None = None
    sd: float | None = None
    """Sample standard deviation over the seeds; None for a single one."""
    score: float | None = None
    """Mean less the standard deviation, shrunk towards that of all recipes; higher is better."""
    training_seconds: float | None = None
    """Of one training: forecast by timing a few steps; None if those failed."""
    run_seconds: float | None = None
    """Forecast of the entire run with it."""
    note: str = ""
    """Why it was left out, or how its training failed."""


@dataclass(frozen=True, slots=True)
class RecipeChoice:
    """The comparison that chose a run's recipe, before anything else was trained."""

    asked: str
    """`best`, perhaps with settings, as the person typed it."""
    preset: str
    """The chosen recipe, as for `--preset`."""
    reason: str
    held_out: str = ""
    """Which training images were the queries, in words; empty if nothing was compared."""
    queries: int = 0
    trained_on: int = 0
    """Training images that were not held out."""
    tried: tuple[RecipeTried, ...] = ()
    """Best first; those that were not trained last."""
    expected_seconds: float = 0.0
    """Forecast of the comparison."""
    seconds: float = 0.0
    limit_seconds: float = 0.0
    """What comparison and run together may take."""

    @property
    def sentence(self) -> str:
        """The choice in words."""
        return f"recipe {self.preset} ({self.reason})"
