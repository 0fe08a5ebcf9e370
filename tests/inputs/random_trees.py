"""Random folders as people hand them in, from a seed: class folders, split folders and metadata, with odd things."""

from __future__ import annotations

import csv
import os
import unicodedata
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

from tests.atlantis_core.data.sample_images import encoded, picture

LITTER = {"thumbs.db", "desktop.ini", "__macosx"}
IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".avif"}
METADATA = {"metadata.csv", "metadata.jsonl", "meta.csv", "metadata.tsv", "metadata.parquet"}


@cache
def photo(seed: int) -> bytes:
    return encoded(picture(seed, 12))


class RandomTree:
    """A folder that is being filled."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root = root
        self.chance = np.random.default_rng(seed)
        self.rows: list[list[str]] = []
        self.number = 0

    def put(self, name: str, content: bytes | None = None) -> str:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not os.path.lexists(path):
            path.write_bytes(photo(self.number % 60) if content is None else content)
            self.number += 1
        return name

    def link(self, name: str, target: Path) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not os.path.lexists(path):
            path.symlink_to(target)

    def any_folder(self) -> str:
        folders = ["", "a", "b", "train", "train/a", "validation/b", "photos", "deep/er"]
        return folders[self.chance.integers(len(folders))]

    def at(self, name: str) -> str:
        return f"{self.any_folder()}/{name}".lstrip("/")


def odd_things(tree: RandomTree) -> list[Callable[[], object]]:
    """What may be in a folder besides its photos, each by a name."""
    outside = tree.root.parent / "outside"
    return [
        lambda: tree.put(tree.at("loose.png")),
        lambda: tree.put("holdout/x.png"),
        lambda: tree.put(tree.at(".hidden.png")),
        lambda: tree.put(tree.at(".old/deep/x.jpg")),
        lambda: tree.put(tree.at(".git/config"), b"x"),
        lambda: tree.put(tree.at("._x.png"), b"x"),
        lambda: tree.put(tree.at("Thumbs.db"), b"x"),
        lambda: tree.put("__MACOSX/a/x.png"),
        lambda: tree.put(tree.at("README.md"), b"words"),
        lambda: tree.put(tree.at("labels.json"), b"{}"),
        lambda: tree.put(tree.at("scan.HEIC"), b"x"),
        lambda: tree.put(tree.at("cut.png"), photo(3)[:60]),
        lambda: tree.put(tree.at("empty.jpg"), b""),
        lambda: tree.put(tree.at("UPPER.PNG")),
        lambda: tree.put(tree.at("no_suffix")),
        lambda: tree.put(tree.at("album.png/x.png")),
        lambda: tree.put(tree.at(unicodedata.normalize("NFD", "é.png"))),
        lambda: tree.put(tree.at("back\\slash.png")),
        lambda: (tree.root / tree.at("nothing")).mkdir(parents=True, exist_ok=True),
        lambda: tree.link(tree.at("out.png"), outside / "x.png"),
        lambda: tree.link(tree.at("out"), outside),
        lambda: tree.link(tree.at("gone.png"), tree.root / "nowhere.png"),
        lambda: tree.link(tree.at("self.png"), tree.root / tree.at("self.png")),
        lambda: tree.link(tree.at("loop"), tree.root),
        lambda: tree.link("train/linked", tree.root / "photos"),
        lambda: tree.link(tree.at("twin.png"), tree.root / "a" / "0.png"),
        lambda: tree.put(tree.at("metadata.jsonl"), b""),
        lambda: os.mkfifo(tree.root / "pipe.png"),
        lambda: tree.put("caf\udce9.png"),
    ]


def odd_rows(tree: RandomTree) -> list[list[str]]:
    """Rows of a metadata file that name something odd: file, label, split."""
    listed = [row[0] for row in tree.rows] or ["a/0.png"]
    some = listed[tree.chance.integers(len(listed))]
    return [
        ["gone/x.png", "a", "train"],
        [some, "a", "train"],
        [some, "b", "train"],
        [some, "", "train"],
        [some, "a", "tomorrow"],
        ["", "a", "train"],
        ["../outside/x.png", "a", "train"],
        [str(tree.root / some), "a", "train"],
        [some.replace("/", "\\"), "a", "train"],
        [some.upper(), "a", "train"],
        [some.replace(".png", ".PNG"), "a", "train"],
        [f"./{some}", "a", "train"],
        [f"x/../{some}", "a", "train"],
        ["/etc/passwd", "a", "train"],
        ["C:\\photos\\x.png", "a", "train"],
        ["a", "a", "train"],
        ["é.png", "a", "train"],
        ["loop/a/0.png", "a", "train"],
        [".hidden.png", "a", "validation"],
    ]


def build_tree(root: Path, seed: int) -> None:
    """Fill a folder: one of four layouts, and each odd thing with some chance."""
    tree = RandomTree(root, seed)
    root.mkdir(parents=True)
    (root.parent / "outside").mkdir(exist_ok=True)
    (root.parent / "outside" / "x.png").write_bytes(photo(61))
    layout = seed % 4
    folders = ("a", "b") if layout in (0, 1) else ("train/a", "train/b", "validation/a", "validation/b")
    for folder in folders:
        for number in range(int(tree.chance.integers(1, 5))):
            name = tree.put(f"{folder}/{number}.png")
            tree.rows.append([name, folder[-1], "validation" if "val" in folder or number == 1 else "train"])
    share = tree.chance.choice([0.05, 0.2, 0.5])
    for add in odd_things(tree):
        if tree.chance.random() < share:
            add()
    if layout in (1, 3):
        _write_metadata(tree, share)


def _write_metadata(tree: RandomTree, share: float) -> None:
    rows = [row for row in tree.rows if tree.chance.random() < 0.9]
    rows += [row for row in odd_rows(tree) if tree.chance.random() < share]
    with (tree.root / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["file_name", "label", "split"], *rows])


def find_files(root: Path) -> set[str]:
    """Return the files of a folder that have to be used or named, found by a walk of its own.

    Not files of file managers, AppleDouble files, hidden files that are not images, and the metadata that is read.
    """
    found = set()
    for where, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name.lower() not in LITTER and not name.startswith("._")]
        below = Path(where).relative_to(root)
        for name in files:
            is_hidden = any(part.startswith(".") for part in (below / name).parts)
            is_image = Path(name).suffix.lower() in IMAGE_SUFFIXES
            if name.lower() in LITTER or name.startswith("._") or (is_hidden and not is_image):
                continue
            found.add((below / name).as_posix())
    return found - {"metadata.csv"}
