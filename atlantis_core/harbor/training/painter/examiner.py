"""An independent classifier of harbor pictures: what the painter's drawings are judged by.

`python -m atlantis_core.harbor.training.painter.examiner --work FOLDER PIPELINE`. It is trained on rendered images of
every class in every condition, those held out of the painter's training too, and never on a drawing. Its score on
rendered images it has not seen is printed first: no drawing can be expected to do better.
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
from atlantis_core.harbor.training.resumable import print_progress, train
from atlantis_core.harbor.vocabulary import CLASSES, CONDITIONS, VesselClass, caption_for

if TYPE_CHECKING:
    from torch import Tensor

    from atlantis_core.base.ports import Progress

STEPS = 1000
"""Of its training."""

_BATCH = 64
_RATE = 1.5e-3

Subject = tuple[VesselClass, str]


@dataclass(frozen=True, slots=True)
class Marks:
    """Shares of pictures in which the examiner sees what should be there."""

    pictures: int
    condition: float
    vessel: float
    hull: float
    trim: float
    class_right: float
    """Vessel, hull and trim all right."""


class Examiner:
    """A small convolutional network with a head for vessel, hull, trim and condition."""

    def __init__(self, steps: int, device: str) -> None:
        import timm
        import torch
        from torch import nn

        torch.manual_seed(1)
        trunk = timm.create_model("resnet10t", pretrained=False, num_classes=0)
        heads = nn.ModuleList(nn.Linear(int(trunk.num_features), len(values)) for values in ATTRIBUTES)
        self.modules = nn.ModuleDict({"trunk": trunk, "heads": heads}).to(device)
        self.optimiser = torch.optim.AdamW(self.modules.parameters(), lr=_RATE, weight_decay=0.05)
        self._steps, self._device = steps, device

    def step(self, step: int) -> float:
        """Train on pictures rendered for this step alone, so that none is seen twice."""
        import torch
        from torch.nn import functional

        rng = np.random.default_rng([11, step])
        shown = [_sample_scenes(rng) for _ in range(_BATCH)]
        pictures = [
            render(sample_scene(*pair, seeds.EXAMINER + step * _BATCH + place)) for place, pair in enumerate(shown)
        ]
        for group in self.optimiser.param_groups:
            group["lr"] = _RATE * min(1.0, (step + 1) / 50, (self._steps - step) / (0.5 * self._steps))
        self.modules.train()
        told = self._told(np.stack(pictures))
        targets = torch.from_numpy(encode_attributes(shown)).to(self._device)
        loss = sum(
            (functional.cross_entropy(logits, targets[:, column]) for column, logits in enumerate(told)),
            start=torch.zeros((), device=self._device),
        )
        self.optimiser.zero_grad()
        torch.autograd.backward(loss)
        self.optimiser.step()
        return float(loss.detach())

    def marks(self, pictures: npt.NDArray[np.uint8], shown: Sequence[Subject]) -> Marks:
        """Compare what (N, 64, 64, 3) pictures look like with what they should show."""
        import torch

        self.modules.eval()
        with torch.inference_mode():
            seen = [
                torch.stack([logits.argmax(dim=1) for logits in self._told(pictures[start : start + 256])], dim=1)
                for start in range(0, len(pictures), 256)
            ]
        right = torch.cat(seen).cpu().numpy() == encode_attributes(shown)
        vessel, hull, trim, condition = (float(share) for share in right.mean(axis=0))
        return Marks(len(shown), condition, vessel, hull, trim, float(right[:, :3].all(axis=1).mean()))

    def _told(self, pictures: npt.NDArray[np.uint8]) -> list[Tensor]:
        features = self.modules["trunk"](to_tensor(pictures).to(self._device))
        heads: Any = self.modules["heads"]
        return [head(features) for head in heads]


def _sample_scenes(rng: np.random.Generator) -> Subject:
    return CLASSES[int(rng.integers(len(CLASSES)))], CONDITIONS[int(rng.integers(len(CONDITIONS)))]


def list_exam_subjects(pictures: int, *, held_out: bool) -> list[Subject]:
    """Return what is to be drawn: conditions in turn, classes by a fixed lot, seen or held-out combinations only."""
    rng = np.random.default_rng(23 + held_out)
    asked: list[Subject] = []
    while len(asked) < pictures:
        pair = (CLASSES[int(rng.integers(len(CLASSES)))], CONDITIONS[len(asked) % len(CONDITIONS)])
        if is_held_out(*pair) == held_out:
            asked.append(pair)
    return asked


def generate_images(pipeline: str, shown: Sequence[Subject]) -> npt.NDArray[np.uint8]:
    """Let a pipeline draw, one seed a picture, from the plain caption."""
    from atlantis_core.generation.diffusion.generator import DiffusionGenerator
    from atlantis_core.records import Cell, GenerationRequest

    requests = [
        GenerationRequest(
            str(seed), Cell(c.label, "condition", w), f"a photo of {caption_for(c, w)}", seed, "", "", 64
        )
        for seed, (c, w) in enumerate(shown)
    ]
    return np.stack([np.asarray(image) for image in DiffusionGenerator(pipeline).generate(requests)])


def report(examiner: Examiner, pipeline: str, pictures: int) -> str:
    """Return a Markdown table: rendered pictures, then drawings by condition, seen and held-out combinations."""
    lines = ["| pictures | n | condition | vessel | hull | trim | class |", "|" + " --- |" * 7]
    unseen = list_exam_subjects(600, held_out=False) + list_exam_subjects(120, held_out=True)
    rendered = np.stack([render(sample_scene(*pair, seeds.EXAMS + place)) for place, pair in enumerate(unseen)])
    lines.append(_report_row("rendered, never seen", examiner.marks(rendered, unseen)))
    for held_out in (False, True):
        shown = list_exam_subjects(pictures, held_out=held_out)
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
    return f"| {name} | {marks.pictures} | " + " | ".join(f"{share:.1%}" for share in shares) + " |"


def train_examiner(steps: int, work: Path, device: str, progress: Progress = print_progress) -> Examiner:
    """Train an examiner, or go on with one, and return it."""
    examiner = Examiner(steps, device)
    train("examiner", examiner, steps, work, progress, None)
    return examiner


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, train the examiner and print its report."""
    parser = argparse.ArgumentParser(
        prog="python -m atlantis_core.harbor.training.painter.examiner", description=__doc__
    )
    parser.add_argument("pipeline", help="folder of the pipeline, with options if need be")
    parser.add_argument("--work", type=Path, required=True, help="folder of the examiner's checkpoint")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--pictures", type=int, default=204, help="drawings, seen and held-out combinations each")
    parser.add_argument("--device", default=best_device())
    given = parser.parse_args(arguments)
    examiner = train_examiner(given.steps, given.work, given.device)
    sys.stdout.write(report(examiner, given.pipeline, given.pictures) + "\n")


if __name__ == "__main__":
    main()
