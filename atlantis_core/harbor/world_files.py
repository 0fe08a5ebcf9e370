"""Worlds as folders of pictures, in the manner of the Hugging Face imagefolder."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from atlantis_core.base.errors import SetupError
from atlantis_core.base.ports import Progress, no_progress
from atlantis_core.harbor.renderer import RENDERER_VERSION, render
from atlantis_core.harbor.scene import Scene, sample_scene
from atlantis_core.harbor.vocabulary import VesselClass, caption_for
from atlantis_core.harbor.worlds import FACET, SPLITS, WORLDS, Split, World

_COLUMNS = ("file_name", "label", "split", FACET, "vessel", "hull", "trim")
_DESCRIPTION = "world.json"


class WorldImage(NamedTuple):
    """One picture of a world, not yet rendered."""

    file_name: str
    split: Split
    scene: Scene


def list_world_images(world: World) -> Iterator[WorldImage]:
    """List the pictures of a world.

    Args:
        world: What to list.

    Yields:
        Every picture, in a fixed order; its scene depends on nothing but the world's name and seed and its
        own file name, so that another count elsewhere leaves it as it is.
    """
    for cell in world.cells:
        vessel_class = VesselClass.from_label(cell.label)
        for split in SPLITS:
            difficulty = "ordinary" if split == "train" else cell.difficulty
            for index in range(cell.pictures(split)):
                file_name = f"{cell.label}/{split}-{cell.condition}-{index:02d}.png"
                digest = hashlib.sha256(f"{world.name}:{world.seed}:{file_name}".encode()).digest()
                seed = int.from_bytes(digest[:6], "big")
                yield WorldImage(file_name, split, sample_scene(vessel_class, cell.condition, seed, difficulty))


def _describe_world(world: World) -> dict[str, Any]:
    return {
        "made_by": "atlantis_core.harbor",
        "renderer_version": RENDERER_VERSION,
        "pictures": {split: world.size(split) for split in SPLITS},
        **world.as_json(),
    }


def _metadata_row(picture: WorldImage) -> tuple[str, ...]:
    shown = picture.scene.vessel_class
    return (
        picture.file_name,
        shown.label,
        picture.split,
        picture.scene.condition,
        shown.vessel,
        shown.hull,
        shown.trim,
    )


def _write_files(world: World, folder: Path, progress: Progress) -> None:
    pictures = tuple(list_world_images(world))
    for label in world.classes:
        (folder / label).mkdir()
    for done, picture in enumerate(pictures, start=1):
        progress("drawing the world", done, len(pictures))
        Image.fromarray(render(picture.scene)).save(folder / picture.file_name, compress_level=1)
    with (folder / "metadata.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_COLUMNS)
        writer.writerows(_metadata_row(picture) for picture in pictures)
    # Captions stay out of metadata.csv, where they would look like a facet with thousands of values.
    with (folder / "captions.jsonl").open("w", encoding="utf-8") as file:
        for picture in pictures:
            words = caption_for(picture.scene.vessel_class, picture.scene.condition)
            file.write(json.dumps({"file_name": picture.file_name, "caption": words}) + "\n")
    (folder / _DESCRIPTION).write_text(json.dumps(_describe_world(world), indent=1) + "\n", encoding="utf-8")


def _is_written(world: World, folder: Path) -> bool:
    """Tell whether the folder holds this very world; refuse a folder that holds anything else."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    description = folder / _DESCRIPTION
    # Through JSON and back: tuples become lists, as they are in the file.
    wanted = json.loads(json.dumps(_describe_world(world)))
    if description.is_file() and json.loads(description.read_text(encoding="utf-8")) == wanted:
        return True
    raise SetupError(f"{folder} holds something else than {world.name}:{world.seed}; name an empty or a new folder")


def write_world(world: World, folder: Path, progress: Progress = no_progress) -> Path:
    """Write a world: PNGs in class folders, `metadata.csv`, `captions.jsonl` and `world.json`.

    The folder appears at once and whole, also when the writing is cut short or done twice at a time; a
    folder that holds this world already is left as it is.

    Args:
        world: What to write.
        folder: Where; absent, empty, or written by an earlier call for the same world.
        progress: Told of every picture.

    Returns:
        The folder.

    Raises:
        SetupError: The folder holds something else.
    """
    if _is_written(world, folder):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        _write_files(world, part, progress)
        part.chmod(0o755)
        part.replace(folder)
    except OSError:
        # Another process may have been faster; then its folder is as good as ours.
        if not _is_written(world, folder):
            raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder


def write_bundled_collection(name: str, folder: Path, progress: Progress = no_progress) -> Path:
    """Write a bundled collection, or find it written.

    Args:
        name: `harbor` (the demo's world), `harbor:SEED`, `harbor-balanced[:SEED]` or `harbor-tiny[:SEED]`.
        folder: Where bundled collections are kept; each gets a folder of its own in it.
        progress: Told of every picture.

    Returns:
        The collection's folder.

    Raises:
        SetupError: No bundled collection has that name.
    """
    family, _, number = name.partition(":")
    if family not in WORLDS or not (number or "0").isdecimal():
        known = ", ".join(f"{known}[:SEED]" for known in WORLDS)
        raise SetupError(f"no bundled collection is named {name!r}; known: {known}")
    world = WORLDS[family](int(number or "0"))
    # The digest keeps a world written by another version of this package from being taken for this one.
    digest = hashlib.sha256(json.dumps(_describe_world(world)).encode()).hexdigest()[:8]
    return write_world(world, folder / f"{family}-{world.seed}-{digest}", progress)


def is_bundled(name: str) -> bool:
    """Tell whether a name, seed or not, belongs to a bundled collection."""
    return name.partition(":")[0] in WORLDS
