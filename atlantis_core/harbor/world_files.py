"""Write worlds as folders of images in the format of Hugging Face imagefolder."""

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
    """One image of a world, not yet rendered."""

    file_name: str
    split: Split
    scene: Scene


def list_world_images(world: World) -> Iterator[WorldImage]:
    """Yield the images of a world in a fixed order.

    A scene depends only on the world's name and seed and on the file name, so it does not change with the number of
    other images.
    """
    for cell in world.cells:
        vessel_class = VesselClass.from_label(cell.label)
        for split in SPLITS:
            difficulty = "ordinary" if split == "train" else cell.difficulty
            for index in range(cell.num_images(split)):
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


def _metadata_row(image: WorldImage) -> tuple[str, ...]:
    vessel_class = image.scene.vessel_class
    return (
        image.file_name,
        vessel_class.label,
        image.split,
        image.scene.condition,
        vessel_class.vessel,
        vessel_class.hull,
        vessel_class.trim,
    )


def _write_files(world: World, folder: Path, progress: Progress) -> None:
    images = tuple(list_world_images(world))
    for label in world.classes:
        (folder / label).mkdir()
    for done, image in enumerate(images, start=1):
        progress("drawing the world", done, len(images))
        Image.fromarray(render(image.scene)).save(folder / image.file_name, compress_level=1)
    with (folder / "metadata.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_COLUMNS)
        writer.writerows(_metadata_row(image) for image in images)
    # Not in metadata.csv, where captions would look like a facet with thousands of values.
    with (folder / "captions.jsonl").open("w", encoding="utf-8") as file:
        for image in images:
            caption = caption_for(image.scene.vessel_class, image.scene.condition)
            file.write(json.dumps({"file_name": image.file_name, "caption": caption}) + "\n")
    (folder / _DESCRIPTION).write_text(json.dumps(_describe_world(world), indent=1) + "\n", encoding="utf-8")


def _is_written(world: World, folder: Path) -> bool:
    """Return whether the folder contains this world; refuse a folder that contains anything else."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    description = folder / _DESCRIPTION
    # Through JSON and back, so that tuples become lists as in the file.
    wanted = json.loads(json.dumps(_describe_world(world)))
    if description.is_file() and json.loads(description.read_text(encoding="utf-8")) == wanted:
        return True
    raise SetupError(
        f"folder {str(folder)!r} contains something else than {world.name}:{world.seed}; name an empty or new folder"
    )


def write_world(world: World, folder: Path, progress: Progress = no_progress) -> Path:
    """Write a world: PNGs in class folders, `metadata.csv`, `captions.jsonl` and `world.json`.

    The folder is created atomically, even if the process is killed or two processes write at once. If it contains
    this world already, nothing is written.

    Args:
        world: The world to write.
        folder: Must not exist, be empty, or contain the same world.
        progress: Called after every image.

    Returns:
        The folder.

    Raises:
        SetupError: The folder contains something else.
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
        # Another process may have written the same world first.
        if not _is_written(world, folder):
            raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder


def write_bundled_collection(name: str, folder: Path, progress: Progress = no_progress) -> Path:
    """Write a bundled collection, unless it has been written already.

    Args:
        name: `harbor` (the demo's world), `harbor:SEED`, `harbor-balanced[:SEED]` or `harbor-tiny[:SEED]`.
        folder: Parent folder of the bundled collections.
        progress: Called after every image.

    Returns:
        The collection's folder.

    Raises:
        SetupError: There is no bundled collection of that name.
    """
    family, _, number = name.partition(":")
    if family not in WORLDS or not (number or "0").isdecimal():
        known = ", ".join(f"{known}[:SEED]" for known in WORLDS)
        raise SetupError(f"there is no bundled collection {name!r}; known: {known}")
    world = WORLDS[family](int(number or "0"))
    # The digest separates worlds that were written by different versions of this package.
    digest = hashlib.sha256(json.dumps(_describe_world(world)).encode()).hexdigest()[:8]
    return write_world(world, folder / f"{family}-{world.seed}-{digest}", progress)


def is_bundled(name: str) -> bool:
    """Return whether a name, with or without a seed, is that of a bundled collection."""
    return name.partition(":")[0] in WORLDS
