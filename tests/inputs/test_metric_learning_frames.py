"""Frames of open-metric-learning: `is_query` and `is_gallery` are roles, boxes are said, not facets."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from atlantis_core.data.reading import read_collection
from atlantis_core.data.tasks import retrieval_task
from atlantis_core.metrics.ranking import rank_images
from atlantis_core.records import LabelledImage
from tests.atlantis_core.data.sample_images import write
from tests.inputs.small_tables import notes_of, problems_of

FRAME = ["label", "path", "split", "is_query", "is_gallery", "category"]


def frame(folder: Path, true: str = "True", false: str = "False") -> list[dict[str, str]]:
    """Write a frame of 4 training and 4 validation classes: of a validation class 2 images are queries, 4 gallery."""
    rows = []
    for number in range(40):
        held_out = number >= 16
        label = f"{'v' if held_out else 't'}{number % 4}"
        is_query = held_out and number < 24
        flags = (true if is_query else false, false if is_query else true) if held_out else ("", "")
        name = f"images/{number}.png"
        values = [label, name, "validation" if held_out else "train", *flags, f"kind{number % 2}"]
        rows.append(dict(zip(FRAME, values, strict=True)))
        write(folder, {name: number})
    with (folder / "metadata.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, FRAME)
        writer.writeheader()
        writer.writerows(rows)
    return rows


def embed(path: str) -> np.ndarray:
    with Image.open(path) as image:
        small = np.asarray(image.convert("RGB").resize((3, 3)), np.float32).ravel() - 128
    return small / np.linalg.norm(small)


def recall_at_1(folder: Path, rows: list[dict[str, str]], true: str) -> float:
    """Return Recall@1 of the queries over the gallery, computed from the flags alone."""
    queries = [row for row in rows if row["is_query"] == true]
    gallery = [row for row in rows if row["is_gallery"] == true]
    similarity = (
        np.stack([embed(str(folder / row["path"])) for row in queries])
        @ np.stack([embed(str(folder / row["path"])) for row in gallery]).T
    )
    return float(
        np.mean(
            [gallery[best]["label"] == row["label"] for row, best in zip(queries, similarity.argmax(1), strict=True)]
        )
    )


@pytest.mark.parametrize(("true", "false"), [("True", "False"), ("1.0", "0.0"), ("1", "0"), ("true", "FALSE")])
def test_flags_are_roles_and_no_facets(tmp_path: Path, true: str, false: str) -> None:
    rows = frame(tmp_path, true, false)
    collection = read_collection(tmp_path, regime="unseen").collection
    flags = {name: collection.not_facets[name] for name in ("is_query", "is_gallery")}
    assert flags == dict.fromkeys(flags, "gives the role in retrieval")
    task = retrieval_task(collection, "unseen")
    assert (len(task.queries), len(task.gallery)) == (8, 16)

    def vectors(images: tuple[LabelledImage, ...]) -> np.ndarray:
        return np.stack([embed(image.path) for image in images])

    ranking = rank_images(task.queries, vectors(task.queries), task.gallery, vectors(task.gallery))
    assert float(np.mean(ranking.first_hit == 0)) == recall_at_1(tmp_path, rows, true)


ROLES = {
    "both": ("True", "True", "both"),
    "query": ("True", "False", "query"),
    "gallery": ("False", "True", "gallery"),
    "neither": ("False", "False", "train"),
    "none": ("", "", "both"),
    "none in words": ("None", "nan", "both"),
    "one letter": ("Y", "n", "query"),
    "only no query": ("False", "", "gallery"),
}


@pytest.mark.parametrize("case", ROLES)
def test_every_pair_of_flags_has_a_role(tmp_path: Path, case: str) -> None:
    query, gallery, role = ROLES[case]
    rows = [[f"p/{n}.png", "ab"[n % 2], "train" if n < 4 else "validation", query, gallery] for n in range(8)]
    write(tmp_path, {row[0]: seed for seed, row in enumerate(rows)})
    lines = [",".join(row) for row in (["path", "label", "split", "is_query", "is_gallery"], *rows)]
    (tmp_path / "metadata.csv").write_text("\n".join(lines))
    collection = read_collection(tmp_path).collection
    assert {image.role for image in collection.of_split("validation")} == {role}
    trained = {image.role for image in collection.of_split("train")}
    assert trained == ({"both"} if case == "neither" else {role})


def test_an_unknown_flag_is_named_and_the_column_role_counts_first(tmp_path: Path) -> None:
    rows = [[f"p/{n}.png", "ab"[n % 2], "maybe" if n == 7 else "yes", "gallery"] for n in range(8)]
    write(tmp_path, {row[0]: seed for seed, row in enumerate(rows)})
    table = tmp_path / "metadata.csv"
    table.write_text("\n".join(["path,label,is_query,place", *map(",".join, rows)]))
    found = problems_of(read_collection(tmp_path))
    assert found == {"p/7.png": "unknown role: is_query is 'maybe' (true or false)"}
    table.write_text("\n".join(["path,label,is_query,role", *map(",".join, rows)]))
    loaded = read_collection(tmp_path)
    assert {image.role for image in loaded.collection.images} == {"gallery"}
    assert "is_query" in {*loaded.collection.facets, *loaded.collection.not_facets}


def test_boxes_are_said_because_images_are_used_whole(tmp_path: Path) -> None:
    rows = [f"p/{n}.png,{'ab'[n % 2]},0.0,{n}.0,24.0,24.0" for n in range(8)]
    write(tmp_path, {f"p/{seed}.png": seed for seed in range(8)})
    (tmp_path / "metadata.csv").write_text("\n".join(["path,label,x_1,x_2,y_1,y_2", *rows]))
    assert "images are used whole" in notes_of(tmp_path)
    assert not read_collection(tmp_path).collection.facets
