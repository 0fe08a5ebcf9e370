"""Accuracy of captions of harbor images, word by word, on images outside all training sets."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from atlantis_core.captioning.transformers import TransformersCaptioner
from atlantis_core.harbor import seeds
from atlantis_core.harbor.renderer import render
from atlantis_core.harbor.scene import sample_scene
from atlantis_core.harbor.vocabulary import CONDITIONS, DEMO_CLASSES, PRETRAIN_CLASSES, VesselClass, caption_for
from atlantis_core.records import LabelledImage

PER_CONDITION = 50


@dataclass(frozen=True, slots=True)
class Marks:
    """Shares of correct captions."""

    shown: str
    images: int
    condition: float
    vessel: float
    colours: float
    """Hull and trim both correct, in this order."""


def examine_captioner(captioner: str, per_condition: int = PER_CONDITION) -> list[Marks]:
    """Score a captioner on the demo's classes and on the others, over all conditions and for each.

    Args:
        captioner: Argument of `TransformersCaptioner`.
        per_condition: Images per condition, for both groups of classes.
    """
    model = TransformersCaptioner(captioner)
    marks = []
    first = seeds.EXAMS
    for name, classes in (("other classes", PRETRAIN_CLASSES), ("the demo's classes", DEMO_CLASSES)):
        shown = [
            (classes[(7 * place) % len(classes)], CONDITIONS[place % len(CONDITIONS)])
            for place in range(per_condition * len(CONDITIONS))
        ]
        texts = _write_captions(model, shown, first)
        first += len(shown)
        marks.append(_mark_captions(name, texts, shown))
        for condition in CONDITIONS:
            rows = [row for row, (_, place) in enumerate(shown) if place == condition]
            marks.append(
                _mark_captions(f"{name}, {condition}", [texts[row] for row in rows], [shown[row] for row in rows])
            )
    return marks


def _write_captions(
    model: TransformersCaptioner, shown: Sequence[tuple[VesselClass, str]], first_seed: int
) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        photos = []
        for place, pair in enumerate(shown):
            path = Path(folder) / f"{place}.png"
            Image.fromarray(render(sample_scene(*pair, first_seed + place))).save(path)
            photos.append(LabelledImage(str(place), str(path), "unknown", "train"))
        return [caption.text for caption in model.caption(photos)]


def _mark_captions(name: str, texts: Sequence[str], shown: Sequence[tuple[VesselClass, str]]) -> Marks:
    right = [(_correct_words(text, *pair), text, pair) for text, pair in zip(texts, shown, strict=True)]
    condition, vessel, colours = (sum(parts[column] for parts, _, _ in right) / len(right) for column in range(3))
    return Marks(name, len(shown), condition, vessel, colours)


def _correct_words(text: str, vessel_class: VesselClass, condition: str) -> tuple[bool, bool, bool]:
    """Return whether condition, vessel and colours of a caption are correct."""
    colours, _, rest = caption_for(vessel_class, condition).partition(f" {vessel_class.vessel} ")
    return text.endswith(rest), f" {vessel_class.vessel} " in text, text.startswith(f"{colours} ")


def report(marks: Sequence[Marks]) -> str:
    """Return the scores as a Markdown table."""
    lines = ["| images | n | condition | vessel | both colours |", "|" + " --- |" * 5]
    for line in marks:
        shares = (line.condition, line.vessel, line.colours)
        lines.append(f"| {line.shown} | {line.images} | " + " | ".join(f"{share:.1%}" for share in shares) + " |")
    return "\n".join(lines)
