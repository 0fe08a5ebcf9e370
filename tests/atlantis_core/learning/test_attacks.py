from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from atlantis_core.base.errors import SetupError
from atlantis_core.base.ports import no_progress
from atlantis_core.learning.attacks import Attack, attack_all, attack_objective, embed_pixels, perturb
from atlantis_core.learning.inputs.activation_cache import ActivationCache
from atlantis_core.learning.inputs.pk_sampler import TrainingImage
from atlantis_core.learning.inputs.preprocessing import centre_crop, decode_image
from atlantis_core.learning.models.backbones import BackboneSpec
from atlantis_core.learning.recipe import Recipe
from atlantis_core.learning.retriever import Retriever, frozen_retriever, load_retriever
from atlantis_core.learning.training.train import train


@pytest.fixture(params=["body", "sphere", "hyperbolic"])
def retriever(
    request: pytest.FixtureRequest,
    images: list[TrainingImage],
    backbone: BackboneSpec,
    recipe: Recipe,
    cache: ActivationCache,
    tmp_path: Path,
) -> Retriever:
    if request.param == "body":
        return frozen_retriever(backbone)
    loss = {"sphere": "supcon", "hyperbolic": "hyperbolic_pairs"}[request.param]
    changed = replace(recipe, head=request.param, loss=loss, steps=4)
    return load_retriever(train(images, backbone, changed, 0, tmp_path / "m", cache).path)


@pytest.fixture
def squares(images: list[TrainingImage], retriever: Retriever) -> np.ndarray:
    return np.stack([np.asarray(centre_crop(decode_image(i.path), retriever.side_px)) for i in images[:6]])


def gain(
    retriever: Retriever, changed: np.ndarray, towards: np.ndarray | None, away: np.ndarray | None
) -> np.ndarray:
    pixels = torch.from_numpy(changed).permute(0, 3, 1, 2).float()
    with torch.no_grad():
        goal, avoided = (None if points is None else torch.from_numpy(points) for points in (towards, away))
        values = attack_objective(retriever, embed_pixels(retriever, pixels), goal, avoided)
    return values.numpy()


IDS = [f"id{number}" for number in range(6)]


@pytest.mark.parametrize("method", ["fgsm", "pgd"])
@pytest.mark.parametrize("epsilon", [0.0, 0.5, 1.0, 3.0, 2.6])
def test_no_pixel_moves_further_than_epsilon_and_all_stay_pixels(
    method: str, epsilon: float, retriever: Retriever, squares: np.ndarray
) -> None:
    goal = retriever.embed([Image.fromarray(p) for p in squares[::-1]])
    changed = perturb(retriever, squares, IDS, goal, None, Attack(method, epsilon, steps=3))
    assert changed.dtype == np.uint8
    moved = np.abs(changed.astype(int) - squares.astype(int))
    assert moved.max() <= epsilon
    assert moved.max() == int(epsilon)


@pytest.mark.parametrize("with_away", [False, True])
def test_attacks_raise_their_objective_and_pgd_more(
    with_away: bool, retriever: Retriever, squares: np.ndarray
) -> None:
    embeddings = retriever.embed([Image.fromarray(p) for p in squares])
    towards = np.roll(embeddings, 3, axis=0)
    away = np.roll(embeddings, 1, axis=0) if with_away else None
    before = gain(retriever, squares, towards, away)
    after = {
        method: gain(
            retriever, perturb(retriever, squares, IDS, towards, away, Attack(method, 8.0, 20)), towards, away
        )
        for method in ("fgsm", "pgd")
    }
    assert (after["pgd"] > before).all()
    assert after["pgd"].mean() > after["fgsm"].mean()


def test_fgsm_is_one_step_along_the_sign_of_the_gradient(retriever: Retriever, squares: np.ndarray) -> None:
    towards = np.roll(retriever.embed([Image.fromarray(p) for p in squares]), 1, axis=0)
    pixels = torch.from_numpy(squares).permute(0, 3, 1, 2).float().requires_grad_()
    attack_objective(retriever, embed_pixels(retriever, pixels), torch.from_numpy(towards), None).sum().backward()
    assert pixels.grad is not None
    expected = (pixels + 2 * pixels.grad.sign()).clamp(0, 255).permute(0, 2, 3, 1).detach().numpy()
    found = perturb(retriever, squares, IDS, towards, None, Attack("fgsm", 2.0))
    assert np.array_equal(found, expected.astype(np.uint8))


