from __future__ import annotations

import pytest
import timm
import torch
from torch import nn

from atlantis_core.learning.models.split_backbone import FROZEN, UNCUT, layer_depths, split_backbone


def backbone_of(name: str) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        backbone: nn.Module = timm.create_model(name, num_classes=0)
    return backbone.eval()


FAMILIES = ["test_vit", "test_efficientnet", "mobilenetv3_small_050"]


@pytest.mark.parametrize("name", [*FAMILIES, "test_resnet"])
@pytest.mark.parametrize("fraction", [0.0, 0.4, 1.0])
def test_upper_after_lower_is_the_backbone(name: str, fraction: float) -> None:
    backbone = backbone_of(name)
    images = torch.randn(2, 3, 160, 160, generator=torch.Generator().manual_seed(1))
    stages = split_backbone(backbone, fraction)
    with torch.no_grad():
        assert torch.allclose(stages.upper(stages.lower(images)), backbone(images), atol=1e-5)


@pytest.mark.parametrize("name", FAMILIES)
def test_gradients_reach_the_upper_part_only(name: str) -> None:
    stages = split_backbone(backbone_of(name), 0.5)
    stages.upper(stages.lower(torch.randn(2, 3, 160, 160))).square().sum().backward()
    trained = {n for n, p in stages.backbone.named_parameters() if p.grad is not None}
    allowed = {n for n, p in stages.backbone.named_parameters() if p.requires_grad}
    assert trained == allowed
    assert trained
    assert len(trained) < len(list(stages.backbone.named_parameters()))
    assert all(p.grad is None and not p.requires_grad for p in stages.lower.parameters())


def test_batch_norm_keeps_its_statistics() -> None:
    stages = split_backbone(backbone_of("test_efficientnet"), 1.0)
    before = {n: b.clone() for n, b in stages.backbone.named_buffers()}
    stages.upper(stages.lower(torch.randn(2, 3, 160, 160)))
    assert all(torch.equal(b, before[n]) for n, b in stages.backbone.named_buffers())


@pytest.mark.parametrize("name", ["test_resnet", "test_convnext"])
def test_other_families_train_their_last_layers_uncut(name: str) -> None:
    stages = split_backbone(backbone_of(name), 0.5)
    assert stages.cut == UNCUT
    assert not stages.worth_caching
    depth_of = layer_depths(stages.backbone)
    trained = {depth_of[n] for n, p in stages.backbone.named_parameters() if p.requires_grad}
    resting = {depth_of[n] for n, p in stages.backbone.named_parameters() if not p.requires_grad}
    assert trained
    assert max(resting) < min(trained)
    assert all(p.requires_grad for p in split_backbone(backbone_of(name), 1.0).backbone.parameters())
    assert split_backbone(backbone_of(name), 0.0).cut == FROZEN


def test_training_the_upper_part_trains_the_backbone() -> None:
    backbone = backbone_of("test_vit")
    stages = split_backbone(backbone, 0.5)
    images = torch.randn(1, 3, 160, 160)
    with torch.no_grad():
        before = backbone(images)
        for parameter in stages.upper.parameters():
            if parameter.requires_grad:
                parameter.add_(0.05)
        assert not torch.allclose(backbone(images), before)
        assert torch.allclose(backbone(images), stages.upper(stages.lower(images)), atol=1e-5)
