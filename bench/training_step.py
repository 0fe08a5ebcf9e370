"""Training steps on images from disk against the same on tensors in memory. `python bench/training_step.py`.

MobileNetV2 at 128 px on grocery81, all blocks trained, a new augmented view at every draw (`feed="online"`): images
are decoded and cut by the product's own feed while the step before is computed. The other side is handed the very
same batches as tensors made beforehand. Both ways turn by turn in one process, the same steps from the same weights;
`decoded anew` keeps no image in memory, as a collection larger than it would have to. `--release` shows what
`devices.keep_freed_memory` saves.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlantis_core.base.parallel import keep_freed_memory
from atlantis_core.data.file_listing import ReadOptions
from atlantis_core.data.reading import read_collection
from atlantis_core.learning.inputs.augmentation import augmented_view, strength_of
from atlantis_core.learning.inputs.decoded_cache import MAX_BYTES, DecodedImageCache
from atlantis_core.learning.inputs.loaders import OnlineLoader
from atlantis_core.learning.inputs.pk_sampler import Batch, TrainingImage, class_names, sample_batches
from atlantis_core.learning.inputs.preprocessing import to_batch
from atlantis_core.learning.losses.losses import make_loss
from atlantis_core.learning.models.backbone_modules import create_backbone
from atlantis_core.learning.models.backbones import resolve_backbone
from atlantis_core.learning.models.heads import make_head, make_pca_head
from atlantis_core.learning.models.split_backbone import split_backbone
from atlantis_core.learning.training.gradients import GradientComputer, make_embedder
from atlantis_core.learning.training.optimizer import make_optimizer
from atlantis_core.learning.training.presets import parse_preset

if TYPE_CHECKING:
    from torch import Tensor

    from atlantis_core.learning.models.backbones import BackboneSpec
    from atlantis_core.learning.recipe import Recipe

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
RECIPE = parse_preset("cpu", feed="online", trainable_fraction=1.0)
STEPS, REPEATS = 8, 5


class Trainer:
    """One model and what trains it."""

    def __init__(self, backbone: BackboneSpec, recipe: Recipe, images: list[TrainingImage]) -> None:
        import torch

        self.stages = split_backbone(create_backbone(backbone), recipe.trainable_fraction)
        features = torch.eye(int(self.stages.backbone.num_features))  # type: ignore[arg-type]
        head = make_pca_head(make_head(recipe.head), features, recipe.embed_dim)
        loss = make_loss(recipe, len(class_names(images)), recipe.embed_dim, 0)
        trained = [p for p in [*self.stages.backbone.parameters(), *head.parameters()] if p.requires_grad]
        self.descent = GradientComputer(make_embedder(self.stages, head, recipe), loss, trained)
        self.optimizer = make_optimizer(self.stages.backbone, head, loss, recipe)

    def step(self, activations: Tensor, batch: Batch) -> float:
        """Take one step; return the loss."""
        import torch

        self.optimizer.zero_grad()
        loss, _ = self.descent(activations, torch.from_numpy(batch.labels))
        self.optimizer.step()
        return loss


def seconds_of(trainer: Trainer, source: Callable[[list[Batch]], Iterator[Tensor]], drawn: list[Batch]) -> float:
    """Return the seconds of a few steps."""
    started = time.perf_counter()
    for batch, activations in zip(drawn, source(drawn), strict=True):
        trainer.step(activations, batch)
    return time.perf_counter() - started


def compared(folder: Path, weights: Path) -> dict[str, Any]:
    """Time all ways turn by turn."""
    import torch

    collection = read_collection(folder, ReadOptions(), "seen").collection
    images = [TrainingImage(i.id, i.path, i.label) for i in collection.of_split("train")]
    backbone = resolve_backbone(None, str(weights))
    trainer = Trainer(backbone, RECIPE, images)
    side_px, strength = backbone.input_px, strength_of(RECIPE.augmentation)

    def feed(held_bytes: int) -> OnlineLoader:
        return OnlineLoader(
            DecodedImageCache(images, side_px, held_bytes), backbone, trainer.stages, side_px, strength
        )

    held, anew = feed(MAX_BYTES), feed(0)

    def pixels(batch: Batch) -> Tensor:
        pairs = zip(batch.images.tolist(), batch.views.tolist(), strict=True)
        return to_batch(
            [augmented_view(held.images[i], side_px, strength, images[i].id, n) for i, n in pairs], backbone
        )

    def in_memory(made: list[Tensor]) -> Iterator[Tensor]:
        for tensor in made:
            with torch.no_grad():
                lowered = trainer.stages.lower(tensor)
            yield lowered

    source, rows = sample_batches(images, RECIPE, 0), []
    for repeat in range(REPEATS + 1):
        drawn = list(islice(source, STEPS))
        made = [pixels(batch) for batch in drawn]
        row = {
            "tensors in memory": seconds_of(trainer, lambda _, made=made: in_memory(made), drawn),  # type: ignore[misc]
            "images from disk": seconds_of(trainer, lambda drawn: held.stream(iter(drawn)), drawn),
            "decoded anew at every draw": seconds_of(trainer, lambda drawn: anew.stream(iter(drawn)), drawn),
        }
        if repeat:  # the first finds memory
            rows.append(row)
    count = STEPS * RECIPE.classes_per_batch * RECIPE.images_per_class
    base = [row["tensors in memory"] for row in rows]
    return {
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "images_per_second": {way: count / statistics.median(row[way] for row in rows) for way in rows[0]},
        "ratio": {way: [round(b / row[way], 3) for b, row in zip(base, rows, strict=True)] for way in rows[0]},
    }


def main() -> None:
    """Print a Markdown table and the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=SHARED / "grocery81")
    parser.add_argument("--weights", type=Path, default=next((SHARED / "weights").glob("*.safetensors"), None))
    parser.add_argument(
        "--release", action="store_true", help="let glibc hand freed memory back, as it does by default"
    )
    parser.add_argument("--json", type=Path, help="also write the figures there")
    given = parser.parse_args()
    if given.weights is None or not given.data.is_dir():
        parser.error("grocery81 and its weights are not there; name them with --data and --weights")
    if not given.release:
        keep_freed_memory()
    found = compared(given.data, given.weights)
    print("| step on | images a second | share of the speed on tensors: median (each) |\n| --- | --- | --- |")
    for way, rate in found["images_per_second"].items():
        ratios = found["ratio"][way]
        print(f"| {way} | {rate:.1f} | {statistics.median(ratios):.2f} ({', '.join(f'{r:.2f}' for r in ratios)}) |")
    text = json.dumps(found, indent=1)
    print(f"\n{text}")
    if given.json:
        given.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
