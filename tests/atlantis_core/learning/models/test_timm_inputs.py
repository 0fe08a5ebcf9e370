"""Images are given to a model of timm's as timm says; what was made before keeps its pixels and its hash."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from timm.data import create_transform, resolve_model_data_config

from atlantis_core.base.errors import SetupError
from atlantis_core.learning.inputs.activation_cache import ActivationCache, ViewKind
from atlantis_core.learning.inputs.augmentation import STRENGTHS, augmented_view
from atlantis_core.learning.inputs.pk_sampler import TrainingImage
from atlantis_core.learning.inputs.preprocessing import (
    around_input,
    centre_crop,
    earlier_preprocessing,
    resampling,
    to_batch,
    to_input,
)
from atlantis_core.learning.models.backbone_modules import create_backbone
from atlantis_core.learning.models.backbones import PREPROCESSING, BackboneSpec, resolve_backbone
from atlantis_core.learning.models.split_backbone import split_backbone
from atlantis_core.learning.recipe import Recipe
from atlantis_core.learning.retriever import frozen_retriever, load_retriever
from atlantis_core.learning.training.train import train, training_key

FAMILIES = ["resnet18", "vit_tiny_patch16_224", "convnext_atto", "efficientnet_b0", "swin_tiny_patch4_window7_224"]
SQUASHED, BILINEAR = "vit_base_patch16_siglip_224", "test_resnet"
BEFORE = {
    "scratch:resnet18": "7abbed5f5bb346438080a08340aae322",
    "harbor-student": "f26a53aef23075b19506caaf820d27d8",
}
"""Content hashes of backbones as commit 3ee5752 computed them."""


def photo(width: int, height: int) -> Image.Image:
    """Return a photo-like image: soft colours with edges and a little noise."""
    draw = np.random.default_rng(width * height)
    coarse = Image.fromarray(draw.integers(0, 256, (9, 12, 3), np.uint8)).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    pixels = np.asarray(coarse).astype(int) + draw.integers(-12, 13, (height, width, 3))
    pixels[height // 3 : height // 2, width // 4 : width // 3] += 60
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


PHOTOS = [photo(333, 250), photo(181, 400), photo(224, 224), photo(60, 47)]


@pytest.mark.parametrize("name", [*FAMILIES, SQUASHED, BILINEAR])
def test_pixels_are_those_of_timms_evaluation(name: str) -> None:
    with torch.device("meta"):  # the configuration is what matters, not the weights
        config = resolve_model_data_config(timm.create_model(name, pretrained=False))
    backbone, transform = resolve_backbone(f"scratch:{name}"), create_transform(**config)
    assert (backbone.preprocessing, backbone.input_px) == (PREPROCESSING, config["input_size"][-1])
    for image in PHOTOS:
        ours = to_batch([to_input(image, backbone.input_px, backbone)], backbone)[0]
        torch.testing.assert_close(ours, transform(image), rtol=0, atol=1e-6)


def test_embeddings_are_those_of_timms_evaluation(tmp_path: Path) -> None:
    PHOTOS[0].save(tmp_path / "a.png")
    backbone = resolve_backbone(f"scratch:{BILINEAR}")
    module = create_backbone(backbone)
    with torch.inference_mode():
        pixels = create_transform(**resolve_model_data_config(module))(PHOTOS[0])
        wanted = torch.nn.functional.normalize(module(pixels[None]), dim=1).numpy()
    np.testing.assert_allclose(frozen_retriever(backbone).embed([tmp_path / "a.png"]), wanted, atol=1e-5)


def test_borders_and_crops_above_one_are_padded_as_timm_pads() -> None:
    backbone = replace(resolve_backbone("scratch:resnet18"), input_px=65)
    for changes in ({"crop_mode": "border", "crop_pct": 0.9}, {"crop_pct": 1.15}):
        changed = replace(backbone, **changes)
        transform = create_transform(65, mean=changed.mean, std=changed.std, **changed.crop)
        for image in PHOTOS:
            ours = to_batch([to_input(image, 65, changed)], changed)[0]
            torch.testing.assert_close(ours, transform(image), rtol=0, atol=1e-6)


@pytest.mark.parametrize("changes", [{}, {"crop_mode": "squash"}, {"crop_pct": 1.0}])
def test_a_changed_input_can_be_written_as_a_image(changes: dict[str, Any]) -> None:
    backbone = replace(resolve_backbone("scratch:resnet18"), **changes)
    for image in PHOTOS:
        changed = Image.fromarray(255 - np.asarray(to_input(image, 65, backbone)))
        written = around_input(changed, image, backbone)
        assert to_input(written, 65, backbone).tobytes() == changed.tobytes()
        assert around_input(changed, image, backbone.with_first_preprocessing()) is changed


@pytest.mark.parametrize("mode", ["center", "squash", "border"])
def test_a_thread_of_pixels_is_no_flood_of_them(mode: str) -> None:
    backbone = replace(resolve_backbone("scratch:resnet18"), crop_mode=mode)
    for size in ((1, 60_000), (60_000, 1)):
        assert to_input(Image.new("RGB", size, (255, 0, 0)), 224, backbone).getpixel((112, 112)) == (255, 0, 0)


@pytest.mark.parametrize("name", BEFORE)
def test_what_was_made_before_keeps_its_hash_and_its_pixels(name: str) -> None:
    before = resolve_backbone(name, preprocessing=1)
    assert before.fingerprint == BEFORE[name]
    for image in PHOTOS:
        assert to_input(image, 64, before).tobytes() == centre_crop(image, 64).tobytes()


def test_every_setting_is_part_of_the_hash_of_a_training(images: list[TrainingImage], recipe: Recipe) -> None:
    new = resolve_backbone("scratch:resnet18")
    variants = [
        new,
        new.with_first_preprocessing(),
        replace(new, crop_pct=1.0),
        replace(new, interpolation="bilinear"),
        replace(new, crop_mode="squash"),
    ]
    assert len({training_key(images, backbone, recipe, 0) for backbone in variants}) == len(variants)
    assert len({backbone.fingerprint for backbone in variants}) == len(variants)


def test_cached_activations_are_of_the_same_pixels(tmp_path: Path, cache: ActivationCache) -> None:
    PHOTOS[0].save(tmp_path / "a.png")
    image = TrainingImage("a", str(tmp_path / "a.png"), "x")
    new = resolve_backbone("scratch:test_vit")
    stages = split_backbone(create_backbone(new), 0.5)
    for backbone in (new, new.with_first_preprocessing()):
        [clean] = cache.load([image], ViewKind(160), backbone, stages)
        pixels = to_batch([to_input(PHOTOS[0], 160, backbone)], backbone)
        np.testing.assert_allclose(clean[0], stages.lower(pixels)[0].numpy(), atol=0.02)


def test_views_are_scaled_with_the_models_filter() -> None:
    bilinear, bicubic = resolve_backbone(f"scratch:{BILINEAR}"), resolve_backbone("scratch:resnet18")
    shown = [
        augmented_view(PHOTOS[0], 64, STRENGTHS["mild"], "a", 1, resampling(b)).tobytes() for b in (bilinear, bicubic)
    ]
    assert shown[1] == augmented_view(PHOTOS[0], 64, STRENGTHS["mild"], "a", 1).tobytes()
    assert shown[0] != shown[1]


def test_a_training_keeps_its_preprocessing_and_one_from_before_too(
    images: list[TrainingImage], recipe: Recipe, cache: ActivationCache, tmp_path: Path
) -> None:
    backbone = resolve_backbone("scratch:test_vit")
    short = replace(recipe, steps=1, side_px=32)
    train(images, backbone, short, 0, tmp_path / "new", cache)
    found = load_retriever(tmp_path / "new")
    assert found.backbone.crop == backbone.crop
    assert earlier_preprocessing(found.backbone) == ""
    facts_file = tmp_path / "new" / "model.json"
    facts = json.loads(facts_file.read_text())
    for key in ("interpolation", "crop_pct", "crop_mode"):
        del facts[key]
    facts["backbone"] = {k: v for k, v in facts["backbone"].items() if k not in {"preprocessing", *backbone.crop}}
    facts_file.write_text(json.dumps(facts))  # as commit 3ee5752 wrote it
    before = load_retriever(tmp_path / "new")
    assert before.backbone.preprocessing == 1
    assert "timm's settings of test_vit (bicubic, crop_pct 0.95" in earlier_preprocessing(before.backbone)
    squares = [centre_crop(image, 32) for image in PHOTOS]
    assert np.array_equal(before.embed(PHOTOS), found.embed_inputs(squares))
    assert not np.array_equal(before.embed(PHOTOS), found.embed(PHOTOS))


def described(weights: Path, folder: Path, **facts: object) -> BackboneSpec:
    """Return the backbone of copied weights whose description says more."""
    path = folder / "w.safetensors"
    path.write_bytes(weights.read_bytes())
    description = json.loads(weights.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps(description | facts))
    return resolve_backbone(weights=str(path))


def test_weights_of_ones_own_are_prepared_as_their_description_says(vit_weights: Path, tmp_path: Path) -> None:
    silent = described(vit_weights, tmp_path)
    assert (silent.preprocessing, silent.crop, earlier_preprocessing(silent)) == (1, {}, "")
    said = described(vit_weights, tmp_path, crop_pct=0.9, interpolation="bilinear")
    assert said.crop == {"interpolation": "bilinear", "crop_pct": 0.9, "crop_mode": "center"}
    assert said.fingerprint != silent.fingerprint


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"crop_pct": 0}, "'crop_pct' .* from 0.1 to 2.0"),
        ({"crop_pct": "0.9"}, "'crop_pct'"),
        ({"interpolation": "random"}, "'interpolation' .* one of bicubic"),
        ({"interpolation": ["bicubic"]}, "'interpolation'"),
        ({"crop_mode": "middle"}, "'crop_mode' .* center, squash, border"),
    ],
)
def test_a_crop_that_is_none_is_refused(
    facts: dict[str, object], words: str, vit_weights: Path, tmp_path: Path
) -> None:
    with pytest.raises(SetupError, match=words):
        described(vit_weights, tmp_path, **facts)
