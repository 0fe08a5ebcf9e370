"""Chunks and several processes give the gradients of the complete batch."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from atlantis_core.base.errors import SetupError
from atlantis_core.learning.inputs.activation_cache import ActivationCache
from atlantis_core.learning.inputs.pk_sampler import Batch, TrainingImage
from atlantis_core.learning.losses.losses import make_loss
from atlantis_core.learning.models.backbones import BackboneSpec
from atlantis_core.learning.recipe import Recipe
from atlantis_core.learning.retriever import load_retriever
from atlantis_core.learning.training.distributed import ProcessGroup
from atlantis_core.learning.training.gradients import GradientComputer
from atlantis_core.learning.training.train import train

LOSSES = ["supcon", "proxy_anchor", "multi_similarity", "triplet:miner=all"]


def gradients(loss: str, chunk: int, recipe: Recipe) -> tuple[float, list[torch.Tensor]]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        model = nn.Sequential(nn.Linear(10, 20), nn.Tanh(), nn.Linear(20, 8))
        images = torch.randn(12, 10)
    labels = torch.arange(12) // 3
    module = make_loss(replace(recipe, loss=loss), 4, 8, 0)
    trained = list(model.parameters())
    compute = GradientComputer(lambda x: nn.functional.normalize(model(x), dim=1), module, trained, chunk)
    value, embeddings = compute(images, labels)
    assert embeddings.shape == (12, 8)
    assert not embeddings.requires_grad
    return value, [p.grad for p in [*trained, *module.parameters()] if p.grad is not None]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("chunk", [1, 5, 12, 100])
def test_pieces_give_the_gradient_of_the_whole(loss: str, chunk: int, recipe: Recipe) -> None:
    whole, expected = gradients(loss, 0, recipe)
    value, found = gradients(loss, chunk, recipe)
    assert value == pytest.approx(whole, abs=1e-5)
    assert len(found) == len(expected) >= 4
    assert max(float(g.abs().max()) for g in expected) > 1e-3
    for one, other in zip(found, expected, strict=True):
        assert torch.allclose(one, other, atol=1e-5)


class _Two:
    """What `ProcessGroup` reads of accelerate, in the second of two processes."""

    is_main_process = False
    num_processes = 2
    process_index = 1


def test_a_process_embeds_its_stretch() -> None:
    batch = Batch(np.arange(6), np.arange(6), np.arange(6))
    assert ProcessGroup(_Two()).own_part(batch).images.tolist() == [3, 4, 5]
    assert ProcessGroup(_Two()).own_gradients(torch.arange(6)).tolist() == [3, 4, 5]
    with pytest.raises(SetupError, match="5 images cannot be divided equally among 2 processes"):
        ProcessGroup(_Two()).own_part(Batch(np.arange(5), np.arange(5), np.arange(5)))


def _trained(images: list[TrainingImage], backbone: BackboneSpec, recipe: Recipe, folder: Path) -> None:
    """Train in one of the processes that a launcher started."""
    os.environ["ACCELERATE_USE_CPU"] = "true"
    torch.set_num_threads(1)
    train(images, backbone, recipe, 0, folder / "two", ActivationCache(folder / "cache"))


@pytest.mark.slow
def test_two_processes_train_as_one(
    images: list[TrainingImage], backbone: BackboneSpec, recipe: Recipe, tmp_path: Path
) -> None:
    from accelerate import debug_launcher  # type: ignore[import-untyped]

    even = replace(recipe, images_per_class=4, loss="proxy_anchor", steps=6, feed="online")
    cache = ActivationCache(tmp_path / "cache")
    alone = train(images, backbone, even, 0, tmp_path / "one", cache)
    debug_launcher(_trained, (images, backbone, even, tmp_path), num_processes=2)
    paths = [image.path for image in images]
    one, two = (load_retriever(tmp_path / name).embed(paths) for name in ("one", "two"))
    assert np.abs(one - two).max() < 1e-4
    assert np.abs(one - two).max() < 0.01 * np.abs(one - one.mean(axis=0)).max()
    assert alone.steps == 6
