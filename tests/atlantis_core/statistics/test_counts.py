from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from atlantis_core.base.errors import SetupError
from atlantis_core.base.serialization import as_json
from atlantis_core.data.near_duplicates import fingerprint_file
from atlantis_core.data.sealed import SealedSplit
from atlantis_core.metrics.outcomes import QueryOutcomes, worst_outcomes
from atlantis_core.records import Collection, LabelledImage, Split
from atlantis_core.statistics.confusions import Confusion, count_confusions
from atlantis_core.statistics.counts import (
    ImageSizes,
    Spread,
    collection_statistics,
    gini,
    image_sizes,
    max_over_min,
)
from atlantis_core.statistics.leaks import find_duplicates


def photo(path: Path, seed: int, size: tuple[int, int] = (48, 32)) -> None:
    """Write a picture of its own: smooth random colours, so that only copies are near-duplicates."""
    grid = np.random.default_rng(seed).integers(0, 255, (9, 9, 3), dtype=np.uint8)
    Image.fromarray(grid).resize(size, Image.Resampling.BICUBIC).save(path)


@pytest.fixture
def collection(tmp_path):
    """Tugs and ferries by day and night; c is a larger copy of a, e one of b."""
    rows: list[tuple[str, int, str, Split, str]] = [
        ("a", 1, "tug", "train", "day"),
        ("b", 2, "tug", "train", "day"),
        ("c", 1, "tug", "train", "night"),
        ("d", 3, "ferry", "train", "day"),
        ("e", 2, "tug", "validation", "fog"),
        ("f", 4, "sloop", "validation", "day"),
    ]
    images = []
    for identity, seed, label, split, light in rows:
        path = tmp_path / f"{identity}.png"
        photo(path, seed, size=(96, 64) if identity in "ce" else (48, 32))
        images.append(LabelledImage(identity, str(path), label, split, facets={"light": light}))
    return Collection("harbour", str(tmp_path), tuple(images), ("light",), {"id": "one value each"}, (), True, 7)


def test_a_collection_is_counted(collection):
    found = collection_statistics(collection)
    assert (found.num_train, found.num_validation, found.num_test, found.num_classes) == (4, 2, 7, 3)
    assert found.train_per_class == {"ferry": 1, "sloop": 0, "tug": 3}
    assert found.validation_per_class == {"ferry": 0, "sloop": 1, "tug": 1}
    assert found.untrained == ("sloop",)
    assert found.max_over_min == 3
    assert found.gini == pytest.approx(gini([1, 0, 3]))
    assert found.facet_tables["light"]["tug"] == {"day": 2, "fog": 0, "night": 1}
    assert found.not_facets == {"id": "one value each"}
    assert found.sizes == ImageSizes(Spread(48, 48, 96), Spread(32, 32, 64))
    assert json.loads(json.dumps(as_json(found)))["duplicates"]["across_splits"] == [["b", "e"]]


def test_near_duplicates_and_leaks_are_found(collection):
    found = find_duplicates(collection)
    assert found.within_train == (("a", "c"),)
    assert found.across_splits == (("b", "e"),)
    assert found.in_test == ()


def test_the_sealed_split_only_says_that_an_image_matches(collection, tmp_path):
    secret = tmp_path / "secret.png"
    photo(secret, 3, size=(80, 80))
    sealed = SealedSplit([LabelledImage("s", str(secret), "ferry", "test")], [fingerprint_file(secret)])
    assert find_duplicates(collection, sealed).in_test == ("d",)


def test_known_fingerprints_are_not_read_again(collection):
    prints = {image.id: fingerprint_file(image.path) for image in collection.images}
    expected = find_duplicates(collection)
    for image in collection.images:
        Path(image.path).unlink()
    assert find_duplicates(collection, fingerprints=prints) == expected
    with pytest.raises(SetupError, match=r"a\.png"):
        find_duplicates(collection)
    with pytest.raises(SetupError, match=r"a\.png"):
        image_sizes(collection.images)


def test_no_images_have_no_size():
    assert image_sizes([]) is None


def test_gini_knows_its_ends():
    assert gini([5, 5, 5]) == pytest.approx(0)
    assert gini([0, 0, 0, 12]) == pytest.approx(3 / 4)
    assert gini([]) == gini([0, 0]) == 0


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=30))
def test_gini_agrees_with_its_definition(counts):
    """G is half the relative mean absolute difference."""
    total = sum(counts)
    pairs = sum(abs(a - b) for a in counts for b in counts)
    slow = pairs / (2 * len(counts) * total) if total else 0.0
    assert gini(counts) == pytest.approx(slow, abs=1e-9)


def test_imbalance_leaves_empty_classes_out():
    assert max_over_min([2, 6, 0]) == 3
    assert max_over_min([0, 0]) == max_over_min([]) == 1


def test_confusions_are_counted_worst_first(collection):
    queries = [LabelledImage(f"q{n}", "", "tug" if n < 4 else "ferry", "validation") for n in range(7)]
    outcomes = QueryOutcomes(
        tuple(image.id for image in queries),
        np.array([0, 0, 1, 0, 0, 0, 1], bool),
        ("ferry", "sloop", "tug", "ferry", "tug", "sloop", "ferry"),
    )
    assert count_confusions(outcomes, queries) == (
        Confusion("tug", "ferry", 2),
        Confusion("ferry", "sloop", 1),
        Confusion("ferry", "tug", 1),
        Confusion("tug", "sloop", 1),
    )
    with pytest.raises(ValueError, match="1 outcomes have no matching query"):
        count_confusions(worst_outcomes(["stranger"]), queries)
