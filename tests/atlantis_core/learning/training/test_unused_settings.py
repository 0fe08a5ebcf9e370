"""Settings without effect are reported; the others are not."""

from __future__ import annotations

import pytest

from atlantis_core.base.errors import SetupError
from atlantis_core.learning.models.backbones import BackboneSpec
from atlantis_core.learning.training.presets import changed_settings, parse_preset, recipe_for
from atlantis_core.learning.training.unused_settings import find_unused_settings


def unused_lines(text: str, *, has_synthetic: bool = False) -> list[str]:
    return find_unused_settings(parse_preset(text), changed_settings(text), has_synthetic=has_synthetic)


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ("synthetic_share=0.3", "synthetic_share=0.3 has no effect: no training image is synthetic"),
        ("synthetic_weight=0.5", "synthetic_weight=0.5 has no effect: no training image is synthetic"),
        ("lr_head=0", "lr_head=0 leaves the head untrained"),
        ("lr_trunk=0", "lr_trunk=0 leaves the backbone untrained"),
        ("trainable_fraction=0&lr_trunk=0.1", "lr_trunk=0.1 has no effect: trainable_fraction=0 does not train"),
        ("trainable_fraction=0&embedding=body", "embedding=body has no effect: trainable_fraction=0"),
        ("feed=online&views=3", "views=3 has no effect: feed=online draws a new view every time"),
        ("attack_share=0.3", "attack_share=0.3 has no effect: the recipe has no attack"),
        ("feed=online&attack=fgsm&attack_share=0", "attack=fgsm has no effect: attack_share=0 attacks no image"),
        ("steps=5", "learning rates never reach their peak: warmup_steps=10 is not below steps=5"),
    ],
)
def test_a_setting_without_effect_is_a_line(settings: str, line: str) -> None:
    (only,) = unused_lines(f"cpu?{settings}")
    assert only.startswith(line)


@pytest.mark.parametrize("text", ["cpu", "smoke", "full", "unseen", "cpu?lr_trunk=0.1&head_steps=20&views=2"])
def test_settings_with_an_effect_are_not_reported(text: str) -> None:
    assert unused_lines(text) == []


def test_synthetic_images_give_their_share_an_effect() -> None:
    assert unused_lines("cpu?synthetic_share=0.3&synthetic_weight=2", has_synthetic=True) == []


@pytest.mark.parametrize("text", ["smoke?head_steps=8", "smoke?warmup_steps=100", "cpu?steps=9&warmup_steps=9"])
def test_a_beginning_that_takes_all_steps_is_refused(text: str, backbone: BackboneSpec) -> None:
    with pytest.raises(SetupError, match=r"_steps=\d+ must be below steps=\d; lower it, or raise steps"):
        recipe_for(text, None, backbone)
