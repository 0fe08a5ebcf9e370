"""Which changes of a recipe are worth a try in a run, what each can show, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from atlantis_core.base.option_strings import name_and_options, typed_options
from atlantis_core.learning.attacks import Attack, format_attack
from atlantis_core.learning.recipe import Recipe
from atlantis_core.learning.training.presets import PRESETS

if TYPE_CHECKING:
    from collections.abc import Sequence

STRIDE = 1.25
"""Step of the one-step attack in training, of epsilon (Wong et al. 2020, section 4.1)."""


@dataclass(frozen=True, slots=True)
class RecipeOffer:
    """A change of the recipe."""

    settings: str
    """What is set, as behind a preset: `feed=online&trainable_fraction=1.0`."""
    shows: str
    """What it can change, in words."""
    cost: float
    """Seconds of a training relative to the recipe's own, roughly, on a CPU."""


def change_recipe(recipe: Recipe, settings: str) -> Recipe:
    """Return a recipe with other settings, given as behind a preset.

    Raises:
        SetupError: Unknown setting, or an invalid value.
    """
    return replace(recipe, **typed_options(Recipe, name_and_options(f"?{settings}", "?", "recipe")[1], "recipe"))


def list_recipe_offers(recipe: Recipe, attack: Attack | None, rarest: float = 1.0) -> Sequence[RecipeOffer]:
    """Return the changes of a recipe that are worth a try, most promising first; none that it has already.

    If queries are attacked, training on attacked images is the only one: what raises clean recall leaves attacked
    recall near 0.

    Args:
        recipe: The recipe so far.
        attack: The attack on the measured queries; None for clean ones.
        rarest: Training images with the rarest facet value that is queried, relative to those of a typical value.
    """
    if attack is not None:
        offers = [_offer_attacked(recipe, attack)]
    else:
        offers = [_offer_whole(recipe), *([_MIXSTYLE] if rarest < _RARE else [])]
        offers += [_BALANCE] if 0 < rarest < _RARE else []
    return [offer for offer in offers if change_recipe(recipe, offer.settings) != recipe]


_RARE = 0.5
"""Share of the typical number of images below which a queried facet value counts as rare."""
_MIXSTYLE = RecipeOffer("mixstyle=0.5", "images of every style in the statistics of the others' features", 1.05)
_BALANCE = RecipeOffer("cell_balance=1.0", "facet values that are rare in their class, as often as the others", 1.0)


def _offer_whole(recipe: Recipe) -> RecipeOffer:
    """Offer to train the whole backbone on new views, as the preset `full` does."""
    steps = max(PRESETS["full"].steps, recipe.steps)
    shows = "features of the lower layers too, on a new view at each draw"
    return RecipeOffer(_set_whole(recipe, steps), shows, _cost(recipe, steps))


def _set_whole(recipe: Recipe, steps: int) -> str:
    full = PRESETS["full"]
    return f"feed={full.feed}&trainable_fraction=1.0&steps={steps}&lr_trunk={min(full.lr_trunk, recipe.lr_trunk)}"


def _offer_attacked(recipe: Recipe, attack: Attack) -> RecipeOffer:
    """Offer to train on attacked images, from the pixels on.

    The attack in training is one step from a random start, as strong as the one that is measured. With two images of
    a class in a batch, one of them attacked, a clean image is always pulled to an attacked one; as many images are
    drawn as by `full`, in smaller batches and more steps.
    """
    own = format_attack(Attack("pgd", attack.epsilon, 1, step=STRIDE * attack.epsilon))
    draws = max(PRESETS["full"].steps, recipe.steps) * max(recipe.images_per_class, _PAIR)
    steps = draws // _PAIR if recipe.images_per_class > _PAIR else max(PRESETS["full"].steps, recipe.steps)
    settings = f"{_set_whole(recipe, steps)}&images_per_class={_PAIR}&attack={own}"
    cost = _cost(recipe, steps) * _PAIR / recipe.images_per_class * _ATTACK_COST
    return RecipeOffer(settings, "images as an attacker changes them, with their true class", cost)


_PAIR = 2
"""Images of a class in a batch that is attacked: a clean one and an attacked one."""


def _cost(recipe: Recipe, steps: int) -> float:
    cached = recipe.feed == "cached"
    return steps / recipe.steps * (_WHOLE_COST if cached else 1 / max(recipe.trainable_fraction, 0.25))


_WHOLE_COST = 6.0
"""Seconds of a step that trains a whole MobileNetV2 on new views, relative to one on 40 % cached activations."""
_ATTACK_COST = 1.7
"""Seconds of a step with an attack of one step on half of the images, relative to one without (MobileNetV2, CPU)."""
