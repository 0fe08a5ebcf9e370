"""Tiny backbones and tiny images: classes of stripes that even a random backbone separates a little."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from atlantis_core.learning.inputs.activation_cache import ActivationCache
from atlantis_core.learning.inputs.pk_sampler import TrainingImage
from atlantis_core.learning.models.backbones import BackboneSpec, resolve_backbone
from atlantis_core.learning.recipe import Recipe
from atlantis_core.learning.training.presets import parse_preset

VIT: dict[str, object] = {"img_size": 32, "patch_size": 8, "embed_dim": 32, "depth": 2, "num_heads": 2}


def write_weights(path: Path, architecture: str, arguments: dict[str, object], classes: int) -> Path:
    """Write a random backbone, with its classifier, as half-precision safetensors with its description."""
    import timm
    import torch
    from safetensors.torch import save_file

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = timm.create_model(architecture, num_classes=classes, **arguments)
    save_file({k: v.half() if v.is_floating_point() else v for k, v in model.state_dict().items()}, path)
    facts = {
        "architecture": architecture,
        "arguments": arguments,
        "mean": [0.5] * 3,
        "std": [0.25] * 3,
        "input_px": 32,
    }
    path.with_suffix(".json").write_text(json.dumps(facts))
    return path


@pytest.fixture(scope="session")
def vit_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_weights(tmp_path_factory.mktemp("w") / "vit.safetensors", "vit_tiny_patch16_224", VIT, 5)


@pytest.fixture(scope="session")
def backbone(vit_weights: Path) -> BackboneSpec:
    return resolve_backbone(weights=str(vit_weights))


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[TrainingImage]:
    """Three classes of stripes (their direction), six images each in random colours."""
    folder = tmp_path_factory.mktemp("images")
    generator = np.random.default_rng(0)
    rows, columns = np.mgrid[:32, :32]
    images = []
    for label, phase in (("across", rows), ("down", columns), ("slanted", rows + columns)):
        for number in range(6):
            stripes = (phase + generator.integers(8)) // 4 % 2
            dark, bright = generator.integers(0, 120, 3), generator.integers(140, 256, 3)
            pixels = np.where(stripes[..., None] == 0, dark, bright) + generator.normal(0, 12, (32, 32, 3))
            path = folder / f"{label}{number}.png"
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)
            images.append(TrainingImage(f"{label}{number}", str(path), label))
    return images


@pytest.fixture
def cache(tmp_path: Path) -> ActivationCache:
    return ActivationCache(tmp_path / "cache")


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    return parse_preset(
        "cpu",
        steps=12,
        classes_per_batch=3,
        images_per_class=3,
        views=2,
        trainable_fraction=0.5,
        embed_dim=16,
        lr_trunk=1e-3,  # random blocks move further than pretrained ones; presets may change without these tests
        warmup_steps=2,
    )
