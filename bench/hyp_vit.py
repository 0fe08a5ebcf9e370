"""One epoch of Hyp-ViT training here and by the released recipe. `python bench/hyp_vit.py`.

The recipe of `train_vits` (github.com/intherejeet/ATLANTIS, after github.com/htdt/hyp_metric), written anew from its
description: ViT-S/16 with only the patch embedding frozen, 128 dimensions in the ball (c 0.1, clipped at 2.3),
temperature 0.2, AdamW at 3e-5, gradients clipped at 3; an epoch shows every class once, K images of each, in one
batch. The released way decodes every image at every draw in the workers of a DataLoader and takes the pairs of
samples in two nested loops; this library's way is its own feed, head, loss and step.

Both start from the same random weights and see the very same views, so their loss curves must agree; turn by turn in
one process. Small images, so that two cores take minutes; grocery81's are twice the side, so that neither way
shrinks them first.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from losses import released_loss, released_similarities

from atlantis_core.base.parallel import best_device, keep_freed_memory
from atlantis_core.data.file_listing import ReadOptions
from atlantis_core.data.reading import read_collection
from atlantis_core.learning.inputs.augmentation import augmented_view, strength_of
from atlantis_core.learning.inputs.decoded_cache import DecodedImageCache
from atlantis_core.learning.inputs.loaders import OnlineLoader
from atlantis_core.learning.inputs.pk_sampler import Batch, TrainingImage, class_names, sample_batches
from atlantis_core.learning.inputs.preprocessing import decode_image, to_batch
from atlantis_core.learning.losses.losses import make_loss
from atlantis_core.learning.models.backbone_modules import create_backbone
from atlantis_core.learning.models.backbones import BackboneSpec
from atlantis_core.learning.models.heads import make_head, make_pca_head
from atlantis_core.learning.models.split_backbone import split_backbone
from atlantis_core.learning.training.gradients import GradientComputer, make_embedder
from atlantis_core.learning.training.optimizer import make_optimizer
from atlantis_core.learning.training.presets import parse_preset

if TYPE_CHECKING:
    from torch import Tensor

    from atlantis_core.learning.recipe import Recipe

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
CURVATURE, TEMPERATURE, CLIP_RADIUS, CLIP_NORM = 0.1, 0.2, 2.3, 3.0
WIDTH, WORKERS = 384, 2


def recipe_of(classes: int, per_class: int) -> Recipe:
    """Return the released settings as a recipe."""
    return parse_preset(
        "hyperbolic",
        classes_per_batch=classes,
        images_per_class=per_class,
        feed="online",
        trainable_fraction=1.0,
        head=f"hyperbolic:c={CURVATURE},clip_radius={CLIP_RADIUS}",
        temperature=TEMPERATURE,
        embed_dim=128,
        lr_head=3e-5,
        lr_trunk=3e-5,
        weight_decay=0.01,
    )


class Model:
    """ViT-S/16 from scratch with a head in the ball, and its optimiser; both ways start from the same one."""

    def __init__(self, backbone: BackboneSpec, recipe: Recipe, num_classes: int) -> None:
        import torch

        self.stages = split_backbone(create_backbone(backbone).to(best_device()), recipe.trainable_fraction)
        self.head = make_pca_head(make_head(recipe.head), torch.eye(WIDTH), recipe.embed_dim).to(best_device())
        self.loss = make_loss(recipe, num_classes, recipe.embed_dim, 0)
        self.optimizer = make_optimizer(self.stages.backbone, self.head, self.loss, recipe)
        self.trained = [p for group in self.optimizer.param_groups for p in group["params"]]

    def step(self) -> None:
        """Clip the gradients and apply them."""
        import torch

        torch.nn.utils.clip_grad_norm_(
            [p for group in self.optimizer.param_groups for p in group["params"]], CLIP_NORM
        )
        self.optimizer.step()
        self.optimizer.zero_grad()


@dataclass(frozen=True)
class Released:
    """The released way: workers decode, two loops take the pairs."""

    model: Model
    backbone: BackboneSpec
    recipe: Recipe
    images: list[TrainingImage]

    def epoch(self, batch: Batch) -> float:
        """Train on one batch; return the loss."""
        import torch
        from torch.utils.data import DataLoader

        pairs = list(zip(batch.images.tolist(), batch.views.tolist(), strict=True))
        share = -(-len(pairs) // WORKERS)
        loader: Any = DataLoader(pairs, batch_size=share, num_workers=WORKERS, collate_fn=self._decoded)  # type: ignore[arg-type]
        with torch.no_grad():
            lowered = self.model.stages.lower(torch.cat(list(loader)).to(best_device()))
        points = self.model.head(self.model.stages.upper(lowered))
        by_class = points.reshape(-1, self.recipe.images_per_class, points.shape[1])
        loss = released_loss(by_class, TEMPERATURE, released_similarities(CURVATURE))
        loss.backward()  # type: ignore[no-untyped-call]
        self.model.step()
        return loss.item()

    def _decoded(self, pairs: list[tuple[int, int]]) -> Tensor:
        strength, side_px = strength_of(self.recipe.augmentation), self.backbone.input_px
        chosen = [(self.images[image], number) for image, number in pairs]
        views = [augmented_view(decode_image(i.path), side_px, strength, i.id, number) for i, number in chosen]
        return to_batch(views, self.backbone)


@dataclass(frozen=True)
class Ours:
    """This library's way: its feed, embedder, loss and gradients."""

    model: Model
    feed: OnlineLoader
    descent: GradientComputer

    def epoch(self, batch: Batch) -> float:
        """Train on one batch; return the loss."""
        import torch

        activations = next(self.feed.stream(iter([batch])))
        loss, _ = self.descent(activations, torch.from_numpy(batch.labels).to(activations.device))
        self.model.step()
        return loss


