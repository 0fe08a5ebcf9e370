"""Train the captioner: `python -m atlantis_core.harbor.training.captioner --work FOLDER [--minutes M]`.

It sees all 336 classes in every condition, each image once, and no image of any world: like the painter it knows the
classes of the demo, but not its images. (Trained on the other 288 classes alone it named the vessel correctly for
96 % of those, but for 85 % of the demo's: each pair of colours was missing for just one vessel, and it had learned
that, too.) Call it again to resume. The result is in `FOLDER/captioner`, with its scores on unseen images.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from atlantis_core.base.parallel import best_device
from atlantis_core.base.ports import Progress
from atlantis_core.harbor import seeds
from atlantis_core.harbor.renderer import RENDERER_VERSION, render
from atlantis_core.harbor.scene import Scene, sample_scene
from atlantis_core.harbor.training.captioner.exam import Marks, examine_captioner, report
from atlantis_core.harbor.training.captioner.model import make_captioner, make_processor
from atlantis_core.harbor.training.progress import describe_machine, print_progress
from atlantis_core.harbor.training.shipping import compute_in_float32, make_readable
from atlantis_core.harbor.vocabulary import CLASSES, CONDITIONS, VesselClass, caption_for
from atlantis_core.learning.training.resumable import take_step, train


@dataclass(frozen=True, slots=True)
class Recipe:
    """The settings of one training of the captioner."""

    steps: int = 2000
    batch: int = 64
    rate: float = 1e-3
    seed: int = 0


class CaptionerTraining:
    """Trains a BLIP on images that are rendered for a single step each."""

    def __init__(self, recipe: Recipe, processor: Any, device: str) -> None:
        import torch

        self._recipe, self._processor, self._device = recipe, processor, device
        torch.manual_seed(recipe.seed)
        self.modules = make_captioner(processor.tokenizer).to(device)
        self.optimiser = torch.optim.AdamW(self.modules.parameters(), lr=recipe.rate, weight_decay=0.05)

    def step(self, step: int) -> float:
        """Train on one batch, which depends only on the step."""
        images, captions = render_batch(step, self._recipe.batch)
        for group in self.optimiser.param_groups:
            group["lr"] = self._recipe.rate * _rate_share(step, self._recipe.steps)
        batch = self._processor(images=list(images), text=captions, padding=True, return_tensors="pt")
        batch = batch.to(self._device)
        labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
        loss = self.modules.train()(**batch, labels=labels).loss
        return take_step(loss, self.modules, self.optimiser)


def render_batch(
    step: int, count: int, draw: Callable[[VesselClass, str, int], Scene] = sample_scene
) -> tuple[npt.NDArray[np.uint8], list[str]]:
    """Return the images of a step, (N, 64, 64, 3), and their captions; no image is used in two steps."""
    rng = np.random.default_rng([13, step])
    shown = [(CLASSES[int(rng.integers(len(CLASSES)))], str(rng.choice(CONDITIONS))) for _ in range(count)]
    first = seeds.CAPTIONER + step * count
    images = np.stack([render(draw(*pair, first + place)) for place, pair in enumerate(shown)])
    return images, [caption_for(*pair) for pair in shown]


def _rate_share(step: int, steps: int) -> float:
    """Return the share of the highest learning rate: a short warm-up, then a cosine to zero."""
    return min(1.0, (step + 1) / 50) * 0.5 * (1 + math.cos(math.pi * step / steps))


def train_captioner(
    recipe: Recipe, work: Path, device: str, progress: Progress = print_progress, deadline: float | None = None
) -> list[Marks] | None:
    """Train until done or the deadline; when done, write the captioner to `work/captioner` and score it.

    Returns:
        The scores, or None if the deadline came first.
    """
    import torch

    processor = make_processor()
    training = CaptionerTraining(recipe, processor, device)
    if not train("captioner", training, recipe.steps, work, progress, deadline):
        return None
    folder = work / "captioner"
    training.modules.cpu().to(torch.float16).save_pretrained(folder)
    processor.save_pretrained(folder)
    compute_in_float32(folder)
    make_readable(folder)
    marks = examine_captioner(str(folder))
    facts = {
        "command": "python -m atlantis_core.harbor.training.captioner",
        "recipe": asdict(recipe),
        "machine": describe_machine(device),
        "renderer_version": RENDERER_VERSION,
        "classes": [c.label for c in CLASSES],
        "marks": [asdict(line) for line in marks],
    }
    (folder / "training.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return marks


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and train."""
    usual = Recipe()
    parser = argparse.ArgumentParser(prog="python -m atlantis_core.harbor.training.captioner", description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder of the checkpoint, resumed if it exists")
    parser.add_argument("--minutes", type=float, default=None, help="stop after this time; call again to resume")
    parser.add_argument("--steps", type=int, default=usual.steps)
    parser.add_argument("--device", default=best_device())
    given = parser.parse_args(arguments)
    deadline = None if given.minutes is None else time.monotonic() + 60 * given.minutes
    marks = train_captioner(Recipe(steps=given.steps), given.work, given.device, deadline=deadline)
    sys.stderr.write("not complete yet; call again to resume\n" if marks is None else f"{report(marks)}\n")


if __name__ == "__main__":
    main()
