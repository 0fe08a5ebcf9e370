from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlantis_core.base.errors import SetupError
from atlantis_core.learning.inputs.pk_sampler import TrainingImage, sample_batches, weight_by_source
from atlantis_core.learning.recipe import Recipe
from atlantis_core.learning.training.presets import parse_preset

RECIPE: Recipe = parse_preset("cpu", classes_per_batch=3, images_per_class=4, views=3)


def collection(sizes: dict[str, int], synthetic: int = 0, weight: float = 1.0) -> list[TrainingImage]:
    """Real images of each class, then `synthetic` generated ones of each."""
    images = []
    for label, size in sizes.items():
        images += [TrainingImage(f"{label}{n}", "p", label) for n in range(size)]
        images += [TrainingImage(f"{label}s{n}", "p", label, True, weight) for n in range(synthetic)]
    return images


@settings(max_examples=40, deadline=None)
@given(sizes=st.lists(st.integers(1, 9), min_size=2, max_size=6), seed=st.integers(0, 5))
def test_every_batch_is_p_by_k_and_shows_no_image_twice(sizes: list[int], seed: int) -> None:
    images = collection({f"c{n}": size for n, size in enumerate(sizes)})
    for batch in islice(sample_batches(images, RECIPE, seed), 5):
        labels, counts = np.unique(batch.labels, return_counts=True)
        assert len(labels) == min(3, len(sizes))
        assert set(counts.tolist()) == {4}
        names = sorted({image.label for image in images})
        assert [images[p].label for p in batch.images] == [names[n] for n in batch.labels]
        assert len(set(zip(batch.images.tolist(), batch.views.tolist(), strict=True))) == len(batch.images)
        assert set(batch.views.tolist()) <= {0, 1, 2, 3}


def test_same_seed_same_batches_and_another_seed_others() -> None:
    images = collection({"a": 5, "b": 7, "c": 2})

    def drawn(seed: int) -> list[list[int]]:
        return [b.images.tolist() + b.views.tolist() for b in islice(sample_batches(images, RECIPE, seed), 4)]

    assert drawn(3) == drawn(3)
    assert drawn(3) != drawn(4)


def test_more_images_of_one_class_leave_the_others_as_they_were() -> None:
    real = collection({"a": 5, "b": 7, "c": 6})
    more = [*real, TrainingImage("made", "p", "b", True)]
    recipe = replace(RECIPE, classes_per_batch=2)
    pairs = list(islice(zip(sample_batches(real, recipe, 1), sample_batches(more, recipe, 1), strict=True), 30))
    for old, new in pairs:
        assert old.labels.tolist() == new.labels.tolist()
        others = old.labels != 1
        assert old.images[others].tolist() == new.images[others].tolist()
        assert old.views[others].tolist() == new.views[others].tolist()
    assert any(len(real) in new.images for _, new in pairs)


def test_classes_are_uniform_whatever_their_size() -> None:
    images = collection({"large": 200, "small": 1, "middle": 20})
    recipe = replace(RECIPE, classes_per_batch=2)
    seen = np.concatenate([np.unique(b.labels) for b in islice(sample_batches(images, recipe, 0), 600)])
    assert np.allclose(np.bincount(seen) / 600, 2 / 3, atol=0.06)


@pytest.mark.parametrize("size", [2, 30])
def test_synthetic_images_are_drawn_by_their_weight(size: int) -> None:
    images = collection({"a": size, "b": size}, synthetic=size, weight=0.5)
    drawn = np.concatenate([b.images for b in islice(sample_batches(images, RECIPE, 0), 800)])
    share = np.mean([images[p].synthetic for p in drawn])
    assert share == pytest.approx(1 / 3, abs=0.02)


def test_weight_zero_is_never_drawn() -> None:
    images = collection({"a": 2, "b": 2}, synthetic=3, weight=0.0)
    drawn = np.concatenate([b.images for b in islice(sample_batches(images, RECIPE, 0), 50)])
    assert not any(images[p].synthetic for p in drawn)


def test_one_class_is_no_training() -> None:
    with pytest.raises(SetupError, match="at least 2 classes"):
        next(sample_batches(collection({"a": 5}), RECIPE, 0))


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_impossible_weights_are_named(weight: float) -> None:
    with pytest.raises(SetupError, match="weight"):
        next(sample_batches(collection({"a": 1, "b": 1}, 1, weight), RECIPE, 0))


def drawn_share(images: list[TrainingImage], recipe: Recipe) -> float:
    weighed = weight_by_source(images, recipe)
    drawn = np.concatenate([batch.images for batch in islice(sample_batches(weighed, recipe, 0), 300)])
    return float(np.mean([images[position].synthetic for position in drawn]))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_synthetic_images_get_their_share_of_every_class(share: float) -> None:
    images = collection({"a": 3, "b": 9, "c": 2}, synthetic=7)
    assert drawn_share(images, replace(RECIPE, synthetic_share=share)) == pytest.approx(share, abs=0.02)


def test_synthetic_images_are_drawn_as_often_as_their_weight_says() -> None:
    images = collection({"a": 4, "b": 4}, synthetic=4)
    for weight, share in ((0.0, 0.0), (1.0, 0.5), (3.0, 0.75)):
        found = drawn_share(images, replace(RECIPE, synthetic_weight=weight))
        assert found == pytest.approx(share, abs=0.02)


def test_a_class_of_synthetic_images_only_keeps_them() -> None:
    images = [*collection({"a": 4}), TrainingImage("s", "p", "b", True), TrainingImage("t", "p", "b", True)]
    weighed = weight_by_source(images, replace(RECIPE, synthetic_share=0.2))
    assert [image.weight for image in weighed] == [1.0] * 6


def test_a_stream_can_begin_anywhere() -> None:
    images = collection({"a": 4, "b": 5, "c": 2, "d": 9})
    for feed in ("cached", "online"):
        recipe = replace(RECIPE, feed=feed)
        whole = [(b.images.tolist(), b.views.tolist()) for b in islice(sample_batches(images, recipe, 3), 12)]
        later = [(b.images.tolist(), b.views.tolist()) for b in islice(sample_batches(images, recipe, 3, first=5), 7)]
        assert later == whole[5:]


@pytest.mark.parametrize(("balance", "share"), [(0.0, 0.2), (1.0, 0.5)])
def test_rare_cells_of_a_class_are_drawn_as_often_as_others_if_the_recipe_balances_them(
    balance: float, share: float
) -> None:
    images = [
        *(TrainingImage(f"a{n}", "p", "a", cell="light=night" if n < 4 else "light=day") for n in range(20)),
        *(TrainingImage(f"b{n}", "p", "b", cell="light=day") for n in range(5)),
    ]
    weighed = weight_by_source(images, replace(RECIPE, cell_balance=balance))
    assert len({image.weight for image in weighed if image.label == "b"}) == 1
    drawn = np.concatenate([batch.images for batch in islice(sample_batches(weighed, RECIPE, 0), 300)])
    of_a = [images[position].cell == "light=night" for position in drawn if images[position].label == "a"]
    assert float(np.mean(of_a)) == pytest.approx(share, abs=0.02)
