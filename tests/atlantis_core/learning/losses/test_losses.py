from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from atlantis_core.base.errors import SetupError
from atlantis_core.learning.inputs.activation_cache import ActivationCache
from atlantis_core.learning.inputs.pk_sampler import TrainingImage
from atlantis_core.learning.losses.interface import LossContext
from atlantis_core.learning.losses.losses import LOSSES, ProxyAnchor, make_loss
from atlantis_core.learning.losses.potential_field import PotentialField, mean_potential
from atlantis_core.learning.models.backbones import BackboneSpec
from atlantis_core.learning.recipe import Recipe
from atlantis_core.learning.training.presets import parse_preset
from atlantis_core.learning.training.train import train

CLASSES, SAMPLES, DIMS = 5, 4, 6
LABELS = torch.arange(CLASSES).repeat_interleave(SAMPLES)
SETTING = LossContext(temperature=0.1, num_classes=CLASSES, embed_dim=DIMS, seed=0)


def unit(seed: int = 0, spread: float = 0.7, dtype: torch.dtype = torch.float) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    centres = torch.randn(CLASSES, 1, DIMS, generator=draw, dtype=dtype)
    points = centres + spread * torch.randn(CLASSES, SAMPLES, DIMS, generator=draw, dtype=dtype)
    return torch.nn.functional.normalize(points.reshape(-1, DIMS), dim=1)


def named(loss: str, temperature: float = 0.1):
    head = "hyperbolic" if loss.startswith("hyperbolic") else "sphere"
    return make_loss(parse_preset("cpu", loss=loss, head=head, temperature=temperature), CLASSES, DIMS, 0)


def others(row: int, *, same: bool) -> list[int]:
    return [k for k in range(len(LABELS)) if k != row and bool(LABELS[k] == LABELS[row]) is same]


def test_supcon_is_equation_2() -> None:
    z = unit().double()
    cosines, total = z @ z.T / 0.1, 0.0
    for i in range(len(z)):
        around = math.log(sum(math.exp(cosines[i, a]) for a in range(len(z)) if a != i))
        positives = others(i, same=True)
        total -= sum(float(cosines[i, p]) - around for p in positives) / len(positives)
    assert named("supcon")(unit(), LABELS).item() == pytest.approx(total / len(z), abs=1e-5)


@pytest.mark.parametrize("epsilon", [0.1, -0.2])
def test_multi_similarity_is_equation_15_over_mined_pairs(epsilon: float) -> None:
    z = unit().double()
    cosines, total = z @ z.T, 0.0
    for i in range(len(z)):
        positives, negatives = others(i, same=True), others(i, same=False)
        hardest = max(float(cosines[i, k]) for k in negatives)
        easiest = min(float(cosines[i, k]) for k in positives)
        near = [float(cosines[i, k]) for k in positives if cosines[i, k] - epsilon < hardest]
        far = [float(cosines[i, k]) for k in negatives if cosines[i, k] + epsilon > easiest]
        total += math.log(1 + sum(math.exp(-2 * (s - 0.5)) for s in near)) / 2
        total += math.log(1 + sum(math.exp(50 * (s - 0.5)) for s in far)) / 50
    found = named(f"multi_similarity:epsilon={epsilon}")(unit(), LABELS)
    assert found.item() == pytest.approx(total / len(z), abs=1e-5)


@pytest.mark.parametrize("miner", ["semihard", "hard", "all"])
def test_triplet_is_the_mean_over_mined_triplets(miner: str) -> None:
    z = unit().double()
    apart, losses = torch.cdist(z, z), []
    for a in range(len(z)):
        for p in others(a, same=True):
            for n in others(a, same=False):
                gap = float(apart[a, n] - apart[a, p])
                if gap < 0.3 and (miner == "all" or (miner == "hard") is (gap <= 0)):
                    losses.append(0.3 - gap)
    assert losses
    found = named(f"triplet:margin=0.3,miner={miner}")(unit(), LABELS)
    assert found.item() == pytest.approx(sum(losses) / len(losses), abs=1e-5)


def test_triplet_without_violations_is_zero_and_still_has_gradients() -> None:
    z = torch.eye(CLASSES, DIMS).repeat_interleave(SAMPLES, 0).requires_grad_()
    loss = named("triplet")(z, LABELS)
    loss.backward()
    assert loss.item() == 0
    assert not z.grad.any()


def test_proxy_anchor_is_equation_4() -> None:
    z, proxies = unit().double(), SETTING.proxies().double()
    cosines, labels = z @ proxies.T, LABELS[: 3 * SAMPLES]  # two classes are not in the batch
    positive = negative = 0.0
    for p in range(CLASSES):
        near = [math.exp(-32 * (float(cosines[x, p]) - 0.1)) for x in range(len(labels)) if labels[x] == p]
        far = [math.exp(32 * (float(cosines[x, p]) + 0.1)) for x in range(len(labels)) if labels[x] != p]
        positive += math.log(1 + sum(near))
        negative += math.log(1 + sum(far))
    found = named("proxy_anchor")(unit()[: len(labels)], labels)
    assert found.item() == pytest.approx(positive / 3 + negative / CLASSES, rel=1e-5)


