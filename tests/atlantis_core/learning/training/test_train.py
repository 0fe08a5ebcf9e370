from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from atlantis_core.base.errors import SetupError, TrainingFailed
from atlantis_core.base.parallel import map_on_cores
from atlantis_core.learning.inputs.activation_cache import ActivationCache
from atlantis_core.learning.inputs.pk_sampler import TrainingImage
from atlantis_core.learning.models.backbones import BackboneSpec
from atlantis_core.learning.recipe import Recipe
from atlantis_core.learning.retriever import frozen_retriever, load_retriever
from atlantis_core.learning.training.presets import PRESETS, parse_preset
from atlantis_core.learning.training.train import prepare_activations, train, training_key


def test_same_seed_same_bits_and_another_seed_others(
    images: list[TrainingImage], backbone: BackboneSpec, recipe: Recipe, cache: ActivationCache, tmp_path: Path
) -> None:
    weights = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train(images, backbone, recipe, seed, tmp_path / name, cache)
        weights.append((tmp_path / name / "model.safetensors").read_bytes())
    assert weights[0] == weights[1] != weights[2]


def test_side_by_side_gives_the_bits_of_one_alone(
    images: list[TrainingImage], backbone: BackboneSpec, recipe: Recipe, cache: ActivationCache, tmp_path: Path
) -> None:
    """A run that was killed between two trainings trains the second one alone."""

    def job(name: str) -> bytes:
        train(images, backbone, recipe, int(name[-1]), tmp_path / name, cache)
        return (tmp_path / name / "model.safetensors").read_bytes()

    prepare_activations(images, backbone, recipe, cache)
    both = list(map_on_cores(job, ("both-1", "both-2"), at_once=2))
    assert list(map_on_cores(job, ("alone-2",), at_once=2)) == both[1:]


def test_a_trained_retriever_beats_its_start(
    images: list[TrainingImage], backbone: BackboneSpec, recipe: Recipe, cache: ActivationCache, tmp_path: Path
) -> None:
    longer = replace(recipe, steps=80, views=4)
    report = train(images, backbone, longer, 0, tmp_path / "m", cache)
    assert report.last_loss < 0.8 * report.first_loss
    labels = np.array([image.label for image in images])

    def margin(embeddings: np.ndarray) -> float:
        cosines, same = embeddings @ embeddings.T, labels[:, None] == labels
        return float(cosines[same].mean() - cosines[~same].mean())

    paths = [image.path for image in images]
    assert margin(load_retriever(report.path).embed(paths)) > 0.1 + margin(frozen_retriever(backbone).embed(paths))


@pytest.mark.parametrize("loss", ["supcon", "multi_similarity"])
def test_either_loss_falls(
    images: list[TrainingImage],
    backbone: BackboneSpec,
    recipe: Recipe,
    cache: ActivationCache,
    tmp_path: Path,
    loss: str,
) -> None:
    report = train(images, backbone, replace(recipe, loss=loss, steps=60), 0, tmp_path / loss, cache)
    assert report.last_loss < report.first_loss


def test_files_and_cache_embed_alike(
    images: list[TrainingImage], backbone: BackboneSpec, recipe: Recipe, cache: ActivationCache, tmp_path: Path
) -> None:
    retriever = load_retriever(train(images, backbone, recipe, 0, tmp_path / "m", cache).path)
    from_files = retriever.embed([image.path for image in images], batch_size=5)
    assert from_files.dtype == np.float32
    assert from_files.shape == (len(images), 16)
    assert np.allclose(np.linalg.norm(from_files, axis=1), 1, atol=1e-5)
    assert np.abs(from_files - retriever.embed_cached(images, cache)).max() < 1e-3


def test_the_frozen_baseline_shares_the_cache(
    images: list[TrainingImage], backbone: BackboneSpec, recipe: Recipe, cache: ActivationCache
) -> None:
    baseline = frozen_retriever(backbone, recipe.trainable_fraction)
    from_files = frozen_retriever(backbone).embed([image.path for image in images])
    assert np.abs(from_files - baseline.embed_cached(images, cache)).max() < 1e-3


