"""`--preset best`: the recipe of a run is chosen before its baseline, by one cheap comparison.

Successive halving (Jamieson and Talwalkar, AISTATS 2016) over seeds: every recipe that fits into the time is trained
once on a part of the training images, the better half and the usual recipe twice more. Of the recipes whose score is
within one standard error of the best (Breiman et al. 1984, section 3.4.3) the quickest is taken, so that time is
spent only where a difference can be seen. Validation and test images are not used.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from atlantis_core.base.errors import SetupError
from atlantis_core.base.parallel import count_parallel
from atlantis_core.base.plural import count_noun
from atlantis_core.records import RecipeChoice, RecipeTried
from atlantis_core.run.forecasting import write_forecast
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.pilots import list_tries
from atlantis_core.run.recipes.candidates import list_candidates
from atlantis_core.run.recipes.comparison import (
    Figures,
    check_comparable,
    list_trained_on,
    score_recipes,
    train_recipes,
)
from atlantis_core.run.recipes.held_out import HeldOut, hold_out_for
from atlantis_core.run.recipes.planning import (
    LIMIT_SECONDS,
    MORE_SEEDS,
    ComparisonPlan,
    count_finalists,
    plan_comparison,
    training_seconds,
)
from atlantis_core.run.recipes.timing import time_recipes

if TYPE_CHECKING:
    from atlantis_core.learning.recipe import Recipe
    from atlantis_core.run.session import Session

_ALIKE = 1.5
"""Ratio of two trainings' seconds up to which they count as equally quick: timings vary."""


def choose_recipe(session: Session) -> RecipeChoice | None:
    """Choose the recipe of a run that leaves it open, and pin it in its specification; None if it is settled.

    The choice is written down first: a run that was killed goes on with it.

    Raises:
        SetupError: A setting after `best?` is unknown, or makes recipes look at validation queries.
        Stopped: The work is to end; finished trainings are reused later.
    """
    from atlantis_core.learning.training.presets import is_open_preset

    asked = session.spec.preset
    if not is_open_preset(asked):
        return None
    choice = session.read(0, JournalKind.RECIPE)
    if choice is None:
        with session.span("tool", "choose_recipe", {"round": 0, "preset": asked}) as span:
            choice = _choose(session, asked)
            span.output = {"text": choice.sentence, "artifact": choice}
        session.write(0, JournalKind.RECIPE, choice)
        session.workspace.ledger.spend(session.run_id, "seconds", choice.seconds, f"recipes/{session.run_id}")
    session.spec = replace(session.spec, preset=choice.preset)
    session.workspace.runs.settle(session.run_id, session.spec)
    session.say(choice.sentence)
    _forecast_again(session)
    return choice


def _forecast_again(session: Session) -> None:
    """Forecast with the trainings of the workspace that have this recipe, and say it if that changes anything."""
    before = session.read(0, JournalKind.FORECAST)
    sentence = write_forecast(session)
    if sentence and (before is None or before.sentence != sentence):
        session.say(sentence)


def _choose(session: Session, asked: str) -> RecipeChoice:
    started = time.monotonic()
    recipes = _build_recipes(session, list_candidates(session.spec.regime, asked.partition("?")[2]))
    usual = next(iter(recipes))
    try:
        held = hold_out_for(session.collection, session.spec.regime)
    except SetupError as error:
        return RecipeChoice(asked, usual, f"the usual one: {error}", limit_seconds=LIMIT_SECONDS)
    plan = plan_comparison(
        time_recipes(session, list_trained_on(session, held), recipes), count_trainings(session), count_parallel()
    )
    for line in plan.describe(len(held.queries), held.what):
        session.say(line)
    figures = _train_by_halving(session, held, {text: recipes[text] for text in plan.compared})
    choice = _conclude(asked, held, plan, figures)
    return replace(choice, seconds=round(time.monotonic() - started, 2))


def _build_recipes(session: Session, texts: Sequence[str]) -> dict[str, Recipe]:
    """Return the recipes by preset, less those that equal an earlier one or that a person's settings do not fit.

    Raises:
        SetupError: The settings do not fit the first one.
    """
    from atlantis_core.learning.losses.losses import check_loss
    from atlantis_core.learning.training.presets import recipe_for

    found: dict[str, tuple[str, Recipe]] = {}
    for text in texts:
        try:
            recipe = recipe_for(text, session.spec.backbone, session.backbone)
            check_loss(recipe)
        except SetupError:
            if not found:
                raise
            continue
        check_comparable(text, recipe)
        found.setdefault(recipe.key, (text, recipe))
    return dict(found.values())


def count_trainings(session: Session) -> int:
    """Return about how many trainings a run takes: baseline, pilots and candidates of every round, one unclear."""
    spec = session.spec
    pilots = sum(offer.trainings for offer in list_tries(session))
    unclear = 2 * (session.max_seeds - spec.seeds)
    return spec.seeds + 1 + spec.budget.rounds * (pilots + spec.seeds + 1) + unclear


