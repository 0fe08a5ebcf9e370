import json

import numpy as np
import pytest

from atlantis_core.harbor.renderer import RENDERER_VERSION, render
from atlantis_core.harbor.scene import sample_scene
from atlantis_core.harbor.training.pretrain import SEEN_CONDITIONS, Recipe, pretrain, render_pool
from atlantis_core.harbor.training.student import WEIGHTS
from atlantis_core.harbor.vocabulary import DEMO_CLASSES, PRETRAIN_CLASSES
from atlantis_core.learning.models.backbone_modules import create_backbone
from atlantis_core.learning.models.backbones import resolve_backbone


def facts():
    return json.loads(WEIGHTS.with_suffix(".json").read_text(encoding="utf-8"))


def embedded(student, classes, condition, first_seed):
    import torch

    images = np.stack([render(sample_scene(c, condition, first_seed + i)) for i, c in enumerate(classes)])
    mean, std = (torch.tensor(facts()[name]).view(1, 3, 1, 1) for name in ("mean", "std"))
    batch = (torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255 - mean) / std
    with torch.inference_mode():
        return torch.nn.functional.normalize(student(batch))


def test_the_shipped_weights_are_small_and_fit_timm_strictly():
    import timm
    from safetensors.torch import load_file

    assert WEIGHTS.stat().st_size < 3_000_000
    model = timm.create_model(facts()["architecture"], pretrained=False, **facts()["arguments"])
    model.load_state_dict(load_file(WEIGHTS), strict=True)
    parameters = sum(p.numel() for p in model.parameters())
    assert 500_000 < parameters < 1_300_000
    assert facts()["parameters"] == parameters


def test_the_student_has_seen_no_demo_class():
    training = facts()["training"]
    assert training["classes"] == [c.label for c in PRETRAIN_CLASSES]
    assert not set(training["classes"]) & {c.label for c in DEMO_CLASSES}
    assert training["pictures_per_class"] == SEEN_CONDITIONS
    # Version 2 changed night, fog, storm and snow, none of which the student saw.
    assert training["renderer_version"] <= RENDERER_VERSION


def test_the_student_finds_unseen_classes_by_day_but_not_at_night():
    student = create_backbone(resolve_backbone("harbor-student"))
    gallery = embedded(student, DEMO_CLASSES * 3, "day", 70_000)
    share = {}
    for condition in ("day", "sunset", "night"):
        nearest = (embedded(student, DEMO_CLASSES, condition, 71_000) @ gallery.T).argmax(dim=1).numpy()
        share[condition] = float(np.mean(nearest % len(DEMO_CLASSES) == np.arange(len(DEMO_CLASSES))))
    assert share["day"] > 0.7
    assert share["sunset"] > 0.5
    assert share["night"] < share["day"] - 0.3


@pytest.mark.slow
def test_a_pretraining_cut_short_ends_like_an_undisturbed_one(tmp_path):
    from safetensors.torch import load_file

    recipe, few = Recipe(steps=4, batch=8), {"day": 1}
    assert pretrain(recipe, tmp_path / "whole", tmp_path / "whole.safetensors", few)
    cut = tmp_path / "cut.safetensors"
    calls = 0
    while not pretrain(recipe, tmp_path / "cut", cut, few, deadline=0.0):
        assert not cut.exists()
        calls += 1
    assert calls == 3
    whole, resumed = load_file(tmp_path / "whole.safetensors"), load_file(cut)
    assert all(bool((whole[name] == resumed[name]).all()) for name in whole)


def test_a_pool_shows_what_its_targets_say():
    pool = render_pool({"day": 1}, seed=0)
    assert pool.images.shape == (len(PRETRAIN_CLASSES), 64, 64, 3)
    assert pool.targets[:, 0].tolist() == list(range(len(PRETRAIN_CLASSES)))
