"""Photos that an arm adds to the gallery: a part of its serving, `photos:HASH`, stored by their content hash.

Arms in the journal name their serving, so whatever reads an arm finds the photos that it is searched with.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from atlantis_core.base.errors import SetupError
from atlantis_core.base.hashing import content_hash
from atlantis_core.base.serialization import as_json, from_json
from atlantis_core.records import LabelledImage

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from atlantis_core.data.tasks import RetrievalTask
    from atlantis_core.records import Candidate
    from atlantis_core.run.session import Session
    from atlantis_core.store.workspace import Workspace

_PART = "photos:"
_JOIN = "+"


def to_gallery_photos(candidates: Iterable[Candidate]) -> list[LabelledImage]:
    """Return candidates as photos of the gallery; they count as training photos."""
    return [LabelledImage(one.key, one.path, one.cell.class_name, "train", "gallery") for one in candidates]


def add_photos(session: Session, serving: str, photos: Sequence[LabelledImage]) -> str:
    """Return a serving that also searches these photos, which are stored; the same one without any photo."""
    if not photos:
        return serving
    rest, before = split_photos(session.workspace, serving)
    every = {photo.id: photo for photo in (*before, *photos)}
    # Without paths: each is that of the candidate, and so moves with the workspace.
    listed = [{**photo, "path": ""} for photo in as_json(sorted(every.values(), key=lambda photo: photo.id))]
    key = content_hash("gallery_photos", listed)
    session.workspace.results.add(key, "gallery_photos", listed, 0.0)
    return _JOIN.join(filter(None, [f"{_PART}{key}", rest]))


def split_photos(workspace: Workspace, serving: str) -> tuple[str, tuple[LabelledImage, ...]]:
    """Return a serving without its photos, and the photos.

    Raises:
        SetupError: They are not in this workspace.
    """
    parts = serving.split(_JOIN)
    named = [part.removeprefix(_PART) for part in parts if part.startswith(_PART)]
    photos: list[LabelledImage] = []
    for key in named:
        found = workspace.results.find(key)
        if found is None:
            raise SetupError(
                f"the gallery photos {key!r} are not in workspace {str(workspace.folder)!r}; name its own"
            )
        photos += _find_files(workspace, from_json(tuple[LabelledImage, ...], found))
    return _JOIN.join(part for part in parts if not part.startswith(_PART)), tuple(photos)


def _find_files(workspace: Workspace, photos: Sequence[LabelledImage]) -> list[LabelledImage]:
    candidates = workspace.candidates.find(photo.id for photo in photos)
    return [replace(photo, path=candidates[photo.id].path) for photo in photos]


def replace_serving(serving: str, changed: str) -> str:
    """Return a changed serving with the photos of the one before."""
    kept = [part for part in serving.split(_JOIN) if part.startswith(_PART)]
    return _JOIN.join([*kept, *([changed] if changed else [])])


def extend_gallery(task: RetrievalTask, photos: Sequence[LabelledImage]) -> RetrievalTask:
    """Return a task whose gallery also holds these photos."""
    return replace(task, gallery=(*task.gallery, *photos)) if photos else task