def _train_by_halving(session: Session, held: HeldOut, recipes: Mapping[str, Recipe]) -> list[Figures]:
    """Train each recipe once, and the better half and the first recipe further; return their figures."""
    if len(recipes) == 1:
        return []
    first = session.spec.seed
    found = {text: Figures(text, tuple(one)) for text, one in train_recipes(session, held, recipes, [first]).items()}
    usual, *others = recipes
    others.sort(key=lambda text: -1.0 if found[text].mean is None else found[text].mean or 0.0, reverse=True)
    left = [usual, *others[: count_finalists(len(recipes))]]
    seeds = range(first + 1, first + 1 + MORE_SEEDS)
    going_on = {text: recipes[text] for text in left if found[text].mean is not None}
    for text, more in train_recipes(session, held, going_on, seeds).items():
        found[text] = Figures(text, (*found[text].results, *more))
    return list(found.values())


def _conclude(asked: str, held: HeldOut, plan: ComparisonPlan, figures: Sequence[Figures]) -> RecipeChoice:
    """Take the quickest recipe whose score is within one standard error of the best one's."""
    usual = plan.compared[0]
    finalists = [one for one in figures if one.mean is not None and len(one.results) > 1]
    scores = score_recipes(finalists)
    chosen, reason = usual, "the usual one: nothing else fits into the time" if not figures else ""
    if finalists:
        best = max(finalists, key=lambda one: scores[one.preset] or 0.0)
        near = [one for one in finalists if _is_near(one, best, scores)]
        quick = min(training_seconds(plan.times[one.preset]) for one in near)
        alike = [one for one in near if training_seconds(plan.times[one.preset]) <= _ALIKE * quick]
        taken = max(alike, key=lambda one: scores[one.preset] or 0.0)
        chosen, reason = taken.preset, _explain(taken, best, scores, held, len(figures))
    elif figures:
        reason = "the usual one: every training of the comparison diverged"
    return RecipeChoice(
        asked=asked,
        preset=chosen,
        reason=reason,
        held_out=held.what if figures else "",
        queries=len(held.queries) if figures else 0,
        trained_on=len(held.rest) if figures else 0,
        tried=_list_tried(plan, figures, scores),
        expected_seconds=round(plan.seconds, 2),
        limit_seconds=LIMIT_SECONDS,
    )


def _is_near(one: Figures, best: Figures, scores: Mapping[str, float | None]) -> bool:
    """Whether a recipe's score is within the standard error of its difference to the best, paired over queries."""
    difference = best.hit_rates - one.hit_rates
    error = float(difference.std(ddof=1)) / len(difference) ** 0.5 if len(difference) > 1 else 1.0
    return one is best or (scores[best.preset] or 0.0) - (scores[one.preset] or 0.0) <= error


def _explain(taken: Figures, best: Figures, scores: Mapping[str, float | None], held: HeldOut, compared: int) -> str:
    figures = f"R@1 {taken.mean:.3f}, spread {taken.sd:.3f}"
    of = f"of {count_noun(compared, 'recipe')} on {len(held.queries)} {held.what}"
    if taken is best:
        return f"{figures}: the highest mean less spread {of}"
    behind = 100 * ((scores[best.preset] or 0.0) - (scores[taken.preset] or 0.0))
    quicker = f"{best.preset} scores {behind:.1f} points more, which is within its error, and is not quicker"
    return f"{figures}: the quickest {of} that is as good as the best; {quicker}"


def _list_tried(
    plan: ComparisonPlan, figures: Sequence[Figures], scores: Mapping[str, float | None]
) -> tuple[RecipeTried, ...]:
    """Return every recipe, best first: by score, then by the one training of those that went no further."""
    trained = {one.preset: one for one in figures}
    rows = [_describe_tried(text, plan, trained.get(text), scores.get(text)) for text in plan.times]

    def rank(row: RecipeTried) -> tuple[bool, float]:
        return row.score is not None, row.score if row.score is not None else row.mean or -1.0

    return tuple(sorted(rows, key=rank, reverse=True))


def _describe_tried(text: str, plan: ComparisonPlan, figures: Figures | None, score: float | None) -> RecipeTried:
    found = plan.times[text]
    row = RecipeTried(
        preset=text,
        score=score,
        training_seconds=round(found.training, 2) if found else None,
        run_seconds=round(plan.run_seconds[text], 1) if text in plan.run_seconds else None,
        note=plan.left_out.get(text, ""),
    )
    if figures is None:
        return row
    note = f"diverged: {figures.error}" if figures.error else "" if score is not None else "not among the better half"
    return replace(row, recalls=tuple(figures.recalls), mean=figures.mean, sd=figures.sd, note=note)
