"""`side_px`: transformers are resized to it, also when what was trained is loaded or exported."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from atlantis_core.base.errors import SetupError
from atlantis_core.exporting.model_export import ExportedModel, export_model
from atlantis_core.learning.inputs.activation_cache import ActivationCache
from atlantis_core.learning.inputs.pk_sampler import TrainingImage
from atlantis_core.learning.models.backbones import BackboneSpec, resolve_backbone
from atlantis_core.learning.recipe import Recipe
from atlantis_core.learning.retriever import frozen_retriever, load_retriever
from atlantis_core.learning.training.train import train


@pytest.mark.parametrize("fraction", [0.0, 0.5, 1.0])
def test_a_transformer_trains_at_another_side_and_is_the_same_when_loaded_or_exported(
    fraction: float,
    images: list[TrainingImage],
    backbone: BackboneSpec,
    recipe: Recipe,
    cache: ActivationCache,
    tmp_path: Path,
) -> None:
    smaller = replace(recipe, side_px=24, steps=2, warmup_steps=1, trainable_fraction=fraction)
    report = train(images, backbone, smaller, 0, tmp_path / "m", cache)
    loaded = load_retriever(report.path)
    export_model(ExportedModel(report.path), tmp_path / "exported")
    paths = [image.path for image in images]
    assert loaded.side_px == 24
    assert np.array_equal(load_retriever(tmp_path / "exported").embed(paths), loaded.embed(paths))
    np.testing.assert_allclose(loaded.embed_cached(images, cache), loaded.embed(paths), atol=1e-3)


def test_position_embeddings_are_interpolated_from_the_pretrained_ones(backbone: BackboneSpec) -> None:
    first, resized = (
        frozen_retriever(backbone, side_px=side).stages.backbone.state_dict()["pos_embed"] for side in (0, 24)
    )
    assert (first.shape[1], resized.shape[1]) == (1 + 4 * 4, 1 + 3 * 3)
    assert torch.equal(first[0, 0], resized[0, 0])  # the class token has no place
    assert abs(float(first[0, 1:].mean() - resized[0, 1:].mean())) < 0.01


def test_a_side_that_patches_do_not_fill_is_a_line(backbone: BackboneSpec) -> None:
    with pytest.raises(SetupError, match=r"use a multiple of 8, such as 32") as caught:
        frozen_retriever(backbone, side_px=30)
    assert "\n" not in str(caught.value)


def test_a_description_with_another_side_than_the_weights_is_a_line(vit_weights: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy(vit_weights, tmp_path))
    facts = json.loads(vit_weights.with_suffix(".json").read_text())
    copy.with_suffix(".json").write_text(json.dumps(facts | {"input_px": 48}))
    with pytest.raises(SetupError, match="says input_px=48; write input_px=32"):
        load_retriever(copy)


def test_a_backbone_of_one_side_only_says_so() -> None:
    mixer = resolve_backbone("scratch:mixer_s32_224")
    with pytest.raises(SetupError, match=r"'mixer_s32_224' cannot take side_px=96: Input height \(96\)"):
        frozen_retriever(mixer, side_px=96)