@pytest.mark.parametrize(("delta", "alpha"), [(0.2, 4.0), (0.9, 3.0), (1.3, 1.0)])
def test_potential_field_is_the_energy_of_all_ordered_pairs(delta: float, alpha: float) -> None:
    proxies = 3
    points = torch.cat([unit(), SETTING.proxies(proxies)]).double()
    labels = torch.cat([LABELS, torch.arange(CLASSES).repeat_interleave(proxies)])
    energy = 0.0
    for r in range(len(points)):
        for z in range(len(points)):
            apart = float((points[r] - points[z]).norm())
            if r == z:
                continue
            if labels[r] == labels[z]:
                energy += -(delta**-alpha) if apart < delta else -(apart**-alpha)
            else:
                energy += apart**-alpha if apart < delta else delta**-alpha
    loss = PotentialField(delta=delta, alpha=alpha, proxies=proxies).build(SETTING)
    wanted = energy / (len(points) * (len(points) - 1))
    assert loss(unit(), LABELS).item() == pytest.approx(wanted, rel=1e-5)


def test_an_energy_counted_by_hand() -> None:
    """Both points sit on their proxies: two pairs of -25, four of +25, each in both orders."""
    points = torch.tensor([[1.0, 0], [-1, 0], [1, 0], [-1, 0]])
    found = mean_potential(points, torch.tensor([0, 1, 0, 1]), delta=0.2, alpha=2.0)
    assert 12 * found.item() == pytest.approx(100, rel=1e-5)


@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_gradients_are_right(loss: str) -> None:
    z = (0.9 * unit(1, 1.0, torch.double)[: 3 * SAMPLES]).requires_grad_()
    labels, module = LABELS[: 3 * SAMPLES], named(loss)
    assert torch.autograd.gradcheck(lambda points: module(points, labels), (z,), atol=1e-4)


@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_a_collapsed_batch_has_finite_gradients(loss: str) -> None:
    z = torch.nn.functional.normalize(torch.ones(len(LABELS), DIMS), dim=1).requires_grad_()
    found = named(loss)(z, LABELS)
    found.backward()
    assert math.isfinite(found.item())
    assert z.grad is not None
    assert bool(torch.isfinite(z.grad).all())


@pytest.mark.parametrize("part", [ProxyAnchor(), PotentialField(proxies=2)])
def test_proxies_follow_the_seed_and_nothing_else(part) -> None:
    torch.manual_seed(1)
    (first,) = part.build(SETTING).parameters()
    (again,) = part.build(SETTING).parameters()
    (other,) = part.build(replace(SETTING, seed=1)).parameters()
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"loss": "none"}, "unknown loss 'none'; known: .*triplet"),
        ({"loss": "supcon:margin=1"}, "no option 'margin'.* none"),
        ({"loss": "triplet:margins=1"}, "no option 'margins'.*margin=0.2, miner=semihard"),
        ({"loss": "triplet:margin=wide"}, "margin is a number, not 'wide'"),
        ({"loss": "triplet:margin=nan"}, "finite"),
        ({"loss": "triplet:margin"}, "option=value"),
        ({"loss": "triplet:margin=1,margin=2"}, "set twice"),
        ({"loss": "triplet:miner=soft"}, "'semihard', 'hard' or 'all'"),
        ({"loss": "triplet:margin=0"}, "margin must be above 0"),
        ({"loss": "potential_field:proxies=1.5"}, "proxies is a whole number"),
        ({"loss": "hyperbolic_pairs"}, "needs head 'hyperbolic', not 'sphere'"),
        ({"head": "hyperbolic"}, "needs head 'sphere', not 'hyperbolic'"),
        ({"head": "torus"}, "unknown head 'torus'"),
        ({"head": "hyperbolic:c=-1"}, "c must be above 0.000001 and at most"),
    ],
)
def test_losses_that_cannot_be_are_reported(change: dict[str, str], words: str) -> None:
    with pytest.raises(SetupError, match=words):
        make_loss(parse_preset("cpu", **change), CLASSES, DIMS, 0)


@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_a_loss_learns_from_single_images_of_classes_or_refuses_them(loss: str) -> None:
    head = "hyperbolic" if loss == "hyperbolic_pairs" else "sphere"
    singles = parse_preset("cpu", loss=loss, head=head, images_per_class=1)
    if loss not in {"proxy_anchor", "potential_field"}:
        with pytest.raises(SetupError, match=f"loss '{loss}' needs pairs of a class: set images_per_class"):
            make_loss(singles, CLASSES, DIMS, 0)
        return
    z = unit()[::SAMPLES].clone().requires_grad_()
    make_loss(singles, CLASSES, DIMS, 0)(z, LABELS[::SAMPLES]).backward()
    assert z.grad is not None
    assert bool(z.grad.abs().sum() > 0)


@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_every_loss_trains_and_repeats_itself(
    images: list[TrainingImage],
    backbone: BackboneSpec,
    recipe: Recipe,
    cache: ActivationCache,
    tmp_path: Path,
    loss: str,
) -> None:
    head = "hyperbolic" if loss == "hyperbolic_pairs" else "sphere"
    chosen = replace(recipe, loss=loss, head=head, steps=60)
    report = train(images, backbone, chosen, 0, tmp_path / "a", cache)
    assert report.last_loss < report.first_loss
    train(images, backbone, chosen, 0, tmp_path / "b", cache)
    assert (tmp_path / "a" / "model.safetensors").read_bytes() == (tmp_path / "b" / "model.safetensors").read_bytes()
