"""What a workspace stored of pixels that are read otherwise now is not used again."""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from atlantis_core.base.errors import SetupError
from atlantis_core.data.entries import Entry
from atlantis_core.data.inspection import inspect_files
from atlantis_core.data.near_duplicates import LENGTH, fingerprint_file
from atlantis_core.data.reading import read_collection
from atlantis_core.data.split_assignment import KnownSplits
from atlantis_core.records import Budget, Goal, RunSpec
from atlantis_core.run.session import Session
from atlantis_core.store.workspace import Workspace
from tests.inputs.image_files import GREY, RGB, RGBA, exif, jpeg, orientation, png, smooth, tiff

DEEP = np.random.default_rng(0).integers(0, 65536, (16, 24), np.uint16)


def first_id(content: bytes) -> str:
    """Return the id that every version before gave this file."""
    return hashlib.sha256(content).hexdigest()[:16]


@pytest.mark.parametrize(
    ("content", "is_new"),
    [
        (jpeg(smooth(1)), False),
        (jpeg(smooth(1), exif(orientation(6))), False),
        (png(smooth(1), 8, RGB), False),
        (png(np.dstack([smooth(1), smooth(2)[..., 0]]), 8, RGBA), False),
        (tiff(smooth(1), {274: 6}), False),
        (png(DEEP, 16, GREY), True),
        (tiff(DEEP), True),
        (tiff(smooth(1)[..., 0].astype(np.float32)), True),
        (tiff(smooth(1)[..., 0], {274: 6}), True),
        (jpeg(smooth(1), exif((0x010F, 2, 999, b"\xff\xff\0\0"), orientation(6))), True),
    ],
    ids=["jpeg", "turned", "png", "cut-out", "tiff", "png 16", "tiff 16", "floats", "turned grey tiff", "odd exif"],
)
def test_only_a_photo_with_other_pixels_gets_another_id(content: bytes, is_new: bool, tmp_path: Path) -> None:
    """Embeddings, trainings, indexes and measurements are found by the id."""
    path = tmp_path / "photo.img"
    path.write_bytes(content)
    (image,), _ = inspect_files([Entry(path, "photo.img", "a", None)])
    assert (image.id != first_id(content)) == is_new
    assert image.first_id == first_id(content)
    assert len(image.id) == 16


def write_photos(folder: Path, *, deep: bool = False, under: int = 0) -> Path:
    """Write cut-outs over any noise, of two classes, and perhaps a deep one."""
    for seed in range(12):
        below = np.random.default_rng(under).integers(0, 256, (24, 24, 3), np.uint8)
        alpha = np.zeros((24, 24), np.uint8)
        alpha[6:18, 6:18] = 255
        pixels = np.where(alpha[..., None] > 0, smooth(seed, 24, 24), below)
        path = folder / "ab"[seed % 2] / f"{seed}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(np.dstack([pixels, alpha]), 8, RGBA))
    if deep:
        (folder / "a" / "deep.png").write_bytes(png(DEEP, 16, GREY))
    return folder


def as_before(workspace: Workspace) -> None:
    """Give the stored fingerprints the form and, being other ones, the staleness of the version before."""
    connection = sqlite3.connect(workspace.folder / "atlantis.db")
    ((row_id, sealed, prints),) = connection.execute("SELECT id, sealed, fingerprints FROM collections").fetchall()
    stale = base64.b64encode(bytes([1, 255] * (LENGTH // 2))).decode()
    old_prints = {key: stale for key in json.loads(prints) if len(key) == 16}
    old_sealed = [{**row, "fingerprint": stale} for row in json.loads(sealed)]
    connection.execute(
        "UPDATE collections SET sealed = ?, fingerprints = ? WHERE id = ?",
        (json.dumps(old_sealed), json.dumps(old_prints), row_id),
    )
    connection.commit()
    connection.close()


def stored_prints(workspace: Workspace, collection_id: str) -> tuple[list[bytes], dict[str, bytes]]:
    loaded = workspace.collections.get(collection_id)
    paths = {image.id: image.path for image in loaded.collection.images}
    return [fingerprint_file(path) for path in paths.values()], {key: loaded.fingerprints[key] for key in paths}


def test_fingerprints_of_cut_outs_are_renewed_when_the_collection_is_read_again(tmp_path: Path) -> None:
    photos, workspace = write_photos(tmp_path / "photos"), Workspace(tmp_path / "w")
    collection_id = workspace.collections.add(read_collection(photos))
    as_before(workspace)
    assert workspace.collections.add(read_collection(photos)) == collection_id
    wanted, found = stored_prints(workspace, collection_id)
    assert list(found.values()) == wanted
    assert workspace.collections.renew(collection_id) is False


def test_a_run_of_the_version_before_gets_them_when_it_is_resumed(tmp_path: Path) -> None:
    photos, workspace = write_photos(tmp_path / "photos"), Workspace(tmp_path / "w")
    loaded = read_collection(photos)
    collection_id = workspace.collections.add(loaded)
    run = workspace.runs.create(RunSpec(collection_id, str(photos), Goal("more"), Budget(images=8)))
    as_before(workspace)
    session = Session(workspace, run.id, run.spec)
    assert len(set(session.loaded.fingerprints.values())) == 1
    session.require_images()
    wanted, found = stored_prints(workspace, collection_id)
    assert list(found.values()) == wanted == [session.loaded.fingerprints[key] for key in found]
    (sealed, *_) = session.loaded.sealed.rows_for_store()
    assert session.loaded.sealed.matches(fingerprint_file(sealed["image"]["path"]))


def test_a_run_that_began_with_clipped_photos_is_not_resumed_with_other_pixels(tmp_path: Path) -> None:
    photos, workspace = write_photos(tmp_path / "photos", deep=True), Workspace(tmp_path / "w")
    collection_id = workspace.collections.add(read_collection(photos))
    run = workspace.runs.create(RunSpec(collection_id, str(photos), Goal("more"), Budget(images=8)))
    Session(workspace, run.id, run.spec).require_images()
    as_before(workspace)
    with pytest.raises(SetupError, match=r"1 image of the collection.*deep\.png.*begin anew"):
        Session(workspace, run.id, run.spec).require_images()


def test_a_split_made_before_is_kept_by_the_first_id(tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", deep=True)
    content = (photos / "a" / "deep.png").read_bytes()
    for split in ("train", "validation"):
        loaded = read_collection(photos, known_splits=KnownSplits(whole={first_id(content): split}))
        (deep,) = [image for image in loaded.collection.images if image.path.endswith("deep.png")]
        assert deep.split == split
