"""Which changes of a recipe are worth a try in a run, what each can show, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from atlantis_core.base.option_strings import name_and_options, typed_options
from atlantis_core.learning.attacks import Attack
from atlantis_core.learning.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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


def list_recipe_offers(
    recipe: Recipe, attack: Attack | None, cells: Mapping[tuple[str, str], int], *, shifts: bool
) -> Sequence[RecipeOffer]:
    """Return the changes of a run's recipe, most promising first; none that it has already.

    A goal about attacked queries needs the one change that answers attacks: whatever else raises clean recall leaves
    attacked recall near 0.

    Args:
        recipe: The incumbent's.
        attack: The attack on the measured queries; None for clean ones.
        cells: Training images by class and facet value.
        shifts: Whether queries show facet values that few training images show.
    """
    if attack is not None:
        offers = [offer_attacked(recipe, attack)]
    else:
        offers = [_offer_mixstyle(recipe), _offer_whole(recipe)] if shifts else [_offer_whole(recipe)]
        offers += [_offer_balance(cells)] if shifts and not _is_even(cells) else []
    return [offer for offer in offers if change_recipe(recipe, offer.settings) != recipe]
