"""Settings that were told in vain are said; those that act are not."""

from __future__ import annotations

import pytest

from atlantis_core.base.errors import SetupError
from atlantis_core.learning.models.backbones import BackboneSpec
from atlantis_core.learning.training.presets import changed_settings, parse_preset, recipe_for
from atlantis_core.learning.training.unused_settings import find_unused_settings


def said(text: str, *, has_made: bool = False) -> list[str]:
    return find_unused_settings(parse_preset(text), changed_settings(text), has_made=has_made)


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ("synthetic_share=0.3", "synthetic_share=0.3 does nothing: no training image is a made one"),
        ("synthetic_weight=0.5", "synthetic_weight=0.5 does nothing: no training image is a made one"),
        ("lr_head=0", "lr_head=0 leaves the head as it began"),
        ("lr_trunk=0", "lr_trunk=0 leaves the trunk as it began"),
        ("trainable_fraction=0&lr_trunk=0.1", "lr_trunk=0.1 does nothing: trainable_fraction=0 leaves the trunk"),
        ("trainable_fraction=0&embedding=body", "embedding=body does nothing: trainable_fraction=0"),
        ("feed=online&views=3", "views=3 does nothing: feed=online draws a new view every time"),
        ("steps=5", "warmup_steps=10 outlast steps=5: learning rates never reach their peak"),
    ],
)
def test_a_setting_told_in_vain_is_a_line(settings: str, line: str) -> None:
    (only,) = said(f"cpu?{settings}")
    assert only.startswith(line)


@pytest.mark.parametrize("text", ["cpu", "smoke", "full", "unseen", "cpu?lr_trunk=0.1&head_steps=20&views=2"])
def test_settings_that_act_are_not_said(text: str) -> None:
    assert said(text) == []


def test_made_images_are_what_their_share_is_for() -> None:
    assert said("cpu?synthetic_share=0.3&synthetic_weight=2", has_made=True) == []


@pytest.mark.parametrize("told", ["smoke?head_steps=8", "smoke?warmup_steps=100", "cpu?steps=9&warmup_steps=9"])
def test_a_beginning_that_takes_all_steps_is_refused(told: str, backbone: BackboneSpec) -> None:
    with pytest.raises(SetupError, match=r"_steps=\d+ leaves no step of \d; lower it or raise steps"):
        recipe_for(told, None, backbone)
