"""A small collection to make scenarios of, and what is read of those."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from atlantis_core.learning.models.backbones import resolve_backbone
from atlantis_core.learning.retriever import Retriever, frozen_retriever


def draw_image(path: Path, number: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(number).integers(0, 255, (40, 44, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Six classes; eight training, two validation and two test photos each; every other one at night."""
    rows = []
    for label in "abcdef":
        for number in range(12):
            name = f"photos/{label}.{number}.png"  # a dot in the name is no suffix
            draw_image(tmp_path / "source" / name, ord(label) * 100 + number)
            split = "train" if number < 8 else ("validation", "test")[number % 2]
            rows.append([name, f"{label}.x", split, "night" if number % 2 else "day"])
    with (tmp_path / "source" / "metadata.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["file_name", "label", "split", "light"], *rows])
    return tmp_path / "source"


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "metadata.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def train_counts(folder: Path) -> Counter[str]:
    return Counter(row["label"] for row in table(folder) if row["split"] == "train")


def held_out(folder: Path) -> list[tuple[str, str, str]]:
    return sorted((r["file_name"], r["label"], r["split"]) for r in table(folder) if r["split"] != "train")


@pytest.fixture(scope="module")
def retriever() -> Retriever:
    return frozen_retriever(resolve_backbone("scratch"))
