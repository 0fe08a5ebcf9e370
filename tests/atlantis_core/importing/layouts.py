"""The original layouts of the collections that are imported, in miniature."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.atlantis_core.data.sample_images import encoded, picture

JPEG_SEEDS = iter(range(10_000, 100_000))


def photo() -> bytes:
    return encoded(picture(next(JPEG_SEEDS)), "JPEG", quality=90)


def put(root: Path, files: Mapping[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


BIRDS = {
    1: "001.Black_footed_Albatross",
    100: "100.Brown_Pelican",
    101: "101.White_Pelican",
    200: "200.Common_Yellowthroat",
}


def cub(root: Path) -> Path:
    """CUB-200-2011: three photos each of four of the classes, the first of each class for training."""
    images, labels, trained, boxes, files = [], [], [], [], {}
    number = 0
    for key, name in BIRDS.items():
        for place in range(3):
            number += 1
            file = f"{name}/{name[4:]}_{place:04d}_{1000 + number}.jpg"
            images.append(f"{number} {file}")
            labels.append(f"{number} {key}")
            trained.append(f"{number} {int(place == 0)}")
            boxes.append(f"{number} 60.0 27.0 325.0 304.0")
            files[f"images/{file}"] = photo()
    classes = [f"{key} {name}" for key, name in BIRDS.items()]
    lists = {
        "images.txt": images,
        "image_class_labels.txt": labels,
        "train_test_split.txt": trained,
        "bounding_boxes.txt": boxes,
        "classes.txt": classes,
    }
    return put(root, files | {name: "\n".join(lines) + "\n" for name, lines in lists.items()})


CARS = (
    "AM General Hummer SUV 2000",
    "Bugatti Veyron 16.4 Coupe 2009",
    "Ram C/V Cargo Van Minivan 2012",
    "smart fortwo 2012",
)


def _saved(variables: Mapping[str, Any]) -> bytes:
    from scipy.io import savemat

    stream = io.BytesIO()
    savemat(stream, dict(variables), do_compression=True)  # type: ignore[arg-type]
    return stream.getvalue()


def _structs(rows: Sequence[Sequence[Any]], fields: Sequence[tuple[str, Any]]) -> Any:
    out = np.zeros((1, len(rows)), dtype=[(name, object) for name, _ in fields])
    for place, row in enumerate(rows):
        out[0, place] = tuple(kind(value) for (_, kind), value in zip(fields, row, strict=True))
    return out


def _cell(names: Sequence[str]) -> Any:
    cell = np.empty((1, len(names)), dtype=object)
    cell[0, :] = names
    return cell


_BOX = [("bbox_x1", np.uint16), ("bbox_y1", np.uint16), ("bbox_x2", np.uint16), ("bbox_y2", np.uint16)]


def cars_at_once(root: Path) -> Path:
    """Cars196 with one list: `cars_annos.mat` beside `car_ims/`; the last photo of each class is for the test."""
    rows, files = [], {}
    for number in range(1, 3 * len(CARS) + 1):
        name = f"car_ims/{number:06d}.jpg"
        files[name] = photo()
        rows.append((name, 10, 20, 30, 40, (number - 1) // 3 + 1, int(number % 3 == 0)))
    fields = [("relative_im_path", str), *_BOX, ("class", np.uint8), ("test", np.uint8)]
    mat = _saved({"annotations": _structs(rows, fields), "class_names": _cell(CARS)})
    return put(root, files | {"cars_annos.mat": mat})


def cars_devkit(root: Path) -> Path:
    """Cars196 with the development kit: `cars_train/`, `cars_test/`, `devkit/*.mat`."""
    fields = [*_BOX, ("class", np.uint8), ("fname", str)]
    files: dict[str, str | bytes] = {"devkit/cars_meta.mat": _saved({"class_names": _cell(CARS)})}
    for folder, per_class, list_name in (("train", 2, "cars_train_annos"), ("test", 1, "cars_test_annos_withlabels")):
        rows = []
        for number in range(1, per_class * len(CARS) + 1):
            files[f"cars_{folder}/{number:05d}.jpg"] = photo()
            rows.append((1, 2, 3, 4, (number - 1) // per_class + 1, f"{number:05d}.jpg"))
        files[f"devkit/{list_name}.mat"] = _saved({"annotations": _structs(rows, fields)})
    return put(root, files)


def sop(root: Path) -> Path:
    """Stanford Online Products: two items for training, two for the test, of two super classes."""
    files: dict[str, str | bytes] = {}
    number = 0
    for name, items in (
        ("Ebay_train.txt", ((1, 1, "bicycle"), (2, 5, "coffee_maker"))),
        ("Ebay_test.txt", ((3, 1, "bicycle"), (4, 5, "coffee_maker"))),
    ):
        lines = ["image_id class_id super_class_id path"]
        for item, kind_number, kind in items:
            for place in range(2):
                number += 1
                path = f"{kind}_final/1110{item}_{place}.JPG"
                lines.append(f"{number} {item} {kind_number} {path}")
                files[path] = photo()
        files[name] = "\n".join(lines) + "\n"
    files["Ebay_info.txt"] = "image_id class_id super_class_id path\n"
    return put(root, files)


def inshop(root: Path, below: str = "", images: str = "") -> Path:
    """In-Shop: two items for training, two of which each photo is a query or in the gallery."""
    rows, files = [], {}
    items = (
        ("WOMEN/Dresses", 2, "train"),
        ("MEN/Denim", 3, "train"),
        ("WOMEN/Dresses", 1, "test"),
        ("MEN/Denim", 4, "test"),
    )
    for folder, item, status in items:
        for place, pose in enumerate(("1_front", "2_side", "3_back", "4_full")):
            path = f"img/{folder}/id_{item:08d}/02_{pose}.jpg"
            said = status if status == "train" else "query" if place == 0 else "gallery"
            rows.append(f"{path}          id_{item:08d}  {said}")
            files[f"{images}{path}"] = photo()
    text = "\n".join([str(len(rows)), "image_name item_id evaluation_status", *rows]) + "\n"
    return put(root, files | {f"{below}list_eval_partition.txt": text})


def parquet(root: Path, *, named: bool = True, rows: int = 3) -> Path:
    """A dataset of the hub as parquet: `data/train-*.parquet` and `data/test-*.parquet`, labels as numbers."""
    import pyarrow as pa
    from pyarrow import parquet as files

    names = ["Bugatti Veyron 16.4", "Audi R8"]
    features = {"image": {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}
    note = {b"huggingface": json.dumps({"info": {"features": features}}).encode()} if named else {}
    (root / "data").mkdir(parents=True)
    for split in ("train", "test"):
        labels = [place % 2 for place in range(2 * rows)]
        table = pa.table(
            {
                "image": [{"bytes": photo(), "path": f"{place}.jpg"} for place in range(2 * rows)],
                "label": labels,
                "light": ["day" if place < rows else "night" for place in range(2 * rows)],
                "split": ["x"] * (2 * rows),
            }
        )
        files.write_table(table.replace_schema_metadata(note), root / "data" / f"{split}-00000-of-00001.parquet")
    return root
