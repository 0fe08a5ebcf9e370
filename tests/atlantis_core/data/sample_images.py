"""Small pictures and folders of them for the tests of `atlantis_core.data`."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image


def picture(seed: int, side_px: int = 48) -> Image.Image:
    """A smooth random picture; different seeds give pictures that are no near-duplicates."""
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((side_px, side_px), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, kind: str = "PNG", **options: int) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def write(folder: Path, files: Mapping[str, int | bytes]) -> Path:
    """Write files: a number becomes the PNG of that seed, bytes are written as they are."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(picture(content)) if isinstance(content, int) else content)
    return folder


def class_folders(folder: Path, classes: Mapping[str, int], first_seed: int = 0) -> Path:
    """Write so many different pictures of each class."""
    seed = first_seed
    for name, count in classes.items():
        for number in range(count):
            write(folder, {f"{name}/{number:02d}.png": seed})
            seed += 1
    return folder


def coloured_noise(folder: Path, classes: Sequence[str]) -> Path:
    """Write ten photos of each of at most three classes, wider than high: noise in which one channel is brighter."""
    draw = np.random.default_rng(0)
    for number, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for index in range(10):
            pixels = draw.integers(0, 120, (40, 48, 3))
            pixels[..., number] += 100
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{index}.png")
    return folder


def with_metadata(
    folder: Path, header: Sequence[str], rows: Sequence[Sequence[str]], name: str = "metadata.csv"
) -> Path:
    """Write a metadata file and, for every path in its first column that is not there, a picture."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, row in enumerate(rows):
        if row and not (folder / row[0]).exists() and ".." not in row[0] and not row[0].startswith("/"):
            write(folder, {row[0]: 1000 + seed})
    with (folder / name).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return folder


def hub_imagefolder(folder: Path, name: str = "metadata.csv") -> Path:
    """Write the layout of the Hugging Face hub: split folders, each with photos of 3 classes beside its metadata."""
    for first, (split, count) in enumerate({"train": 12, "validation": 6, "test": 6}.items()):
        rows = [[f"{n}.png", "abc"[n % 3], ("day", "night")[n // 3 % 2]] for n in range(count)]
        write(folder / split, {row[0]: 100 * first + n for n, row in enumerate(rows)})
        header = ["file_name", "label", "lighting"]
        if name.endswith(".jsonl"):
            lines = [json.dumps(dict(zip(header, row, strict=True))) for row in rows]
            write(folder / split, {name: "\n".join(lines).encode()})
        else:
            with_metadata(folder / split, header, rows, name)
    return folder