def test_the_head_starts_like_the_frozen_backbone(
    images: list[TrainingImage], backbone: BackboneSpec, recipe: Recipe, cache: ActivationCache, tmp_path: Path
) -> None:
    still = replace(recipe, lr_head=0.0, lr_trunk=0.0, steps=1, embed_dim=18)
    started = load_retriever(train(images, backbone, still, 0, tmp_path / "m", cache).path)
    before = frozen_retriever(backbone, recipe.trainable_fraction).embed_cached(images, cache)
    after = started.embed_cached(images, cache)
    assert np.abs(before @ before.T - after @ after.T).max() < 1e-3


def test_a_finished_training_is_not_repeated(
    images: list[TrainingImage], backbone: BackboneSpec, recipe: Recipe, cache: ActivationCache, tmp_path: Path
) -> None:
    first = train(images, backbone, recipe, 0, tmp_path / "m", cache)
    stamp = (tmp_path / "m" / "model.safetensors").stat().st_mtime_ns
    again = train(images, backbone, recipe, 0, tmp_path / "m", cache)
    assert again == replace(first, reused=True)
    assert (tmp_path / "m" / "model.safetensors").stat().st_mtime_ns == stamp


def test_an_interrupted_training_is_done_anew(
    images: list[TrainingImage], backbone: BackboneSpec, recipe: Recipe, cache: ActivationCache, tmp_path: Path
) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "model.safetensors").write_bytes(b"half of it")
    assert not train(images, backbone, recipe, 0, tmp_path / "m", cache).reused
    assert load_retriever(tmp_path / "m").embed([images[0].path]).shape == (1, 16)


def test_a_folder_holds_one_training(
    images: list[TrainingImage], backbone: BackboneSpec, recipe: Recipe, cache: ActivationCache, tmp_path: Path
) -> None:
    train(images, backbone, recipe, 0, tmp_path / "m", cache)
    with pytest.raises(SetupError, match="another training"):
        train(images, backbone, recipe, 1, tmp_path / "m", cache)


def test_the_address_follows_what_matters(
    images: list[TrainingImage], backbone: BackboneSpec, recipe: Recipe
) -> None:
    key = training_key(images, backbone, recipe, 0)
    moved = [replace(image, path="/elsewhere") for image in images]
    assert training_key(moved, backbone, recipe, 0) == key
    others = [
        training_key(images[1:], backbone, recipe, 0),
        training_key([replace(images[0], weight=0.5), *images[1:]], backbone, recipe, 0),
        training_key(images, backbone, replace(recipe, steps=13), 0),
        training_key(images, backbone, recipe, 1),
    ]
    assert len({key, *others}) == 5


def test_the_address_follows_what_is_synthetic_where_the_recipe_weighs_it(
    images: list[TrainingImage], backbone: BackboneSpec, recipe: Recipe
) -> None:
    marked = [replace(images[0], synthetic=True), *images[1:]]
    assert training_key(marked, backbone, recipe, 0) == training_key(images, backbone, recipe, 0)
    for weighing in (replace(recipe, synthetic_weight=0.5), replace(recipe, synthetic_share=0.3)):
        assert training_key(marked, backbone, weighing, 0) != training_key(images, backbone, weighing, 0)


@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_divergence_is_a_failed_training_without_checkpoint(
    images: list[TrainingImage], backbone: BackboneSpec, recipe: Recipe, cache: ActivationCache, tmp_path: Path
) -> None:
    wild = replace(recipe, lr_trunk=1e6, lr_head=1e6, warmup_steps=0)
    with pytest.raises(TrainingFailed, match="at step"):
        train(images, backbone, wild, 0, tmp_path / "m", cache)
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    ("change", "words"), [({"loss": "none"}, "loss 'none'"), ({"augmentation": "wild"}, "augmentation 'wild'")]
)
def test_settings_that_do_not_exist_are_reported(
    images: list[TrainingImage],
    backbone: BackboneSpec,
    recipe: Recipe,
    cache: ActivationCache,
    tmp_path: Path,
    change: dict[str, Any],
    words: str,
) -> None:
    with pytest.raises(SetupError, match=words):
        train(images, backbone, replace(recipe, **change), 0, tmp_path / "m", cache)


