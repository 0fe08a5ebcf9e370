"""Every file of a folder is used or named: found = used + left out by reason, over random folders."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

import pytest

from atlantis_core.base.errors import SetupError
from atlantis_core.base.serialization import as_json, from_json
from atlantis_core.base.text import to_printable
from atlantis_core.data.file_listing import ReadOptions
from atlantis_core.data.reading import inspect_collection, read_collection, summarize_reading
from atlantis_core.records import Collection, FileCount
from atlantis_core.store.workspace import Workspace
from tests.atlantis_core.data.sample_images import class_folders, write
from tests.inputs.random_trees import build_tree, find_files


def is_file(path: Path) -> bool:
    return os.path.lexists(path) and not os.path.isdir(path)  # noqa: PTH112 (as the walk of `find_files` sees it)


def check_tree(root: Path, seed: int) -> bool:
    """Read a random folder and check its count; return whether it was read, not refused."""
    build_tree(root, seed)
    walked = find_files(root)
    try:
        read = inspect_collection(root, ReadOptions())
    except SetupError:
        return False
    used = {image.entry.name for image in read.images}
    named = {problem.path for problem in read.problems}
    listed = {entry.name for entry in read.listing.entries if is_file(root / entry.name)}
    assert read.files.found == len(walked | listed), sorted(walked ^ set(read.listing.found))
    assert read.files.used == len(used) == len(read.images)
    assert read.files.found == read.files.used + sum(read.files.left_out.values())
    for name in walked - used:
        above = {to_printable(str(parent)) for parent in PurePosixPath(name).parents}
        assert {to_printable(name), *above} & named, f"{name!r} is neither used nor named"
    counted = {*read.files.left_out, *read.files.without_file, "listed twice"}
    for path in named:  # a file with two problems counts under one of them
        kinds = {problem.problem.partition(":")[0] for problem in read.problems if problem.path == path}
        assert kinds & counted, path
    return True


def test_found_files_are_used_or_named(tmp_path: Path) -> None:
    read = [check_tree(tmp_path / str(seed) / "data", seed) for seed in range(48)]
    assert sum(read) >= 30


@pytest.mark.slow
def test_found_files_are_used_or_named_in_2000_folders(tmp_path: Path) -> None:
    read = [check_tree(tmp_path / str(seed) / "data", seed) for seed in range(48, 2048)]
    assert sum(read) >= 1200


def test_the_workspace_keeps_the_count_and_renews_it_when_the_folder_is_read_again(tmp_path: Path) -> None:
    data = class_folders(tmp_path / "data", {"a": 4, "b": 4})
    store = Workspace(tmp_path / "workspace").collections
    first = store.add(read_collection(data))
    assert store.get(first).collection.files == FileCount(8, 8, {}, {})
    (data / "a" / "00.png").rename(data / "a" / "renamed.png")
    write(data, {"loose.png": 90})
    assert store.add(read_collection(data)) == first
    collection = store.get(first).collection
    assert collection.files == FileCount(9, 8, {"loose file": 1}, {})
    assert summarize_reading(collection).startswith("1 file left out: 1 loose file (")
    assert all(Path(image.path).is_file() for image in collection.images)


def test_a_collection_of_the_version_before_has_no_count(tmp_path: Path) -> None:
    loaded = read_collection(write(class_folders(tmp_path, {"a": 4, "b": 4}), {"a/x.png": b""}))
    payload = as_json(loaded.collection)
    del payload["files"]
    before = from_json(Collection, payload)
    assert before.files is None
    assert summarize_reading(before).startswith("1 file left out: 1 empty (")
