"""New views at every draw: in order, from memory or from disk, and never larger than they need to be."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from atlantis_core.base.errors import SetupError
from atlantis_core.base.ports import no_progress
from atlantis_core.learning.inputs.activation_cache import ActivationCache
from atlantis_core.learning.inputs.augmentation import augmented_view, strength_of
from atlantis_core.learning.inputs.decoded_cache import DecodedImageCache
from atlantis_core.learning.inputs.loaders import BatchLoader, make_loader
from atlantis_core.learning.inputs.pk_sampler import TrainingImage, sample_batches
from atlantis_core.learning.inputs.preprocessing import decode_image, to_batch
from atlantis_core.learning.models.backbone_modules import create_backbone
from atlantis_core.learning.models.backbones import BackboneSpec
from atlantis_core.learning.models.split_backbone import Stages, split_backbone
from atlantis_core.learning.recipe import Recipe


@pytest.fixture
def online(recipe: Recipe) -> Recipe:
    return replace(recipe, feed="online")


@pytest.fixture
def stages(backbone: BackboneSpec, recipe: Recipe) -> Stages:
    return split_backbone(create_backbone(backbone), recipe.trainable_fraction)


@pytest.fixture
def loader(
    images: list[TrainingImage], backbone: BackboneSpec, online: Recipe, stages: Stages, cache: ActivationCache
) -> BatchLoader:
    return make_loader(images, backbone, online, stages, cache, no_progress)


def test_batches_come_in_order_with_the_views_they_ask_for(
    images: list[TrainingImage], backbone: BackboneSpec, online: Recipe, stages: Stages, loader: BatchLoader
) -> None:
    wanted = list(islice(sample_batches(images, online, 5), 7))
    streamed = list(loader.stream(iter(wanted)))
    assert len(streamed) == 7
    strength = strength_of(online.augmentation)
    for batch, activations in zip(wanted, streamed, strict=True):
        views = [
            augmented_view(decode_image(images[i].path), backbone.input_px, strength, images[i].id, number)
            for i, number in zip(batch.images.tolist(), batch.views.tolist(), strict=True)
        ]
        with torch.no_grad():
            assert torch.equal(activations, stages.lower(to_batch(views, backbone)))


def test_no_view_comes_twice(images: list[TrainingImage], online: Recipe) -> None:
    drawn = [
        pair
        for batch in islice(sample_batches(images, online, 0), 200)
        for pair in zip(batch.images.tolist(), batch.views.tolist(), strict=True)
    ]
    assert len(set(drawn)) == len(drawn)


def test_a_stream_that_is_left_early_ends(images: list[TrainingImage], online: Recipe, loader: BatchLoader) -> None:
    stream = loader.stream(sample_batches(images, online, 0))
    assert next(stream).shape[0] == 9
    stream.close()  # type: ignore[attr-defined]


def test_clean_images_start_the_head_alike(
    images: list[TrainingImage],
    backbone: BackboneSpec,
    recipe: Recipe,
    stages: Stages,
    cache: ActivationCache,
    loader: BatchLoader,
) -> None:
    cached = make_loader(images, backbone, recipe, stages, cache, no_progress)
    one, other = (torch.cat(list(source.clean(5))) for source in (cached, loader))
    assert torch.allclose(one, other, atol=1e-2)


def test_an_unreadable_image_is_reported(
    images: list[TrainingImage], backbone: BackboneSpec, online: Recipe, stages: Stages, cache: ActivationCache
) -> None:
    broken = [*images, TrainingImage("gone", "/nowhere/gone.png", "across")]
    loader = make_loader(broken, backbone, online, stages, cache, no_progress)
    with pytest.raises(SetupError, match=r"gone\.png"):
        list(loader.stream(islice(sample_batches(broken, online, 0), 60)))


def test_images_are_shrunk_and_held_while_there_is_room(tmp_path: Path) -> None:
    images = []
    for number, size in enumerate([(400, 300), (90, 200), (20, 30)]):
        path = tmp_path / f"{number}.png"
        Image.new("RGB", size, (number, 0, 0)).save(path)
        images.append(TrainingImage(str(number), str(path), "a"))
    cached = DecodedImageCache(images, side_px=32, max_bytes=64 * 142 * 3 + 10)
    assert [cached[number].size for number in range(3)] == [(85, 64), (64, 142), (20, 30)]
    for image in images:
        Path(image.path).unlink()
    assert cached[0].size == (85, 64)  # held
    assert cached[2].size == (20, 30)  # small enough for the room that was left
    with pytest.raises(SetupError, match="cannot be read"):
        cached[1]
    assert len(cached) == 3


def test_memory_and_disk_give_the_same_pixels(images: list[TrainingImage]) -> None:
    held, unheld = DecodedImageCache(images, 32), DecodedImageCache(images, 32, max_bytes=0)
    for _ in range(2):
        assert np.array_equal(np.asarray(held[3]), np.asarray(unheld[3]))
