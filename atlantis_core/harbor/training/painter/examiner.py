"""An independent classifier of harbor images, which judges generated images.

`python -m atlantis_core.harbor.training.painter.examiner --work FOLDER PIPELINE`. It is trained on rendered images of
all classes in all conditions, including those held out of the painter's training, and never on generated images. Its
score on unseen rendered images is printed first, as the upper bound for generated ones.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from atlantis_core.base.parallel import best_device
from atlantis_core.harbor import seeds
from atlantis_core.harbor.renderer import render
from atlantis_core.harbor.scene import sample_scene
from atlantis_core.harbor.training.painter.autoencoder import to_tensor
from atlantis_core.harbor.training.painter.curriculum import ATTRIBUTES, encode_attributes, is_held_out
from atlantis_core.harbor.training.progress import print_progress
from atlantis_core.harbor.vocabulary import CLASSES, CONDITIONS, VesselClass, caption_for
from atlantis_core.learning.training.resumable import train

if TYPE_CHECKING:
    from torch import Tensor

    from atlantis_core.base.ports import Progress

STEPS = 1000
"""Training steps."""

_BATCH = 64
_RATE = 1.5e-3

Subject = tuple[VesselClass, str]


@dataclass(frozen=True, slots=True)
class Marks:
    """Shares of images in which the examiner recognises what they should show."""

    images: int
    condition: float
    vessel: float
    hull: float
    trim: float
    class_right: float
    """Vessel, hull and trim all correct."""


class Examiner:
    """A small convolutional network with a head for vessel, hull, trim and condition.

    Args:
        steps: Of its training.
        device: Device to train on.
        classes: What it is trained on, equally often.
    """

    def __init__(self, steps: int, device: str, classes: Sequence[VesselClass] = CLASSES) -> None:
        import timm
        import torch
        from torch import nn

        torch.manual_seed(1)
        backbone = timm.create_model("resnet10t", pretrained=False, num_classes=0)
        heads = nn.ModuleList(nn.Linear(int(backbone.num_features), len(values)) for values in ATTRIBUTES)
        self.modules = nn.ModuleDict({"backbone": backbone, "heads": heads}).to(device)
        self.optimiser = torch.optim.AdamW(self.modules.parameters(), lr=_RATE, weight_decay=0.05)
        self._steps, self._device, self._classes = steps, device, classes

    def step(self, step: int) -> float:
        """Train on images rendered for this step only, so that none is seen twice."""
        import torch
        from torch.nn import functional

        rng = np.random.default_rng([11, step])
        shown = [_sample_subject(rng, self._classes) for _ in range(_BATCH)]
        images = [
            render(sample_scene(*pair, seeds.EXAMINER + step * _BATCH + place)) for place, pair in enumerate(shown)
        ]
        for group in self.optimiser.param_groups:
            group["lr"] = _RATE * min(1.0, (step + 1) / 50, (self._steps - step) / (0.5 * self._steps))
        self.modules.train()
        predicted = self._predict(np.stack(images))
        targets = torch.from_numpy(encode_attributes(shown)).to(self._device)
        loss = sum(
            (functional.cross_entropy(logits, targets[:, column]) for column, logits in enumerate(predicted)),
            start=torch.zeros((), device=self._device),
        )
        self.optimiser.zero_grad()
        torch.autograd.backward(loss)
        self.optimiser.step()
        return float(loss.detach())

    def marks(self, images: npt.NDArray[np.uint8], shown: Sequence[Subject]) -> Marks:
        """Score (N, 64, 64, 3) images against what they should show."""
        import torch

        self.modules.eval()
        with torch.inference_mode():
            seen = [
                torch.stack([logits.argmax(dim=1) for logits in self._predict(images[start : start + 256])], dim=1)
                for start in range(0, len(images), 256)
            ]
        right = torch.cat(seen).cpu().numpy() == encode_attributes(shown)
        vessel, hull, trim, condition = (float(share) for share in right.mean(axis=0))
        return Marks(len(shown), condition, vessel, hull, trim, float(right[:, :3].all(axis=1).mean()))

    def _predict(self, images: npt.NDArray[np.uint8]) -> list[Tensor]:
        features = self.modules["backbone"](to_tensor(images).to(self._device))
        heads: Any = self.modules["heads"]
        return [head(features) for head in heads]


def _sample_subject(rng: np.random.Generator, classes: Sequence[VesselClass]) -> Subject:
    return classes[int(rng.integers(len(classes)))], CONDITIONS[int(rng.integers(len(CONDITIONS)))]


def list_exam_subjects(images: int, *, held_out: bool) -> list[Subject]:
    """Return classes and conditions to generate: random classes, conditions in turn, seen or held-out pairs only."""
    rng = np.random.default_rng(23 + held_out)
    subjects: list[Subject] = []
    while len(subjects) < images:
        pair = (CLASSES[int(rng.integers(len(CLASSES)))], CONDITIONS[len(subjects) % len(CONDITIONS)])
        if is_held_out(*pair) == held_out:
            subjects.append(pair)
    return subjects


def generate_images(pipeline: str, shown: Sequence[Subject]) -> npt.NDArray[np.uint8]:
    """Generate images with a pipeline from plain captions, each with its own seed."""
    from atlantis_core.generation.diffusion.generator import DiffusionGenerator
    from atlantis_core.records import Cell, GenerationRequest

    requests = [
        GenerationRequest(
            str(seed), Cell(c.label, "condition", w), f"a photo of {caption_for(c, w)}", seed, "", "", 64
        )
        for seed, (c, w) in enumerate(shown)
    ]
    return np.stack([np.asarray(image) for image in DiffusionGenerator(pipeline).generate(requests)])


def report(examiner: Examiner, pipeline: str, images: int) -> str:
    """Return a Markdown table: rendered images, then generated ones by condition, of seen and held-out pairs."""
    lines = ["| images | n | condition | vessel | hull | trim | class |", "|" + " --- |" * 7]
    unseen = list_exam_subjects(600, held_out=False) + list_exam_subjects(120, held_out=True)
    rendered = np.stack([render(sample_scene(*pair, seeds.EXAMS + place)) for place, pair in enumerate(unseen)])
    lines.append(_report_row("rendered, never seen", examiner.marks(rendered, unseen)))
    for held_out in (False, True):
        shown = list_exam_subjects(images, held_out=held_out)
        drawn = generate_images(pipeline, shown)
        name = "held out of its training" if held_out else "drawn"
        lines.append(_report_row(name, examiner.marks(drawn, shown)))
        for condition in CONDITIONS:
            rows = [row for row, (_, shows) in enumerate(shown) if shows == condition]
            lines.append(
                _report_row(f"{name}, {condition}", examiner.marks(drawn[rows], [shown[row] for row in rows]))
            )
    return "\n".join(lines)


def _report_row(name: str, marks: Marks) -> str:
    shares = (marks.condition, marks.vessel, marks.hull, marks.trim, marks.class_right)
    return f"| {name} | {marks.images} | " + " | ".join(f"{share:.1%}" for share in shares) + " |"


def train_examiner(
    steps: int,
    work: Path,
    device: str,
    progress: Progress = print_progress,
    classes: Sequence[VesselClass] = CLASSES,
) -> Examiner:
    """Train an examiner on classes, or resume its training, and return it."""
    examiner = Examiner(steps, device, classes)
    train("examiner", examiner, steps, work, progress, None)
    return examiner


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line, train the examiner and print its report."""
    parser = argparse.ArgumentParser(
        prog="python -m atlantis_core.harbor.training.painter.examiner", description=__doc__
    )
    parser.add_argument("pipeline", help="folder of the pipeline, with options if need be")
    parser.add_argument("--work", type=Path, required=True, help="folder of the examiner's checkpoint")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument(
        "--images", type=int, default=204, help="generated images of seen and of held-out combinations"
    )
    parser.add_argument("--device", default=best_device())
    given = parser.parse_args(arguments)
    examiner = train_examiner(given.steps, given.work, given.device)
    sys.stdout.write(report(examiner, given.pipeline, given.images) + "\n")


if __name__ == "__main__":
    main()
