"""What `fit=lora` is good for: the share of right classes before and after fitting, on classes the painter never saw.

`python bench/fitted_right_class.py --work FOLDER`. The classes are vessels of one colour. The bundled painter was
trained on `harbor.vocabulary.CLASSES` alone (`harbor/training/painter/curriculum.py`), whose hull and trim always
differ. They are named once as the folders of the harbor are (`tug-red-red`), and once by product names, which are in
no prompt that the painter was trained on. Photos show day and sunset; night is generated too, which no photo shows.

The judge is the classifier of `harbor/training/painter/examiner.py`, trained on rendered images of all classes and of
all vessels of one colour; the first row is its score on rendered images that nobody was trained on. FOLDER keeps its
checkpoint, the photos and the weights of the fits: call it again to resume.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from atlantis_core.base.parallel import best_device
from atlantis_core.generation.diffusion.generator import DiffusionGenerator
from atlantis_core.generation.prompt_templates import fill_templates
from atlantis_core.harbor import seeds
from atlantis_core.harbor.renderer import render
from atlantis_core.harbor.scene import sample_scene
from atlantis_core.harbor.training.painter.examiner import STEPS, Examiner, Subject, train_examiner
from atlantis_core.harbor.training.progress import print_progress
from atlantis_core.harbor.vocabulary import CLASSES, COLOURS, VESSELS, VesselClass
from atlantis_core.records import Cell, GenerationRequest, LabelledImage

NAMES = ("alba", "brisk", "corvo", "delft", "elmo", "fjord", "gusto", "havn", "isla", "jolly", "korr", "lumen")
SHOWN, GENERATED = ("day", "sunset"), ("day", "sunset", "night")
PHOTOS, IMAGES = 12, 3
"""Photos of a class in each condition, and images that are generated of it."""
FITS = (
    "fit=lora&fit_steps=300&fit_rank=8&fit_rate=1e-3&fit_batch=4",
    "fit=lora&fit_steps=800&fit_rank=32&fit_rate=3e-3&fit_batch=4",
)
_PHOTO_SEEDS, _EXAM_SEEDS = seeds.EXAMS + 10_000_000, seeds.EXAMS + 20_000_000


class OneColour(VesselClass):
    """A vessel whose hull and trim have one colour, which the vocabulary refuses."""

    __slots__ = ()

    def __post_init__(self) -> None:
        """Allow equal colours."""


ONE_COLOUR = tuple(OneColour(vessel, colour, colour) for vessel in VESSELS for colour in COLOURS)
UNSEEN = tuple(
    OneColour(vessel, colour, colour)
    for index, vessel in enumerate(VESSELS)
    for colour in (COLOURS[index], COLOURS[(index + 3) % len(COLOURS)])
)


def render_photos(folder: Path, names: Sequence[str]) -> list[LabelledImage]:
    """Render the training photos of the classes, labelled with their names."""
    folder.mkdir(parents=True, exist_ok=True)
    photos = []
    for (index, kind), condition, number in itertools.product(enumerate(UNSEEN), SHOWN, range(PHOTOS)):
        path = folder / f"{index}-{condition}-{number}.png"
        if not path.exists():
            Image.fromarray(render(sample_scene(kind, condition, _PHOTO_SEEDS + index * 1000 + number))).save(path)
        facets = {"condition": condition}
        photos.append(LabelledImage(path.stem, str(path), names[index], "train", "both", facets))
    return photos


def generate(
    options: str, photos: Sequence[LabelledImage], names: Sequence[str], work: Path
) -> npt.NDArray[np.uint8]:
    """Generate images of all classes and conditions by the prompts of the rules, (N, 64, 64, 3)."""
    generator = DiffusionGenerator(f"harbor?{options}" if options else "harbor")
    generator.use_photos(photos, work / "adapters", print_progress)
    requests = []
    for (index, name), condition, number in itertools.product(enumerate(names), GENERATED, range(IMAGES)):
        cell = Cell(name, "condition", condition)
        key, prompts = f"{index}-{condition}-{number}", fill_templates(cell)
        requests.append(GenerationRequest(key, cell, prompts[number], index * 100 + number, "", "", 64))
    return np.stack([np.asarray(image) for image in generator.generate(requests)])


def list_subjects() -> list[Subject]:
    """Return what the generated images should show, in their order."""
    return [(kind, condition) for kind, condition, _ in itertools.product(UNSEEN, GENERATED, range(IMAGES))]


def format_row(name: str, images: npt.NDArray[np.uint8], shown: Sequence[Subject], examiner: Examiner) -> str:
    """Return a table row: shares of right condition, vessel and class, and of right classes by condition."""
    marks = examiner.marks(images, shown)
    shares = [marks.condition, marks.vessel, marks.class_right]
    for condition in GENERATED:
        rows = [row for row, (_, value) in enumerate(shown) if value == condition]
        shares.append(examiner.marks(images[rows], [shown[row] for row in rows]).class_right)
    return f"| {name} | {len(shown)} | " + " | ".join(f"{share:.1%}" for share in shares) + " |"


def write_sheet(file: Path, photos: Sequence[LabelledImage], columns: Sequence[npt.NDArray[np.uint8]]) -> None:
    """Write one row per class: two photos, then two images of each condition for each set of images."""
    rows = []
    for index in range(len(UNSEEN)):
        of_class = photos[index * len(SHOWN) * PHOTOS : (index + 1) * len(SHOWN) * PHOTOS]
        tiles = [np.asarray(Image.open(of_class[place].path)) for place in (0, PHOTOS)]
        for images in columns:
            own = images.reshape(len(UNSEEN), len(GENERATED), IMAGES, *images.shape[1:])[index, :, :2]
            tiles += [np.full((64, 8, 3), 255, np.uint8), *own.reshape(-1, 64, 64, 3)]
        rows.append(np.concatenate(tiles, axis=1))
    Image.fromarray(np.concatenate(rows)).save(file, quality=85)


def main() -> None:
    """Print the table, and write the contact sheet of the product names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=STEPS, help="of the examiner's training")
    parser.add_argument("--sheet", type=Path, help="file of the contact sheet")
    given = parser.parse_args()
    examiner = train_examiner(given.steps, given.work, best_device(), classes=(*CLASSES, *ONE_COLOUR))
    print("| images | n | right condition | right vessel | right class | day | sunset | night |\n|" + " --- |" * 8)
    shown = list_subjects()
    rendered = np.stack([render(sample_scene(*pair, _EXAM_SEEDS + place)) for place, pair in enumerate(shown)])
    print(format_row("rendered", rendered, shown, examiner))
    for kind, names in (("folder names", tuple(c.label for c in UNSEEN)), ("product names", NAMES)):
        photos, columns = render_photos(given.work / "photos", names), []
        for options in ("", *FITS):
            columns.append(generate(options, photos, names, given.work))
            print(format_row(f"{kind}, {options or 'as it is'}", columns[-1], shown, examiner), flush=True)
    if given.sheet:
        write_sheet(given.sheet, photos, columns)


if __name__ == "__main__":
    main()