@pytest.mark.parametrize("change", [{"trainable_fraction": 0.0}, {"views": 0}, {"side_px": 32}])
def test_the_corners_of_a_recipe_train(
    images: list[TrainingImage],
    backbone: BackboneSpec,
    recipe: Recipe,
    cache: ActivationCache,
    tmp_path: Path,
    change: dict[str, Any],
) -> None:
    report = train(images, backbone, replace(recipe, **change), 0, tmp_path / "m", cache)
    assert load_retriever(report.path).embed([images[0].path]).shape == (1, 16)


def test_progress_tells_of_activations_and_steps(
    images: list[TrainingImage], backbone: BackboneSpec, recipe: Recipe, cache: ActivationCache, tmp_path: Path
) -> None:
    reported = []
    train(images, backbone, recipe, 0, tmp_path / "m", cache, lambda *facts: reported.append(facts))
    assert ("activations", len(images), len(images)) in reported
    assert reported[-1] == ("training", recipe.steps, recipe.steps)


def test_presets_are_data() -> None:
    assert {"cpu", "gpu"} <= set(PRESETS)
    assert parse_preset("cpu").key == PRESETS["cpu"].key != parse_preset("cpu", steps=1).key
    assert Recipe(
        **json.loads(json.dumps({f: getattr(PRESETS["cpu"], f) for f in Recipe.__slots__}))
    ) == parse_preset("cpu")
    with pytest.raises(SetupError, match="tpu"):
        parse_preset("tpu")
    with pytest.raises(SetupError, match="speed"):
        parse_preset("cpu", speed=1)


def test_images_in_memory_and_none_at_all(backbone: BackboneSpec) -> None:
    retriever = frozen_retriever(backbone)
    assert retriever.embed([Image.new("RGB", (50, 40), "red")]).shape == (1, 32)
    assert retriever.embed([]).shape == (0, 32)


@pytest.mark.parametrize("single", ["a.png", Path("a.png"), b"a.png", Image.new("RGB", (9, 9)), None])
def test_one_image_is_no_list_of_images(backbone: BackboneSpec, single: Any) -> None:
    with pytest.raises(SetupError, match=r"takes a list of images, not .*write \[image\]"):
        frozen_retriever(backbone).embed(single)


@pytest.mark.parametrize("nothing", [None, 3, np.zeros((4, 4, 3))])
def test_what_is_neither_path_nor_image_is_named(backbone: BackboneSpec, nothing: Any) -> None:
    with pytest.raises(SetupError, match=r"^.*is neither the path of an image.*$") as caught:
        frozen_retriever(backbone).embed([nothing])
    assert "\n" not in str(caught.value)


def test_a_file_or_a_name_is_a_frozen_retriever(vit_weights: Path, images: list[TrainingImage]) -> None:
    assert load_retriever(vit_weights).embed([images[0].path]).shape == (1, 32)
    assert load_retriever("scratch:test_vit").embed([images[0].path]).shape == (1, 64)
    with pytest.raises(SetupError, match="unknown backbone"):
        load_retriever("nothing_of_the_kind")


def test_a_damaged_checkpoint_is_reported(
    images: list[TrainingImage], backbone: BackboneSpec, recipe: Recipe, cache: ActivationCache, tmp_path: Path
) -> None:
    train(images, backbone, recipe, 0, tmp_path / "m", cache)
    facts_path = tmp_path / "m" / "model.json"
    facts = json.loads(facts_path.read_text())
    facts_path.write_text(json.dumps({**facts, "backbone": {}}))
    with pytest.raises(SetupError, match="damaged"):
        load_retriever(tmp_path / "m")
    facts_path.unlink()
    with pytest.raises(SetupError, match="beside them"):
        load_retriever(tmp_path / "m")
    with pytest.raises(SetupError, match="not found"):
        load_retriever(tmp_path)
