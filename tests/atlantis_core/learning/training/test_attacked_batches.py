"""Attacks on the images of a training step: within epsilon, towards the nearest negative, on the named share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from atlantis_core.base.ports import no_progress
from atlantis_core.data.tasks import RetrievalTask
from atlantis_core.learning.attacks import Attack, attack_all
from atlantis_core.learning.evaluation import embed_task, measure_embeddings
from atlantis_core.learning.inputs.activation_cache import ActivationCache
from atlantis_core.learning.inputs.pk_sampler import TrainingImage
from atlantis_core.learning.losses.losses import make_loss
from atlantis_core.learning.models.backbones import BackboneSpec, resolve_backbone
from atlantis_core.learning.models.heads import Sphere
from atlantis_core.learning.recipe import Recipe
from atlantis_core.learning.retriever import Retriever, frozen_retriever, load_retriever
from atlantis_core.learning.robustness import find_nearest_rows
from atlantis_core.learning.training.attacked_batches import AttackedBatches, make_attacked_batches, spread_rows
from atlantis_core.learning.training.gradients import GradientComputer
from atlantis_core.learning.training.train import train
from atlantis_core.records import LabelledImage

LABELS = torch.tensor([0, 0, 1, 1, 2, 2])


@pytest.mark.parametrize(
    ("count", "share", "rows"),
    [(4, 0.5, [1, 3]), (6, 1.0, [0, 1, 2, 3, 4, 5]), (6, 0.0, []), (8, 0.25, [3, 7]), (10, 0.1, [9]), (3, 0.1, [])],
)
def test_a_share_is_spread_evenly(count: int, share: float, rows: list[int]) -> None:
    assert spread_rows(count, share).tolist() == rows


@pytest.fixture
def model() -> Retriever:
    """A network that cannot be split, so that the attacked pixels themselves are its activations."""
    return frozen_retriever(resolve_backbone("scratch:test_resnet"), 1.0, 32)


@pytest.fixture
def pixels(model: Retriever) -> torch.Tensor:
    """Normalised pixels of six images; some are black or white, beyond which no attack may go."""
    raw = np.random.default_rng(0).integers(0, 256, (6, 3, 32, 32)).clip(1, 250)
    raw[0, :, :8], raw[1, :, :8] = 0, 255
    return normalised(model, torch.from_numpy(raw / 255).float())


def normalised(model: Retriever, shares: torch.Tensor) -> torch.Tensor:
    mean, std = (torch.tensor(part).view(1, 3, 1, 1) for part in (model.backbone.mean, model.backbone.std))
    return (shares - mean) / std


def raw_pixels(model: Retriever, given: torch.Tensor) -> np.ndarray:
    mean, std = (torch.tensor(part).view(1, 3, 1, 1) for part in (model.backbone.mean, model.backbone.std))
    return ((given * std + mean) * 255).numpy()


@pytest.fixture
def attacker(model: Retriever, recipe: Recipe) -> Callable[..., AttackedBatches]:
    def build(
        attack: Attack, share: float = 1.0, chunk: int = 0, seed: int = 0, *, twins: bool = False
    ) -> AttackedBatches:
        def embed(activations: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.normalize(model.stages.upper(activations), dim=1)

        gradients = GradientComputer(embed, make_loss(recipe, 3, model.dims, 0), [], chunk)
        return AttackedBatches(model, gradients, Sphere(), attack, share, seed, twins)

    return build


@pytest.mark.parametrize("attack", [Attack("pgd", 3.0, 2), Attack("fgsm", 3.0), Attack("pgd", 1.5, 1, step=1.9)])
def test_attacked_pixels_stay_within_epsilon_and_are_pixels(
    attack: Attack, model: Retriever, pixels: torch.Tensor, attacker: Callable[..., AttackedBatches]
) -> None:
    changed = raw_pixels(model, attacker(attack)(pixels, LABELS, 0))
    moved = np.abs(changed - raw_pixels(model, pixels)).max(axis=(1, 2, 3))
    assert (moved <= attack.epsilon + 1e-3).all()
    assert (moved > attack.epsilon / 2).all()
    assert changed.min() >= -1e-3
    assert changed.max() <= 255 + 1e-3


def test_only_the_share_is_attacked_and_the_model_is_not_trained(
    pixels: torch.Tensor, model: Retriever, attacker: Callable[..., AttackedBatches]
) -> None:
    before = pixels.clone()
    changed = attacker(Attack("pgd", 3.0, 2), share=0.5)(pixels, LABELS, 0)
    is_changed = (changed - before).abs().amax(dim=(1, 2, 3)) > 1e-4
    assert is_changed.tolist() == [False, True, False, True, False, True]
    assert torch.equal(pixels, before)
    assert all(parameter.grad is None for parameter in model.stages.backbone.parameters())
    assert torch.equal(attacker(Attack(), share=0.0)(pixels, LABELS, 0), before)


def test_a_twin_is_its_neighbour_attacked(
    pixels: torch.Tensor, model: Retriever, attacker: Callable[..., AttackedBatches]
) -> None:
    changed = attacker(Attack("pgd", 3.0, 2), share=0.5, twins=True)(pixels, LABELS, 0)
    assert torch.equal(changed[::2], pixels[::2])
    moved = np.abs(raw_pixels(model, changed[1::2]) - raw_pixels(model, pixels[::2])).max(axis=(1, 2, 3))
    assert (moved <= 3 + 1e-3).all()
    assert (moved > 1.5).all()


def test_images_move_to_their_nearest_negative_and_from_their_nearest_positive(
    pixels: torch.Tensor, model: Retriever, attacker: Callable[..., AttackedBatches]
) -> None:
    attacked = attacker(Attack("pgd", 8.0, 4))

    def embed(given: torch.Tensor) -> np.ndarray:
        with torch.no_grad():
            features = model.stages.upper(given).numpy().astype(np.float64)
        return features / np.linalg.norm(features, axis=1, keepdims=True)

    clean, changed = embed(pixels), embed(attacked(pixels, LABELS, 0))
    labels, cosines = LABELS.numpy(), clean @ clean.T
    same = labels[:, None] == labels[None]
    negatives = np.where(same, -np.inf, cosines).argmax(axis=1)
    positives = np.where(same & ~np.eye(6, dtype=bool), cosines, -np.inf).argmax(axis=1)

    def gain(points: np.ndarray) -> np.ndarray:
        return np.asarray((points * (clean[negatives] - clean[positives])).sum(axis=1))

    assert (gain(changed) > gain(clean)).all()


def test_chunks_seeds_and_steps(pixels: torch.Tensor, attacker: Callable[..., AttackedBatches]) -> None:
    attack = Attack("pgd", 3.0, 1)
    whole = attacker(attack)(pixels, LABELS, 4)
    # Only a sign flips where a gradient is 0 but for rounding.
    assert (whole - attacker(attack, chunk=4)(pixels, LABELS, 4)).abs().gt(1e-4).float().mean() < 0.01
    assert torch.equal(whole, attacker(attack)(pixels, LABELS, 4))
    assert not torch.equal(whole, attacker(attack)(pixels, LABELS, 5))
    assert not torch.equal(whole, attacker(attack, seed=1)(pixels, LABELS, 4))


def test_a_recipe_without_an_attack_attacks_nothing(model: Retriever, recipe: Recipe) -> None:
    gradients = GradientComputer(model.stages.upper, make_loss(recipe, 3, model.dims, 0), [])
    assert make_attacked_batches(model, gradients, Sphere(), recipe, 0) is None


@pytest.mark.slow
def test_training_on_attacked_images_makes_an_attack_move_less(
    images: list[TrainingImage], backbone: BackboneSpec, recipe: Recipe, cache: ActivationCache, tmp_path: Path
) -> None:
    plain = replace(recipe, feed="online", trainable_fraction=1.0, steps=60, images_per_class=4)
    robust = replace(plain, attack="pgd:epsilon=12,steps=2")
    queries = tuple(LabelledImage(i.id, i.path, i.label, "validation") for i in images)
    task = RetrievalTask(queries, queries)
    moved: dict[str, float] = {}
    for name, changed in (("plain", plain), ("robust", robust)):
        model = load_retriever(train(images, backbone, changed, 0, tmp_path / name, cache).path)
        points, gallery = embed_task(model, task)
        negatives, positives = find_nearest_rows(model.space, task, points, gallery)
        paths, ids = [image.path for image in images], [image.id for image in images]
        attack = Attack("pgd", 4.0, 5)
        changed_pixels = attack_all(model, paths, ids, gallery[negatives], gallery[positives], attack, no_progress)
        after = model.embed_inputs([Image.fromarray(pixels) for pixels in changed_pixels])
        moved[name] = float(np.linalg.norm(after - points, axis=1).mean())
        clean, _ = measure_embeddings(model.space, task, points, gallery)
        assert clean.recall_at[1] is not None
        assert clean.recall_at[1] > 0.5  # a third by chance
    assert moved["robust"] < 0.5 * moved["plain"]
