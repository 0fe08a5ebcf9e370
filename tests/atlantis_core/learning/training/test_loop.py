"""Trainings with every option, and trainings that are cut short and go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from atlantis_core.base.errors import SetupError, TrainingFailed
from atlantis_core.learning.inputs.activation_cache import ActivationCache
from atlantis_core.learning.inputs.pk_sampler import TrainingImage
from atlantis_core.learning.models.backbones import BackboneSpec, resolve_backbone
from atlantis_core.learning.models.checkpoint import read_losses
from atlantis_core.learning.recipe import Recipe
from atlantis_core.learning.retriever import Retriever, frozen_retriever, load_retriever
from atlantis_core.learning.training.loop import STATE_NAME
from atlantis_core.learning.training.train import train, training_key

OPTIONS: dict[str, dict[str, Any]] = {
    "online": {"feed": "online"},
    "online, whole trunk": {"feed": "online", "trainable_fraction": 1.0},
    "mean": {"ema_decay": 0.9},
    "half-way back": {"start_share": 0.5, "embedding": "body", "ema_decay": 0.9},
    "layers": {"layer_decay": 0.5, "trainable_fraction": 1.0},
    "head first": {"head_steps": 4},
    "pieces": {"chunk": 4},
    "bfloat16": {"precision": "bfloat16"},
    "proxies": {"loss": "proxy_anchor"},
    "attacked": {"feed": "online", "attack": "pgd:epsilon=8,steps=2"},
    "attacked twins": {"feed": "online", "attack": "pgd:steps=1", "attack_twins": True, "images_per_class": 2},
    "mixed styles": {"mixstyle": 0.5, "chunk": 4},
    "attacked in pieces": {"feed": "online", "attack": "fgsm:epsilon=8", "chunk": 2, "trainable_fraction": 1.0},
}


class CutError(Exception):
    """Stands for a kill."""


def cut_at(step: int) -> Callable[[str, int, int], None]:
    def progress(what: str, done: int, total: int) -> None:
        if what == "training" and done == step:
            raise CutError

    return progress


@dataclass
class Falling:
    """A validation that likes its first measurements less and less, or more and more."""

    values: list[float]
    key: str = "queries"
    asked: list[np.ndarray] = field(default_factory=list)

    def __call__(self, retriever: Retriever) -> float:
        head = retriever.head
        assert head is not None
        self.asked.append(head.linear.weight.detach().numpy().copy())  # type: ignore[operator]
        return self.values[len(self.asked) - 1]


class Still:
    """A validation that finds all models alike."""

    key = "queries"

    def __call__(self, retriever: Retriever) -> float:
        return 0.5


def weights_of(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_trains_and_repeats(
    name: str,
    images: list[TrainingImage],
    backbone: BackboneSpec,
    recipe: Recipe,
    cache: ActivationCache,
    tmp_path: Path,
) -> None:
    changed = replace(recipe, **OPTIONS[name])
    plain = train(images, backbone, recipe, 0, tmp_path / "plain", cache)
    first = train(images, backbone, changed, 0, tmp_path / "first", cache)
    train(images, backbone, changed, 0, tmp_path / "again", cache)
    assert weights_of(tmp_path / "first") == weights_of(tmp_path / "again") != weights_of(tmp_path / "plain")
    assert first.key != plain.key
    dims = 32 if changed.embedding == "body" else 16
    assert load_retriever(first.path).embed([images[0].path]).shape == (1, dims)


@pytest.mark.parametrize("name", [*OPTIONS, "plain"])
def test_a_training_cut_short_goes_on_with_the_same_bits(
    name: str,
    images: list[TrainingImage],
    backbone: BackboneSpec,
    recipe: Recipe,
    cache: ActivationCache,
    tmp_path: Path,
) -> None:
    changed = replace(recipe, **OPTIONS.get(name, {}))
    whole = train(images, backbone, changed, 0, tmp_path / "whole", cache)
    for step in (5, 9):
        with pytest.raises(CutError):
            train(images, backbone, changed, 0, tmp_path / "cut", cache, cut_at(step), save_seconds=0)
        assert (tmp_path / "cut" / STATE_NAME).is_file()
    seen: list[int] = []
    report = train(images, backbone, changed, 0, tmp_path / "cut", cache, lambda what, done, total: seen.append(done))
    assert seen[0] == 8  # the state was saved before step 9 began, which was cut
    assert weights_of(tmp_path / "cut") == weights_of(tmp_path / "whole")
    assert (report.first_loss, report.last_loss) == (whole.first_loss, whole.last_loss)
    files = sorted(path.name for path in (tmp_path / "cut").iterdir())
    assert files == ["losses.json", "model.json", "model.safetensors"]
    assert read_losses(tmp_path / "cut") == read_losses(tmp_path / "whole")
    assert len(read_losses(tmp_path / "cut")) == changed.steps


def test_a_state_of_another_training_or_a_damaged_one_is_left_alone(
    images: list[TrainingImage], backbone: BackboneSpec, recipe: Recipe, cache: ActivationCache, tmp_path: Path
) -> None:
    train(images, backbone, recipe, 0, tmp_path / "whole", cache)
    with pytest.raises(CutError):
        train(images, backbone, recipe, 1, tmp_path / "other", cache, cut_at(5), save_seconds=0)
    train(images, backbone, recipe, 0, tmp_path / "other", cache)
    assert weights_of(tmp_path / "other") == weights_of(tmp_path / "whole")
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / STATE_NAME).write_bytes(b"cut by a full disk")
    train(images, backbone, recipe, 0, tmp_path / "damaged", cache)
    assert weights_of(tmp_path / "damaged") == weights_of(tmp_path / "whole")


def test_validation_keeps_the_best_and_stops_early(
    images: list[TrainingImage], backbone: BackboneSpec, recipe: Recipe, cache: ActivationCache, tmp_path: Path
) -> None:
    watched = replace(recipe, validate_every=3, patience=2)
    validation = Falling([0.5, 0.7, 0.6, 0.7])
    report = train(images, backbone, watched, 0, tmp_path / "m", cache, validation=validation)
    assert report.measured == [(3, 0.5), (6, 0.7), (9, 0.6), (12, 0.7)]
    assert (report.kept_step, report.steps) == (6, 12)
    kept = load_retriever(report.path).head
    assert kept is not None
    assert np.array_equal(kept.linear.weight.detach().numpy(), validation.asked[1])  # type: ignore[operator]
    hasty = train(
        images, backbone, replace(watched, patience=1), 0, tmp_path / "h", cache, validation=Falling([0.5, 0.4])
    )
    assert (hasty.kept_step, hasty.steps) == (3, 6)


def test_early_stop_goes_on_after_a_cut_too(
    images: list[TrainingImage], backbone: BackboneSpec, recipe: Recipe, cache: ActivationCache, tmp_path: Path
) -> None:
    watched = replace(recipe, validate_every=3, patience=3, ema_decay=0.8)
    whole = train(images, backbone, watched, 0, tmp_path / "whole", cache, validation=Falling([0.5, 0.7, 0.6, 0.65]))
    with pytest.raises(CutError):
        train(
            images,
            backbone,
            watched,
            0,
            tmp_path / "cut",
            cache,
            cut_at(8),
            validation=Falling([0.5, 0.7]),
            save_seconds=0,
        )
    report = train(images, backbone, watched, 0, tmp_path / "cut", cache, validation=Falling([0.6, 0.65]))
    assert weights_of(tmp_path / "cut") == weights_of(tmp_path / "whole")
    assert report.measured == whole.measured


def test_queries_that_decide_are_part_of_the_address(
    images: list[TrainingImage], backbone: BackboneSpec, recipe: Recipe, cache: ActivationCache, tmp_path: Path
) -> None:
    watched, one, other = replace(recipe, validate_every=3), Falling([], "one"), Falling([], "other")
    assert training_key(images, backbone, watched, 0, one) != training_key(images, backbone, watched, 0, other)
    assert training_key(images, backbone, recipe, 0, one) == training_key(images, backbone, recipe, 0)
    with pytest.raises(SetupError, match="needs validation queries"):
        train(images, backbone, watched, 0, tmp_path / "m", cache)


def test_a_backbone_all_the_way_back_is_the_one_it_began_as(
    images: list[TrainingImage], backbone: BackboneSpec, recipe: Recipe, cache: ActivationCache, tmp_path: Path
) -> None:
    back = replace(recipe, start_share=1.0, embedding="body")
    report = train(images, backbone, back, 0, tmp_path / "m", cache)
    paths = [image.path for image in images]
    assert np.abs(load_retriever(report.path).embed(paths) - frozen_retriever(backbone).embed(paths)).max() < 1e-5
    watched = replace(back, validate_every=4)
    again = train(images, backbone, watched, 0, tmp_path / "w", cache, validation=Still())
    assert np.abs(load_retriever(again.path).embed(paths) - frozen_retriever(backbone).embed(paths)).max() < 1e-5
    assert again.last_loss < again.first_loss  # it trained, between its measurements


def test_a_failed_training_leaves_no_state(
    images: list[TrainingImage], backbone: BackboneSpec, recipe: Recipe, cache: ActivationCache, tmp_path: Path
) -> None:
    wild = replace(recipe, lr_head=1e6, warmup_steps=0, steps=60, loss="triplet:miner=all,margin=1.9")
    with pytest.raises(TrainingFailed, match="at step"):
        train(images, backbone, wild, 0, tmp_path / "m", cache, save_seconds=0)
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("embedding", ["head", "body"])
def test_a_training_of_a_few_steps_that_ends_in_one_point_fails(
    embedding: str,
    images: list[TrainingImage],
    backbone: BackboneSpec,
    recipe: Recipe,
    cache: ActivationCache,
    tmp_path: Path,
) -> None:
    short = replace(recipe, steps=3, views=0, embedding=embedding)
    alike = [replace(image, path=images[0].path) for image in images]
    with pytest.raises(TrainingFailed, match="all images have the same one after the last step"):
        train(alike, backbone, short, 0, tmp_path / "m", cache)
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("feed", ["cached", "online"])
def test_a_family_that_cannot_be_cut_trains_too(
    feed: str, images: list[TrainingImage], recipe: Recipe, cache: ActivationCache, tmp_path: Path
) -> None:
    backbone = resolve_backbone("scratch:test_resnet")
    small = replace(recipe, side_px=32, feed=feed, steps=30, lr_trunk=3e-3)
    report = train(images, backbone, small, 0, tmp_path / "m", cache)
    assert report.last_loss < report.first_loss
    embeddings = load_retriever(report.path).embed([image.path for image in images])
    assert np.abs(embeddings - load_retriever(report.path).embed_cached(images, cache)).max() < 1e-5


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
def test_compiled_blocks_compute_the_same(
    images: list[TrainingImage], backbone: BackboneSpec, recipe: Recipe, cache: ActivationCache, tmp_path: Path
) -> None:
    short = replace(recipe, steps=4)
    plain = train(images, backbone, short, 0, tmp_path / "plain", cache)
    compiled = train(images, backbone, replace(short, compiled=True), 0, tmp_path / "compiled", cache)
    assert compiled.last_loss == pytest.approx(plain.last_loss, abs=1e-3)
    paths = [image.path for image in images]
    assert np.abs(load_retriever(compiled.path).embed(paths) - load_retriever(plain.path).embed(paths)).max() < 1e-2