def both(images: list[TrainingImage], backbone: BackboneSpec, recipe: Recipe) -> dict[str, Released | Ours]:
    """Return both ways, untrained."""
    classes = len(class_names(images))
    released, ours = Model(backbone, recipe, classes), Model(backbone, recipe, classes)
    strength, side_px = strength_of(recipe.augmentation), backbone.input_px
    feed = OnlineLoader(DecodedImageCache(images, side_px), backbone, ours.stages, side_px, strength)
    descent = GradientComputer(make_embedder(ours.stages, ours.head, recipe), ours.loss, ours.trained)
    return {"released": Released(released, backbone, recipe, images), "here": Ours(ours, feed, descent)}


def compared(folder: Path, side_px: int, per_class: int, epochs: int) -> dict[str, Any]:
    """Train both ways for some epochs, turn by turn."""
    import torch

    collection = read_collection(folder, ReadOptions(), "seen").collection
    images = [TrainingImage(i.id, i.path, i.label) for i in collection.of_split("train")]
    half = (0.5, 0.5, 0.5)
    backbone = BackboneSpec("vit_small_patch16_224", {"img_size": side_px}, None, half, half, side_px, "scratch")
    recipe = recipe_of(len(class_names(images)), per_class)
    ways = both(images, backbone, recipe)
    rows: list[dict[str, tuple[float, float]]] = []
    for batch in islice(sample_batches(images, recipe, 0), epochs):
        row = {}
        for name, way in ways.items():
            started = time.perf_counter()
            loss = way.epoch(batch)
            row[name] = (time.perf_counter() - started, loss)
        rows.append(row)
    seconds = {name: [row[name][0] for row in rows] for name in ways}
    losses = {name: [row[name][1] for row in rows] for name in ways}
    return {
        "device": best_device(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "batch": [recipe.classes_per_batch, per_class],
        "side_px": side_px,
        "seconds": seconds,
        "losses": losses,
        "ratio": [a / b for a, b in zip(seconds["released"], seconds["here"], strict=True)],
        "loss_differs": max(abs(a - b) for a, b in zip(losses["released"], losses["here"], strict=True)),
    }


def main() -> None:
    """Print a Markdown table and the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=SHARED / "grocery81")
    parser.add_argument("--side", type=int, default=64, help="pixels")
    parser.add_argument("--per-class", type=int, default=11)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--json", type=Path, help="also write the figures there")
    given = parser.parse_args()
    if not given.data.is_dir():
        parser.error(f"no images at {str(given.data)!r}; name a collection with --data")
    keep_freed_memory()
    found = compared(given.data, given.side, given.per_class, given.epochs)
    print("| way | seconds an epoch, median | loss of each epoch |\n| --- | --- | --- |")
    for name, seconds in found["seconds"].items():
        curve = ", ".join(f"{loss:.5f}" for loss in found["losses"][name])
        print(f"| {name} | {statistics.median(seconds):.2f} | {curve} |")
    print(f"\nratio {statistics.median(found['ratio']):.2f}, losses differ by {found['loss_differs']:.1e} at most\n")
    text = json.dumps(found, indent=1)
    print(text)
    if given.json:
        given.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
