"""DeepFashion In-Shop Clothes Retrieval (Liu et al. 2016): `list_eval_partition.txt` says train, query or gallery."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from atlantis_core.base.errors import SetupError
from atlantis_core.importing.import_plan import ImportedPhoto, ImportOptions, ImportPlan
from atlantis_core.importing.source_lists import damaged_line_error, find_root, read_rows, resolve_listed
from atlantis_core.records import Role, Split

_TITLE = "In-Shop Clothes"
_PUBLISHED = 52_712
_LISTS = ("list_eval_partition.txt", "Eval/list_eval_partition.txt", "Anno/list_eval_partition.txt")
_STATUS: Mapping[str, tuple[Split, Role]] = {
    "train": ("train", "both"),
    "query": ("test", "query"),
    "gallery": ("test", "gallery"),
}


def plan_import(source: Path, options: ImportOptions) -> ImportPlan:
    """Read the list; an item becomes the class `Dresses id_00000002`, and parts of its path become columns.

    The columns are `gender`, `category`, `item_id`, and `pose` (front, side, back ...). The given splits already
    have different items in train and test, so both split choices are the same; query and gallery stay apart.

    Raises:
        SetupError: The list is missing or damaged.
    """
    del options
    root = find_root(source, _LISTS, "In-shop Clothes Retrieval Benchmark", _TITLE)
    file = next(root / name for name in _LISTS if (root / name).is_file())
    images = next((root / name for name in ("Img", "img_root") if (root / name / "img").is_dir()), root)
    labels: dict[str, str] = {}
    photos = []
    for line, (path, item, status) in read_rows(file, 3, _TITLE, header_lines=2):
        if status not in _STATUS:
            raise damaged_line_error(file, line, status, _TITLE)
        split, role = _STATUS[status]
        facets = _parse_path(path) | {"item_id": item}
        label = labels.setdefault(item, f"{facets.get('category', '')} {item}".strip())
        photos.append(ImportedPhoto(path, resolve_listed(images, path, _TITLE), label, split, role, facets))
    if not any(photo.split == "train" for photo in photos):
        raise SetupError(f"{file.name} of {_TITLE} is damaged: it lists no training image; unpack the archive again")
    return ImportPlan(photos, len(photos), _TITLE, _PUBLISHED)


def _parse_path(path: str) -> dict[str, str]:
    """Read `img/WOMEN/Dresses/id_00000002/02_1_front.jpg`."""
    parts = PurePosixPath(path).parts
    found = {}
    if len(parts) >= 5:
        found = {"gender": parts[-4].lower(), "category": parts[-3].replace("_", " ")}
    pose = re.fullmatch(r"\d+_\d+_([A-Za-z]+)", PurePosixPath(path).stem)
    return found | ({"pose": pose[1].lower()} if pose else {})
