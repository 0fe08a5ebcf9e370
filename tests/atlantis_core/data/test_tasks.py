from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import pytest

from atlantis_core.base.errors import SetupError
from atlantis_core.data.file_listing import ReadOptions
from atlantis_core.data.reading import read_collection
from atlantis_core.data.sealed import fingerprint_collection
from atlantis_core.data.tasks import restriction_columns, retrieval_task, test_task
from atlantis_core.records import Collection, LabelledImage, Role, Split
from atlantis_core.store.workspace import Workspace
from tests.atlantis_core.data.sample_images import with_metadata


def image(name: str, split: Split, role: Role = "both", visit: str = "A") -> LabelledImage:
    return LabelledImage(name, f"/{name}.png", "a", split, role, {"visit": visit})


IMAGES = (
    image("t-gallery", "train", "gallery"),
    image("t-both", "train", visit="B"),
    image("t-query", "train", "query"),
    image("v-query", "validation", "query"),
    image("v-both", "validation", visit="B"),
    image("v-gallery", "validation", "gallery"),
)
COLLECTION = Collection("c", "/", IMAGES, ("visit",), {}, (), splits_given=True, num_test=2)
TEST_IMAGES = (image("s-query", "test", "query"), image("s-gallery", "test", "gallery", "B"))


def ids(images: tuple[LabelledImage, ...]) -> list[str]:
    return [found.id for found in images]


def test_seen_asks_validation_queries_of_the_training_gallery() -> None:
    task = retrieval_task(COLLECTION)
    assert (ids(task.queries), ids(task.gallery)) == (["v-query", "v-both"], ["t-gallery", "t-both"])


def test_unseen_asks_validation_of_validation() -> None:
    task = retrieval_task(COLLECTION, "unseen")
    assert (ids(task.queries), ids(task.gallery)) == (["v-query", "v-both"], ["v-both", "v-gallery"])


def test_queries_and_gallery_are_restricted_by_facet_role_and_split() -> None:
    task = retrieval_task(COLLECTION, query=("visit", "A"), gallery=("visit", "B"))
    assert (ids(task.queries), ids(task.gallery)) == (["v-query"], ["t-both"])
    task = retrieval_task(COLLECTION, query=("role", "both"), gallery=("role", "gallery"))
    assert (ids(task.queries), ids(task.gallery)) == (["v-both"], ["t-gallery"])
    task = retrieval_task(COLLECTION, query=("split", "train"), gallery=("split", "validation"))
    assert (ids(task.queries), ids(task.gallery)) == (["t-both", "t-query"], ["v-both", "v-gallery"])


def test_a_facet_named_split_is_asked_before_the_split() -> None:
    images = tuple(dataclasses.replace(found, facets={"split": "old" + found.split}) for found in IMAGES)
    task = retrieval_task(
        dataclasses.replace(COLLECTION, images=images, facets=("split",)), query=("split", "oldvalidation")
    )
    assert ids(task.queries) == ["v-query", "v-both"]


def test_a_column_that_is_no_facet_is_asked_for_also_after_the_folder_is_gone(tmp_path: Path) -> None:
    rows = [
        (f"{label}{part}{index}.png", label, part, kind)
        for label, kind in (("apple", "fruit"), ("milk", "carton"))
        for part in ("train", "validation", "test")
        for index in range(2)
    ]
    folder = with_metadata(tmp_path / "photos", ("file_name", "label", "split", "kind"), rows)
    query = ("kind", "fruit")
    asked = read_collection(folder, ReadOptions().keeping(restriction_columns(query, None)))
    assert asked.collection.facets == ()
    with pytest.raises(SetupError, match="known: split, role, label, kind"):
        retrieval_task(asked.collection, query=("mood", "x"))

    workspace = Workspace(tmp_path / "w")
    collection_id = workspace.collections.add(asked)
    shutil.rmtree(folder)
    kept = workspace.collections.get(collection_id)
    task = retrieval_task(kept.collection, query=query, gallery=("label", "milk"))
    assert {image.label for image in task.queries} == {"apple"}
    assert {image.label for image in task.gallery} == {"milk"}
    opened = kept.sealed.open("to see its columns", lambda purpose: None)
    assert {image.label for image in test_task(kept.collection, opened, query=query).queries} == {"apple"}


def test_the_opened_test_split_takes_the_place_of_validation() -> None:
    task = test_task(COLLECTION, TEST_IMAGES)
    assert (ids(task.queries), ids(task.gallery)) == (["s-query"], ["t-gallery", "t-both"])
    task = test_task(COLLECTION, TEST_IMAGES, "unseen", gallery=("visit", "B"))
    assert (ids(task.queries), ids(task.gallery)) == (["s-query"], ["s-gallery"])


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (("visit", "C"), r"--query visit=C leaves no image; values there: A \(1\), B \(1\)"),
        (("colour", "red"), "--query names the column 'colour'; known: split, role, label, visit"),
        (("split", "tset"), r"--query split=tset leaves no image; values there: train \(3\), validation \(3\)"),
        (("split", "test"), "the test split is sealed"),
    ],
)
def test_a_restriction_that_cannot_be_met_names_what_there_is(query: tuple[str, str], message: str) -> None:
    with pytest.raises(SetupError, match=message):
        retrieval_task(COLLECTION, query=query)


def test_roles_that_leave_no_gallery_are_named() -> None:
    only_queries = dataclasses.replace(COLLECTION, images=tuple(i for i in IMAGES if i.role == "query"))
    with pytest.raises(SetupError, match=r"no image can be a gallery .*1 train/query, 1 validation/query"):
        retrieval_task(only_queries)


def test_the_address_follows_the_content_and_not_the_place() -> None:
    address = fingerprint_collection(COLLECTION)
    moved = tuple(dataclasses.replace(found, path="/moved" + found.path) for found in reversed(IMAGES))
    assert fingerprint_collection(dataclasses.replace(COLLECTION, images=moved, root="/moved", name="m")) == address
    changes: list[dict[str, Any]] = [
        {"id": "new"},
        {"label": "b"},
        {"split": "validation"},
        {"role": "both"},
        {"facets": {"visit": "C"}},
    ]
    changed = [
        dataclasses.replace(COLLECTION, images=(dataclasses.replace(IMAGES[0], **change), *IMAGES[1:]))
        for change in changes
    ]
    assert len({address, *map(fingerprint_collection, changed)}) == 1 + len(changes)
    assert fingerprint_collection(dataclasses.replace(COLLECTION, facets=())) != address
