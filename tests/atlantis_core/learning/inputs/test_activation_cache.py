from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from atlantis_core.base.errors import SetupError
from atlantis_core.learning.inputs import activation_cache
from atlantis_core.learning.inputs.activation_cache import ActivationCache, ViewKind, Views, ViewsOnDisk
from atlantis_core.learning.inputs.pk_sampler import TrainingImage
from atlantis_core.learning.models.backbone_modules import create_backbone
from atlantis_core.learning.models.backbones import BackboneSpec
from atlantis_core.learning.models.split_backbone import Stages, split_backbone

KIND = ViewKind(32, 2, "strong")


@pytest.fixture(scope="module")
def stages(backbone: BackboneSpec) -> Stages:
    return split_backbone(create_backbone(backbone), 0.5)


class Counter:
    """A progress that remembers how many images were computed."""

    computed = 0

    def __call__(self, what: str, done: int, total: int) -> None:
        assert what == "activations"
        self.computed += done < total


def alike(one: Views, other: Views) -> bool:
    return all(np.array_equal(one[number], other[number]) for number in range(KIND.views))


def test_each_image_is_computed_once(
    images: list[TrainingImage], cache: ActivationCache, backbone: BackboneSpec, stages: Stages
) -> None:
    counter = Counter()
    first = cache.load([*images, images[0]], KIND, backbone, stages, counter)
    assert counter.computed == len(images)
    again = ActivationCache(cache.folder).load(images, KIND, backbone, stages, counter)
    assert counter.computed == len(images)
    assert all(alike(a, b) for a, b in zip(first, again, strict=False))
    with pytest.raises(IndexError):
        first[0][KIND.views]


def test_a_synthetic_image_costs_only_its_own_views(
    images: list[TrainingImage], cache: ActivationCache, backbone: BackboneSpec, stages: Stages
) -> None:
    cache.load(images[:5], KIND, backbone, stages)
    counter = Counter()
    cache.load(images[:7], KIND, backbone, stages, counter)
    assert counter.computed == 2


def test_values_do_not_depend_on_what_is_computed_beside_them(
    images: list[TrainingImage], tmp_path: Path, backbone: BackboneSpec, stages: Stages
) -> None:
    one = ActivationCache(tmp_path / "one").load(images[:4], KIND, backbone, stages)
    other = ActivationCache(tmp_path / "other").load(images[3::-1], KIND, backbone, stages)
    assert all(alike(a, b) for a, b in zip(one, reversed(other), strict=True))


def test_kind_cut_and_backbone_have_places_of_their_own(
    images: list[TrainingImage], cache: ActivationCache, backbone: BackboneSpec, stages: Stages
) -> None:
    others = [
        (ViewKind(32), backbone, stages),
        (ViewKind(32, 3, "strong"), backbone, stages),
        (ViewKind(32, 2, "mild"), backbone, stages),
        (KIND, replace(backbone, mean=(0.1, 0.1, 0.1)), stages),
        (KIND, backbone, split_backbone(create_backbone(backbone), 1.0)),
    ]
    cache.load(images[:1], KIND, backbone, stages)
    for kind, module, cut in others:
        counter = Counter()
        cache.load(images[:1], kind, module, cut, counter)
        assert counter.computed == 1


def test_a_file_cut_short_is_computed_again(
    images: list[TrainingImage], cache: ActivationCache, backbone: BackboneSpec, stages: Stages
) -> None:
    [whole] = cache.load(images[:1], KIND, backbone, stages)
    [file] = cache.folder.rglob("*.npy")
    file.write_bytes(file.read_bytes()[:50])
    [again] = ActivationCache(cache.folder).load(images[:1], KIND, backbone, stages)
    assert alike(whole, again)
    assert not list(cache.folder.rglob("*.part"))


def test_large_activations_stay_on_disk(
    images: list[TrainingImage],
    cache: ActivationCache,
    backbone: BackboneSpec,
    stages: Stages,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    in_memory = cache.load(images, KIND, backbone, stages)
    monkeypatch.setattr(activation_cache, "MEMORY_BYTES", 10)
    on_disk = ActivationCache(cache.folder).load(images, KIND, backbone, stages)
    assert all(isinstance(views, ViewsOnDisk) for views in on_disk)
    assert all(alike(a, b) for a, b in zip(in_memory, on_disk, strict=True))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts file handles in /proc")
def test_activations_on_disk_hold_no_file_open(
    images: list[TrainingImage],
    cache: ActivationCache,
    backbone: BackboneSpec,
    stages: Stages,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(activation_cache, "MEMORY_BYTES", 10)
    before = len(list(Path("/proc/self/fd").iterdir()))
    loaded = cache.load(images, KIND, backbone, stages)
    assert [views[0] is not None for views in loaded]
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 2


def test_what_overflows_half_precision_is_kept_whole(
    images: list[TrainingImage], cache: ActivationCache, backbone: BackboneSpec, stages: Stages
) -> None:
    tiny = replace(backbone, std=(1e-9, 1e-9, 1e-9))
    [array] = cache.load(images[:1], ViewKind(32), tiny, stages)
    assert array[0].dtype == np.float32
    assert np.isfinite(array[0]).all()


def test_a_hostile_id_stays_in_the_cache(
    images: list[TrainingImage], cache: ActivationCache, backbone: BackboneSpec, stages: Stages, tmp_path: Path
) -> None:
    cache.load([replace(images[0], id="../../out")], KIND, backbone, stages)
    assert all(cache.folder in path.parents for path in tmp_path.rglob("*.npy"))


def test_an_unreadable_image_is_named(
    cache: ActivationCache, backbone: BackboneSpec, stages: Stages, tmp_path: Path
) -> None:
    with pytest.raises(SetupError, match=r"gone\.png"):
        cache.load([TrainingImage("x", str(tmp_path / "gone.png"), "a")], KIND, backbone, stages)
