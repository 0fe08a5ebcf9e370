"""What people copy from a model card gives the very pixels that the model is given here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from atlantis_core.exporting.input_snippet import input_snippet
from atlantis_core.exporting.model_card import write_model_card
from atlantis_core.learning.inputs.preprocessing import to_input
from atlantis_core.learning.models.backbones import resolve_backbone
from tests.atlantis_core.exporting.test_model_card import ABOUT

SIZES = [(333, 250), (181, 400), (65, 65), (61, 40), (40, 64)]


@pytest.mark.parametrize("mode", ["center", "squash", "border"])
@pytest.mark.parametrize("share", [0.875, 0.9, 1.0, 1.15])
@pytest.mark.parametrize("filtered", ["bicubic", "bilinear"])
def test_it_gives_the_models_input(mode: str, share: float, filtered: str) -> None:
    described = resolve_backbone("scratch:resnet18")
    backbone = replace(described, crop_mode=mode, crop_pct=share, interpolation=filtered)
    for side_px in (64, 65):
        check(input_snippet(side_px, backbone.crop, backbone.mean), side_px, backbone)


def test_it_gives_the_central_square_of_models_made_before() -> None:
    backbone = resolve_backbone("scratch:resnet18", preprocessing=1)
    check(input_snippet(64, backbone.crop, backbone.mean), 64, backbone)


def check(snippet: str, side_px: int, backbone: Any) -> None:
    """Compare what the snippet makes of noise with the model's input."""
    for number, (width, height) in enumerate(SIZES):
        pixels = np.random.default_rng(number).integers(0, 256, (height, width, 3), np.uint8)
        names: dict[str, Any] = {"image": Image.fromarray(pixels), "Image": Image}
        exec(snippet, names)
        assert names["image"].tobytes() == to_input(Image.fromarray(pixels), side_px, backbone).tobytes()


def test_the_card_says_how_images_are_prepared() -> None:
    crop = resolve_backbone("scratch:test_resnet").crop
    new = write_model_card(replace(ABOUT, crop=crop, with_onnx=True))
    assert (
        "scaled (bilinear) and cropped as the weights were published (timm's crop_mode center, crop_pct 0.95)" in new
    )
    assert "Image.Resampling.BILINEAR" in new
    earlier = "Images are prepared as when this model was made"
    old = write_model_card(replace(ABOUT, earlier_preprocessing=earlier))
    assert f"cut to their central square and scaled to 224 pixels: finer details are lost. {earlier}." in old
    assert earlier not in write_model_card(ABOUT)
