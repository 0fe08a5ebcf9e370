"""Cold start: Recall@1 of classes that have nothing but a catalogue image, and of the others, by how one searches.

`python bench/cold_start.py MODEL DATA --pool FOLDER`: MODEL was trained on DATA (`atlantis train DATA --out MODEL`),
a collection of `atlantis scenario cold-start`. Nothing is trained: pastes only stand in the gallery. Queries are the
validation split.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

from atlantis_core.data.reading import read_collection
from atlantis_core.generation.cut_paste.generator import CutPasteGenerator
from atlantis_core.generation.cut_paste.sources import FEW_PHOTOS, list_files
from atlantis_core.generation.requests import build_requests
from atlantis_core.learning.retriever import load_retriever
from atlantis_core.learning.serving.interface import NO_CLASS, Photos
from atlantis_core.learning.serving.served_ranking import rank_served
from atlantis_core.learning.serving.servings import parse_serving
from atlantis_core.records import Cell, CellRequest, Collection, LabelledImage, Protocol

SERVINGS = ("", "csls", "prototypes", "prototypes+csls", "rectify+prototypes", "rectify+prototypes+csls")


def make_pastes(collection: Collection, cold: set[str], each: int, folder: Path) -> list[LabelledImage]:
    """Paste each cold class `each` times, as a run's `paste:gallery` does."""
    train = collection.of_split("train")
    cells = tuple(CellRequest(Cell(name), each) for name in sorted(cold))
    protocol = Protocol("bench", 0, "edit", cells, "", "", "margin", 1.0, 0.0)
    generator = CutPasteGenerator()
    found = generator.choose_sources(image for image in train if image.label in cold)
    scenes = [image for image in train if image.label not in cold]
    requests = build_requests(protocol, found.images, "cut_paste/1", 0, 256, backgrounds=scenes)
    made = []
    for request, image in zip(requests, generator.generate(requests), strict=True):
        image.save(folder / f"{request.key}.png")
        made.append(LabelledImage(request.key, str(folder / f"{request.key}.png"), request.cell.class_name, "train"))
    return made


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("model")
    parser.add_argument("data")
    parser.add_argument("--pool", type=Path, required=True)
    parser.add_argument("--pastes", type=int, default=8, help="per cold class")
    given = parser.parse_args()
    collection, retriever = read_collection(given.data).collection, load_retriever(given.model)
    train, validation = collection.of_split("train"), collection.of_split("validation")
    counts = Counter(image.label for image in train)
    cold = {name for name, count in counts.items() if count < FEW_PHOTOS}
    numbers = {name: number for number, name in enumerate(collection.classes)}

    def embed(images: list[LabelledImage]) -> Photos:
        labels = np.array([numbers[image.label] for image in images])
        return Photos(retriever.embed([image.path for image in images]), labels)

    pool = retriever.embed([str(path) for path in list_files(given.pool)])
    reference = Photos(pool, np.full(len(pool), NO_CLASS))
    gallery, queries = embed(list(train)), embed(list(validation))
    with tempfile.TemporaryDirectory() as folder:
        pasted = embed(make_pastes(collection, cold, given.pastes, Path(folder)))
    asked = np.array([image.label in cold for image in validation])
    print(f"{len(cold)} cold classes, {asked.sum()} of {len(asked)} queries\n")
    print("| gallery | serving | cold classes | others | all |\n|" + " --- |" * 5)
    joined = Photos(
        np.concatenate([gallery.vectors, pasted.vectors]), np.concatenate([gallery.labels, pasted.labels])
    )
    for name, searched in (("as it is", gallery), (f"and {given.pastes} pastes each", joined)):
        for serving in SERVINGS:
            hits = rank_served(parse_serving(serving).fit(searched, reference), queries).first_hit == 0
            figures = " | ".join(f"{share:.3f}" for share in (hits[asked].mean(), hits[~asked].mean(), hits.mean()))
            print(f"| {name} | {serving or 'nearest photo'} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
