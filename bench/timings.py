"""How fast the parts are on this machine: the figures of docs/performance.md. `python bench/timings.py`.

Everything runs on the bundled world, three times; the best is printed, since other jobs only make it slower.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from atlantis_core.base.hashing import content_hash
from atlantis_core.base.parallel import map_on_cores
from atlantis_core.data.file_listing import ReadOptions
from atlantis_core.data.reading import read_collection
from atlantis_core.generation.candidate_images import generate_candidates
from atlantis_core.generation.requests import build_requests
from atlantis_core.harbor.renderer import render
from atlantis_core.harbor.world_files import list_world_images, write_bundled_collection
from atlantis_core.harbor.worlds import planted_gap_world
from atlantis_core.learning.inputs.activation_cache import ActivationCache, ViewKind
from atlantis_core.learning.models.backbones import HARBOR_STUDENT
from atlantis_core.learning.retriever import frozen_retriever
from atlantis_core.learning.training.train import train
from atlantis_core.records import Budget, Cell, CellRequest, Goal, Protocol, RunSpec
from atlantis_core.run.session import Session
from atlantis_core.run.training_set import collect_real
from atlantis_core.store.workspace import Workspace

REPEATS = 3
IMAGES, STEPS, SEEDS = 400, 20, 2


def best_rate(count: int, job: Callable[[Path], Any]) -> float:
    """Return the highest of three rates per second; every repeat gets an empty folder."""
    rates = []
    for _ in range(REPEATS):
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            job(Path(folder))
            rates.append(count / (time.perf_counter() - started))
    return max(rates)


def parts_of(session: Session, world: Path) -> dict[str, tuple[int, Callable[[Path], Any]]]:
    """Return the parts by name: how many things one call handles, and the call."""
    scenes = [image.scene for image, _ in zip(list_world_images(planted_gap_world(0)), range(IMAGES), strict=False)]
    images = collect_real(session)
    stages = frozen_retriever(session.backbone, session.recipe.trainable_fraction).stages
    recipe = replace(session.recipe, steps=STEPS)
    warm = session.cache
    retriever = frozen_retriever(session.backbone, session.recipe.trainable_fraction)
    cells = [CellRequest(Cell(name, "condition", "night"), 8) for name in sorted({i.label for i in images})[:16]]
    protocol = Protocol("bench", 1, "edit", tuple(cells), "photos of vessels", "to time it", "margin", 1.0, 0.0)
    requests = build_requests(protocol, session.collection.of_split("train"), "bench", 0)

    def views(folder: Path) -> object:
        kind = ViewKind(session.backbone.input_px, recipe.views, recipe.augmentation)
        return ActivationCache(folder).load(images[:IMAGES], kind, session.backbone, stages)

    def trainings(folder: Path, seeds: int) -> object:
        def job(seed: int) -> object:
            return train(images, session.backbone, recipe, seed, folder / str(seed), warm)

        return list(map_on_cores(job, range(seeds), at_once=seeds))

    trainings(session.workspace.path("warm-up"), 1)
    return {
        "scenes rendered": (IMAGES, lambda _: [render(scene) for scene in scenes]),
        "images read and checked": (
            planted_gap_world(0).size("train") + 2 * planted_gap_world(0).size("validation"),
            lambda _: read_collection(world, ReadOptions(), "seen"),
        ),
        f"images to activations of {recipe.views} views": (IMAGES, views),
        "training steps, one training": (STEPS, lambda folder: trainings(folder, 1)),
        f"training steps, {SEEDS} trainings side by side": (SEEDS * STEPS, lambda folder: trainings(folder, SEEDS)),
        "images embedded from files": (IMAGES, lambda _: retriever.embed([i.path for i in images[:IMAGES]])),
        "photometric images made": (
            len(requests),
            lambda folder: generate_candidates(requests, session.generator, folder, (), lambda _: None, protocol),
        ),
    }


def main() -> None:
    """Time every part and print a Markdown table."""
    import torch

    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(folder)
        world = write_bundled_collection("harbor:0", workspace.path("collections"))
        collection_id = workspace.collections.add(read_collection(world, ReadOptions(), "seen"))
        spec = RunSpec(collection_id, "harbor:0", Goal(""), Budget(), backbone=HARBOR_STUDENT)
        session = Session(workspace, content_hash("bench", 0), spec)
        print(f"torch {torch.__version__}, {torch.get_num_threads()} threads\n")
        print("| part | per second |\n| --- | --- |")
        for name, (count, job) in parts_of(session, world).items():
            print(f"| {name} | {best_rate(count, job):,.1f} |", flush=True)


if __name__ == "__main__":
    main()
