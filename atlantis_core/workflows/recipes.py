"""Which recipe to train with: all that are named, compared on training images that are held out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from atlantis_core.run.recipes.comparison import Figures, check_comparable, score_recipes, train_recipes
from atlantis_core.run.recipes.held_out import hold_out_for

if TYPE_CHECKING:
    from atlantis_core.run.session import Session


def compare_recipes(session: Session, presets: Sequence[str], seeds: Sequence[int]) -> dict[str, Any]:
    """Train each preset with each seed on a part of the training split, and measure it on the held-out rest.

    The best is the one with the highest mean less the standard deviation over seeds: a gain over a steady baseline
    can be proven with fewer seeds.

    Returns:
        JSON-able: `recipes` (best first: `preset`, `recalls` by seed, `mean`, `sd`, `score`, `seconds`, `error`),
        `best` (a preset; None if every training diverged), `held_out`, `queries` and `trained_on`.

    Raises:
        SetupError: Unknown preset, or no image can be held out.
    """
    from atlantis_core.learning.training.presets import recipe_for

    recipes = {text: recipe_for(text, session.spec.backbone, session.backbone) for text in presets}
    for text, recipe in recipes.items():
        check_comparable(text, recipe)
    held = hold_out_for(session.collection, session.spec.regime)
    trained = train_recipes(session, held, recipes, seeds)
    figures = [Figures(text, tuple(results)) for text, results in trained.items()]
    scores = score_recipes(figures)
    rows = [_row(one, scores[one.preset]) for one in figures]
    rows.sort(key=lambda row: -math.inf if row["score"] is None else row["score"], reverse=True)
    return {
        "recipes": rows,
        "best": rows[0]["preset"] if rows[0]["mean"] is not None else None,
        "held_out": held.what,
        "queries": len(held.queries),
        "trained_on": len(held.rest),
    }


def _row(figures: Figures, score: float | None) -> dict[str, Any]:
    return {
        "preset": figures.preset,
        "recalls": figures.recalls,
        "mean": figures.mean,
        "sd": figures.sd,
        "seconds": round(figures.seconds, 2),
        "error": figures.error,
        "score": score,
    }
