from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlantis_core.base.errors import SetupError
from atlantis_core.data.near_duplicates import fingerprint_image
from atlantis_core.data.splitting import VALIDATION_ONLY, group_near_duplicates, split_classes, split_images
from tests.atlantis_core.data.sample_images import picture


def content_id(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()[:16]


@st.composite
def collections(draw: st.DrawFn) -> list[tuple[str, str]]:
    """Images as (label, group), some groups of near-duplicates, some of them across classes."""
    sizes = draw(st.lists(st.tuples(st.integers(0, 8), st.integers(1, 5)), min_size=1, max_size=40))
    images = [(f"class {label}", content_id(group)) for group, (label, size) in enumerate(sizes) for _ in range(size)]
    strays = draw(st.lists(st.tuples(st.integers(0, 8), st.integers(0, len(sizes) - 1)), max_size=4))
    return images + [(f"class {label}", content_id(group)) for label, group in strays]


@given(collections(), st.randoms(use_true_random=False))
def test_image_splits_keep_their_promises(images: list[tuple[str, str]], random: Random) -> None:
    splits = split_images([label for label, _ in images], [group for _, group in images])
    of_group: dict[str, set[str]] = defaultdict(set)
    of_class: dict[str, set[str]] = defaultdict(set)
    groups_of: dict[str, set[str]] = defaultdict(set)
    for (label, group), split in zip(images, splits, strict=True):
        of_group[group].add(split)
        of_class[label].add(split)
        groups_of[label].add(group)
    assert all(len(found) == 1 for found in of_group.values()), "a group straddles"
    shared = {g for g in of_group if len({label for label, group in images if group == g}) > 1}
    for label, found in of_class.items():
        assert "train" in found
        if len(groups_of[label] - shared) >= 3:
            assert found == {"train", "validation", "test"}
    order = list(range(len(images)))
    random.shuffle(order)
    shuffled = split_images([images[row][0] for row in order], [images[row][1] for row in order])
    assert shuffled == [splits[row] for row in order]


@given(collections(), st.randoms(use_true_random=False))
def test_class_splits_never_share_a_class_or_a_group(images: list[tuple[str, str]], random: Random) -> None:
    labels, groups = [label for label, _ in images], [group for _, group in images]
    try:
        splits = split_classes(labels, groups)
    except SetupError as error:
        assert "'unseen' needs at least 6 classes" in str(error)  # noqa: PT017 (both outcomes are right)
        return
    classes: dict[str, set[str]] = defaultdict(set)
    for label, group, split in zip(labels, groups, splits, strict=True):
        classes[label].add(split)
        classes[group].add(split)
    assert all(len(found) == 1 for found in classes.values())
    counts = Counter(next(iter(classes[label])) for label in set(labels))
    assert min(counts[split] for split in ("train", "validation", "test")) >= 2
    order = list(range(len(images)))
    random.shuffle(order)
    assert split_classes([labels[row] for row in order], [groups[row] for row in order]) == [
        splits[row] for row in order
    ]


@pytest.mark.parametrize(
    ("count", "expected"),
    [(1, (1, 0, 0)), (2, (1, 1, 0)), (3, (1, 1, 1)), (5, (3, 1, 1)), (10, (6, 2, 2)), (20, (12, 4, 4))],
)
def test_a_class_of_different_images_is_split_60_20_20(count: int, expected: tuple[int, int, int]) -> None:
    splits = Counter(split_images(["a"] * count, [content_id(number) for number in range(count)]))
    assert (splits["train"], splits["validation"], splits["test"]) == expected


def test_a_burst_trains_and_single_shots_measure() -> None:
    groups = ["burst"] * 8 + ["one", "two"]
    splits = split_images(["a"] * 10, groups)
    assert splits[:8] == ["train"] * 8
    assert set(splits[8:]) == {"validation", "test"}


def test_only_validation_is_made_where_only_validation_is_missing() -> None:
    groups = [content_id(number) for number in range(10)]
    assert Counter(split_images(["a"] * 10, groups, VALIDATION_ONLY)) == {"train": 8, "validation": 2}
    labels = [f"class {number}" for number in range(10)]
    assert Counter(split_classes(labels, groups, VALIDATION_ONLY)) == {"train": 8, "validation": 2}


def test_too_few_classes_for_unseen_say_how_many_are_needed() -> None:
    with pytest.raises(SetupError, match=r"at least 6 classes .* there are 5"):
        split_classes(list("abcde"), list("12345"))
    with pytest.raises(SetupError, match=r"at least 6 classes .* there are 2"):
        split_classes(list("abcdef"), list("112222"))
    assert set(split_classes(list("abcdef"), list("123455"))[4:]) == {"train"}


def test_near_duplicates_are_grouped_through_each_other_whatever_the_order() -> None:
    prints = [fingerprint_image(picture(1)), fingerprint_image(picture(2)), fingerprint_image(picture(1, 60))]
    assert group_near_duplicates(["c", "b", "a"], prints) == ["a", "b", "a"]
    assert group_near_duplicates(["a", "b", "c"], prints[::-1]) == ["a", "b", "a"]
