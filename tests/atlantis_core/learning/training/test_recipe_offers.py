"""Which recipes are offered, and that each offer can be trained."""

from __future__ import annotations

import pytest

from atlantis_core.base.errors import SetupError
from atlantis_core.learning.attacks import Attack, parse_attack
from atlantis_core.learning.training.presets import PRESETS, parse_preset
from atlantis_core.learning.training.recipe_offers import change_recipe, list_recipe_offers


@pytest.mark.parametrize("preset", sorted(PRESETS))
@pytest.mark.parametrize("attack", [None, Attack("pgd", 4.0), Attack("fgsm", 1.0)])
@pytest.mark.parametrize("rarest", [0.0, 0.2, 1.0])
def test_every_offer_is_a_valid_other_recipe(preset: str, attack: Attack | None, rarest: float) -> None:
    recipe = PRESETS[preset]
    offers = list_recipe_offers(recipe, attack, rarest)
    for offer in offers:
        changed = change_recipe(recipe, offer.settings)
        assert changed != recipe
        assert offer.cost > 0
        assert offer.shows
        assert parse_preset(f"{preset}?{offer.settings}") == changed


def test_attacked_queries_are_answered_by_attacked_images_of_the_same_strength_from_the_pixels_on() -> None:
    (offer,) = list_recipe_offers(PRESETS["cpu"], Attack("pgd", 3.0, 20))
    recipe = change_recipe(PRESETS["cpu"], offer.settings)
    assert parse_attack(recipe.attack).epsilon == 3.0
    assert (recipe.feed, recipe.trainable_fraction) == ("online", 1.0)
    assert list_recipe_offers(recipe, Attack("pgd", 3.0, 20)) == []


def test_styles_are_mixed_only_where_queries_show_what_training_lacks() -> None:
    def settings(rarest: float) -> set[str]:
        return {offer.settings.partition("=")[0] for offer in list_recipe_offers(PRESETS["cpu"], None, rarest)}

    assert settings(1.0) == {"feed"}
    assert settings(0.0) == {"feed", "mixstyle"}
    assert settings(0.2) == {"feed", "mixstyle", "cell_balance"}


def test_a_wrong_setting_is_refused() -> None:
    with pytest.raises(SetupError, match="has no option 'tempo'"):
        change_recipe(PRESETS["cpu"], "tempo=3")