def test_the_embedding_that_is_differentiated_is_the_one_that_is_searched(
    retriever: Retriever, squares: np.ndarray
) -> None:
    pixels = torch.from_numpy(squares).permute(0, 3, 1, 2).float()
    with torch.no_grad():
        found = embed_pixels(retriever, pixels).numpy()
    assert np.abs(found - retriever.embed([Image.fromarray(p) for p in squares])).max() < 1e-5


def test_pgd_of_one_step_from_the_image_itself_is_fgsm(retriever: Retriever, squares: np.ndarray) -> None:
    towards = np.roll(retriever.embed([Image.fromarray(p) for p in squares]), 1, axis=0)
    one = Attack("pgd", 3.0, steps=1, step=3.0, random_start=False)
    found = perturb(retriever, squares, IDS, towards, None, one)
    assert np.array_equal(found, perturb(retriever, squares, IDS, towards, None, Attack("fgsm", 3.0)))


def test_the_gradient_is_what_small_differences_say(retriever: Retriever, squares: np.ndarray) -> None:
    """Central differences along random directions, in double precision."""
    embeddings = retriever.embed([Image.fromarray(p) for p in squares])
    towards, away = (torch.from_numpy(np.roll(embeddings, k, axis=0)).double() for k in (1, 2))
    for part in (retriever.stages.lower, retriever.stages.upper, retriever.head):
        if part is not None:
            part.double()
    pixels = torch.from_numpy(squares).permute(0, 3, 1, 2).double().requires_grad_()
    (slope,) = torch.autograd.grad(
        attack_objective(retriever, embed_pixels(retriever, pixels), towards, away).sum(), pixels
    )
    directions = torch.randn(pixels.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with torch.no_grad():
        ahead, behind = (
            attack_objective(retriever, embed_pixels(retriever, pixels + sign * 1e-4 * directions), towards, away)
            for sign in (1, -1)
        )
    expected = (slope * directions).sum(dim=(1, 2, 3))
    assert torch.allclose((ahead - behind) / 2e-4, expected, rtol=1e-3, atol=1e-7)


def test_untargeted_attacks_leave_where_the_image_stands(retriever: Retriever, squares: np.ndarray) -> None:
    here = retriever.embed([Image.fromarray(p) for p in squares])
    changed = perturb(retriever, squares, IDS, None, here, Attack("pgd", 8.0, 10))
    noise = perturb(retriever, squares, IDS, None, here, Attack("pgd", 8.0, 1, step=1e-6))
    assert gain(retriever, changed, None, here).mean() > gain(retriever, noise, None, here).mean()
    with pytest.raises(ValueError, match="towards something or away"):
        perturb(retriever, squares, IDS, None, None, Attack())


def test_random_starts_belong_to_the_image_and_the_seed(images: list[TrainingImage], backbone: BackboneSpec) -> None:
    retriever = frozen_retriever(backbone)
    paths, ids = [i.path for i in images[:5]], [i.id for i in images[:5]]
    towards = np.roll(retriever.embed(paths), 2, axis=0)

    def changed(seed: int, batch_size: int) -> np.ndarray:
        attack = Attack("pgd", 4.0, 2, seed)
        return np.stack(list(attack_all(retriever, paths, ids, towards, None, attack, no_progress, batch_size)))

    assert np.abs(changed(0, 5).astype(int) - changed(0, 2).astype(int)).mean() < 0.05  # but for rounding
    assert not np.array_equal(changed(0, 5), changed(1, 5))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [({"method": "cw"}, "fgsm, pgd"), ({"epsilon": -1.0}, "pixel units"), ({"steps": 0}, "1 or more")],
)
def test_attacks_that_cannot_be_are_reported(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(SetupError, match=words):
        Attack(**wrong)  # type: ignore[arg-type]
