"""A small collection with cameras and objects, a trained hyperbolic model of it, and figures by slow loops."""

from __future__ import annotations

import csv
import io
import json
import math
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from atlantis_core.data.reading import read_collection
from atlantis_core.data.tasks import RetrievalTask, retrieval_task
from atlantis_core.metrics.rank_counters import TIE
from atlantis_dml.app.find_model import find_retriever
from atlantis_dml.cli.main import main

HOSTILE = "<script>alert(1)</script>"
CLASSES = ("red", "green", HOSTILE)
C = 0.1


@dataclass(frozen=True)
class Trained:
    photos: Path
    workspace: Path
    model: str

    def task(self) -> RetrievalTask:
        return retrieval_task(read_collection(self.photos).collection)

    def embeddings(self, embedding: str | None, task: RetrievalTask) -> tuple[Any, Any]:
        """Embed as the command does: each image once, the gallery first."""
        paths = [image.path for image in (*task.gallery, *task.queries)]
        found = find_retriever(self.model, self.workspace, embedding).embed(paths).astype(np.float64)
        return found[len(task.gallery) :], found[: len(task.gallery)]


def train_photos(folder: Path, *settings: str) -> Trained:
    """Write the photos, and train a tiny model on them by the command."""
    photos, workspace = write_photos(folder / "photos"), folder / "w"
    words = ["train", str(photos), "--backbone", "scratch", "--preset", "smoke", "--set", "steps=4", "--json"]
    with redirect_stdout(io.StringIO()) as out:
        assert main([*words, "--set", "classes_per_batch=3", *settings, "--workspace", str(workspace)]) == 0
    return Trained(photos, workspace, json.loads(out.getvalue())["trials"][0]["id"])


def write_photos(folder: Path) -> Path:
    """Write photos of three alike classes by two cameras, an object in every two photos."""
    draw = np.random.default_rng(0)
    rows = [("file_name", "label", "split", "camera", "object")]
    folder.mkdir()
    for number, label in enumerate(CLASSES):
        for index in range(14):
            pixels = draw.integers(0, 90, (40, 48, 3)) + draw.integers(
                0, 120, 3
            )  # the light says more than the class
            pixels[..., number] += 40
            name = f"{number}-{index}.png"
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name)
            split = ("train", "validation")[index % 2]
            rows.append((name, label, split, "ab"[index // 3 % 2], f"{number}/{index // 2}"))
    with (folder / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return folder


def train(folder: Path) -> Trained:
    """The same with a hyperbolic head."""
    return train_photos(folder, "--set", "loss=hyperbolic_pairs", "--set", f"head=hyperbolic:c={C}")


def near(distance: str, x: Any, y: Any) -> float:
    """Return the score of a pair by the formula; higher is nearer."""
    apart = math.fsum((a - b) ** 2 for a, b in zip(x, y, strict=True))
    if distance == "cosine":
        return float(x @ y) / math.sqrt(float(x @ x) * float(y @ y))
    if distance == "euclidean":
        return -apart / 2
    room = (1 - C * float(x @ x)) * (1 - C * float(y @ y))
    return -math.acosh(1 + 2 * C * apart / room)


def slow_rows(task: RetrievalTask, embeddings: Any, distance: str, hidden: Any) -> list[dict[str, Any]]:
    """Return rank of the first hit, AP@R and R-precision of every query that has a partner."""
    rows, (queries, gallery) = [], embeddings
    for image, point in zip(task.queries, queries, strict=True):
        seen = [
            (near(distance, point, other) - TIE * (one.label == image.label), one.label == image.label)
            for one, other in zip(task.gallery, gallery, strict=True)
            if one.id != image.id and not hidden(image, one)
        ]
        order = [right for _, right in sorted(seen, key=lambda pair: (-pair[0], pair[1]))]
        wanted = sum(order)
        if wanted:
            ap = sum(sum(order[: k + 1]) / (k + 1) for k in range(wanted) if order[k]) / wanted
            rows.append({"image": image, "first": order.index(True), "ap": ap, "rp": sum(order[:wanted]) / wanted})
    return rows
