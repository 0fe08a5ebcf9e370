"""Eight photos and a metadata file over them, for the tests of tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from atlantis_core.base.errors import SetupError
from atlantis_core.data.file_listing import ReadOptions
from atlantis_core.data.reading import LoadedCollection, read_collection
from tests.atlantis_core.data.sample_images import write

PHOTOS = tuple(f"p/{number}.png" for number in range(8))


def with_photos(folder: Path, photos: Sequence[str] = PHOTOS) -> Path:
    return write(folder, {name: seed for seed, name in enumerate(photos)})


def with_table(folder: Path, content: str | bytes, name: str = "metadata.csv") -> Path:
    """Write the eight photos and a metadata file."""
    with_photos(folder)
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def labelled(labels: Sequence[str], header: str = "file_name,label") -> str:
    """Return a CSV file with a label, and further cells, for each photo."""
    return "\n".join([header, *(f"{name},{label}" for name, label in zip(PHOTOS, labels, strict=False))])


def classes_of(folder: Path) -> dict[str, str]:
    """Return photo -> class, of all splits."""
    loaded = read_collection(folder)
    images = [*loaded.collection.images, *loaded.sealed.open("test", lambda _: None)]
    return {Path(image.path).relative_to(folder).as_posix(): image.label for image in images}


def notes_of(folder: Path, options: ReadOptions | None = None) -> str:
    return " | ".join(read_collection(folder, options).notes)


def problems_of(loaded: LoadedCollection) -> dict[str, str]:
    return {problem.path: problem.problem for problem in loaded.collection.problems}


def refusal_of(folder: Path, options: ReadOptions | None = None) -> str:
    with pytest.raises(SetupError) as caught:
        read_collection(folder, options)
    assert "\n" not in str(caught.value)
    return str(caught.value)
