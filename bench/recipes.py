"""How good the presets are on grocery81: `python bench/recipes.py seen --preset full`, for docs/results.md.

Real images only, from the shipped weights, several seeds. The protocols (../shared/data/README.md):

- `seen`: trained on visit A of all classes, which is also searched; 695 validation queries of visit B.
- `unseen`: trained on visit A of one half of the classes; the other half is searched (visit A) and asked for (350
  validation queries of visit B).
- `fold0` to `fold2`: for choosing a recipe for unseen classes. Made of the training half of the classes alone: a
  third of those is held out, the others are trained on. No image of the other half is in them.

Each is written as a collection of its own, with links to the photos; the sealed test images are in none of them.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import atlantis_dml
from atlantis_core.importing.collection_writer import write_collection
from atlantis_core.importing.import_plan import ImportedPhoto, ImportPlan
from atlantis_core.records import Split

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
FOLDS, FOLD_SEED = 3, 7
Row = Mapping[str, str]


def split_of(protocol: str, rows: list[Row]) -> Callable[[Row], Split | None]:
    """Return which split a row of the metadata has in a protocol; None leaves it out."""
    if protocol == "seen":
        return lambda row: _named(row["split"]) if row["split"] != "test" else None
    if protocol == "unseen":
        return lambda row: _by_class(row, held_out=row["zero_shot"] == "test")
    labels = sorted({row["label"] for row in rows if row["zero_shot"] == "train"})
    order = np.random.default_rng(FOLD_SEED).permutation(len(labels))
    held = {labels[number] for number in order[int(protocol.removeprefix("fold")) :: FOLDS]}
    return lambda row: _by_class(row, held_out=row["label"] in held) if row["zero_shot"] == "train" else None


def _by_class(row: Row, *, held_out: bool) -> Split | None:
    """Held-out classes are searched and asked for in validation; the others are trained on, visit A only."""
    if row["split"] == "test":
        return None
    if held_out:
        return "validation"
    return "train" if row["split"] == "train" else None


def _named(text: str) -> Split:
    return "train" if text == "train" else "validation"


def written(protocol: str, source: Path, folder: Path) -> Path:
    """Write a protocol as a collection; return its folder."""
    with (source / "metadata.csv").open(encoding="utf-8", newline="") as file:
        rows: list[Row] = list(csv.DictReader(file))
    choose = split_of(protocol, rows)
    photos = [
        ImportedPhoto(
            row["file_name"],
            source / row["file_name"],
            row["label"],
            split,
            "query" if row["role"] == "query" else "gallery",
            {"visit": row["visit"]},
        )
        for row in rows
        if (split := choose(row)) is not None
    ]
    return write_collection(ImportPlan(photos, len(photos), "grocery81"), folder).folder


def main() -> None:
    """Train and print a Markdown row and the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("protocols", nargs="+", choices=["seen", "unseen", *(f"fold{k}" for k in range(FOLDS))])
    parser.add_argument("--preset", default="full", help="with changes behind it: full?steps=300")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--data", type=Path, default=SHARED / "grocery81")
    parser.add_argument("--weights", type=Path, default=next((SHARED / "weights").glob("*.safetensors"), None))
    parser.add_argument("--workspace", type=Path, help="keeps trainings: a second call goes on")
    parser.add_argument("--json", type=Path, help="also write the figures there")
    given = parser.parse_args()
    if given.weights is None or not given.data.is_dir():
        parser.error("grocery81 and its weights are not there; name them with --data and --weights")
    found: dict[str, Any] = {}
    print("| protocol | preset | frozen R@1 | R@1, mean of seeds | each | MAP@R | seconds |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as place:
        for protocol in given.protocols:
            found[protocol] = trained(protocol, given, Path(place))
            print(row_of(protocol, given.preset, found[protocol]), flush=True)
    text = json.dumps(found, indent=1)
    if given.json:
        given.json.write_text(text + "\n", encoding="utf-8")


def trained(protocol: str, given: argparse.Namespace, place: Path) -> dict[str, Any]:
    """Train one protocol with all seeds."""
    started = time.monotonic()
    figures = atlantis_dml.train(
        written(protocol, given.data, place / protocol),
        given.preset,
        seeds=given.seeds,
        seed=given.first_seed,
        weights=given.weights,
        regime="seen" if protocol == "seen" else "unseen",
        workspace=given.workspace or place / "workspace",
    )
    return figures | {"seconds": round(time.monotonic() - started)}


def row_of(protocol: str, preset: str, found: Mapping[str, Any]) -> str:
    """Return a row of the table."""
    each = ", ".join(f"{trial['recall_at']['1']:.3f}" for trial in found["trials"] if "recall_at" in trial)
    recall, frozen = found["recall_at_1"], found["frozen"]["recall_at"]["1"]
    spread = "" if recall["sd"] is None else f" +- {recall['sd']:.3f}"
    figures = f"{frozen:.3f} | {recall['mean']:.3f}{spread} | {each} | {found['map_at_r']['mean']:.3f}"
    return f"| {protocol} ({found['queries']} queries) | `{preset}` | {figures} | {found['seconds']} |"


if __name__ == "__main__":
    main()
