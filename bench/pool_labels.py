"""What a pool of unlabelled photos gives on grocery81: pseudo-labels, and answers of a person, for docs/results.md.

`python bench/pool_labels.py --seeds 2 --workspace FOLDER`. For each seed a teacher is trained on the training split.

- Pseudo-labels: how many are accepted and how many of those are right, beside the share that was forecast.
- Answers: 0 to 320 photos are named (chosen, or drawn at random, mean of `DRAWS`), the answers are spread, and all
  accepted photos are put into the gallery: Recall@1 on the validation queries, without any training.

The labels of the pool (`answers.csv`) are read here only, to play the person and to count what is right. Photos that
nearly equal a validation or test photo are left out, as the product does.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from atlantis_core.data.reading import read_collection
from atlantis_core.filtering.leak_guard import HeldOutImages, ValidationFingerprints
from atlantis_core.learning.inputs.activation_cache import ActivationCache
from atlantis_core.learning.inputs.pk_sampler import TrainingImage
from atlantis_core.learning.models.backbones import resolve_backbone
from atlantis_core.learning.retriever import Retriever, frozen_retriever, load_retriever
from atlantis_core.learning.training.presets import parse_preset
from atlantis_core.learning.training.train import train
from atlantis_core.pool.answers import spread_answers
from atlantis_core.pool.held_out import HeldOut, Labelled, Unlabelled, hold_out_groups, join_views
from atlantis_core.pool.pool_folder import PoolFolder, guard_pool
from atlantis_core.pool.pseudo_labels import PseudoLabelOptions, PseudoLabels, pseudo_label
from atlantis_core.pool.questions import choose_questions

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
PRECISIONS = (0.85, 0.9, 0.95)
COUNTS = (0, 40, 80, 160, 320)
DRAWS = 3


@dataclass(frozen=True)
class World:
    """A teacher's view of the collection and the pool."""

    train: Labelled
    pool: Unlabelled
    held_out: Sequence[HeldOut]
    queries: Labelled
    truth: NDArray[np.str_]
    """Labels of the pool, for scoring."""

    def share_right(self, found: PseudoLabels, but: Sequence[int] = ()) -> tuple[int, float]:
        """Count the accepted, without some rows, and the share of right ones among them."""
        rows = [(one.row, one.class_name) for one in found.accepted if one.row not in set(but)]
        return len(rows), float(np.mean([self.truth[row] == name for row, name in rows])) if rows else 0.0

    def recall(self, found: PseudoLabels) -> float:
        """Return Recall@1 of the validation queries with the accepted photos in the gallery."""
        rows = [one.row for one in found.accepted]
        gallery = np.concatenate([self.train.embeddings, self.pool.embeddings[rows]])
        labels = np.concatenate([self.train.labels, [one.class_name for one in found.accepted]])
        nearest = (self.queries.embeddings @ gallery.T).argmax(axis=1)
        return float(np.mean(labels[nearest] == self.queries.labels))


def build_world(given: argparse.Namespace, seed: int) -> World:
    """Train a teacher, or take the one in the workspace, and embed everything."""
    loaded = read_collection(given.data)
    cache = ActivationCache(given.workspace / "cache")
    backbone = resolve_backbone(None, str(given.weights))
    recipe = parse_preset(given.preset)
    known, asked = (loaded.collection.of_split(split) for split in ("train", "validation"))
    folder = given.workspace / "models" / f"{given.preset}{seed}"
    train([TrainingImage(one.id, one.path, one.label) for one in known], backbone, recipe, seed, folder, cache)
    guards: list[HeldOutImages] = [
        ValidationFingerprints([loaded.fingerprints[one.id] for one in asked]),
        loaded.sealed,
    ]
    pool = guard_pool(PoolFolder(str(given.pool / "images")).images, guards, {one.id for one in known})
    print(pool.describe(), flush=True)
    with (given.pool / "answers.csv").open(encoding="utf-8", newline="") as file:
        answers = {row["file_name"]: row["label"] for row in csv.DictReader(file)}

    def embed(model: Retriever) -> list[NDArray[np.float32]]:
        return [model.embed_cached(part, cache) for part in (known, asked, pool.images)]

    photos, queries, unlabelled = embed(load_retriever(folder))
    frozen, _, frozen_pool = embed(frozen_retriever(backbone, recipe.trainable_fraction))
    labelled = Labelled(photos, np.array([one.label for one in known]))
    return World(
        labelled,
        Unlabelled(unlabelled, join_views(unlabelled, frozen_pool)),
        hold_out_groups(labelled, frozen),
        Labelled(queries, np.array([one.label for one in asked])),
        np.array([answers[Path(one.path).name] for one in pool.images]),
    )


def measure_labels(world: World, seed: int) -> None:
    """Print a row per wanted precision."""
    for precision in PRECISIONS:
        found = pseudo_label(world.train, world.pool, world.held_out, PseudoLabelOptions(precision))
        count, right = world.share_right(found)
        gallery = world.recall(found)
        print(f"| {seed} | {precision} | {count} | {found.expected_precision:.3f} | {right:.3f} | {gallery:.3f} |")


def measure_answers(world: World, seed: int) -> None:
    """Print a row per number of answers."""
    before = pseudo_label(world.train, world.pool, world.held_out)
    chosen = [one.row for one in choose_questions(before, world.train, world.pool, max(COUNTS))]
    for count in COUNTS:
        found = _spread(world, chosen[:count])
        accepted, right = world.share_right(found, chosen[:count])
        drawn = [
            world.recall(_spread(world, np.random.default_rng(draw).permutation(len(world.truth))[:count].tolist()))
            for draw in range(DRAWS if count else 1)
        ]
        cells = f"{accepted} | {right:.3f} | {world.recall(found):.3f} | {np.mean(drawn):.3f}"
        print(f"| {seed} | {count} | {cells} |", flush=True)


def _spread(world: World, rows: Sequence[int]) -> PseudoLabels:
    answers = {row: str(world.truth[row]) for row in rows}
    return spread_answers(answers, world.train, world.pool, world.held_out)


def main() -> None:
    """Print two Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--preset", default="cpu")
    parser.add_argument("--data", type=Path, default=SHARED / "grocery81")
    parser.add_argument("--pool", type=Path, default=SHARED / "grocery_pool")
    parser.add_argument("--weights", type=Path, default=next((SHARED / "weights").glob("*.safetensors"), None))
    parser.add_argument("--workspace", type=Path, required=True, help="keeps teachers and activations")
    given = parser.parse_args()
    worlds = [build_world(given, seed) for seed in range(given.seeds)]
    print("| seed | wanted | accepted | forecast right | right | R@1, in the gallery |")
    print("| --- | --- | --- | --- | --- | --- |")
    for seed, world in enumerate(worlds):
        measure_labels(world, seed)
    print("| seed | answers | spread to | of those right | R@1, chosen | R@1, drawn at random |")
    print("| --- | --- | --- | --- | --- | --- |")
    for seed, world in enumerate(worlds):
        measure_answers(world, seed)


if __name__ == "__main__":
    main()
