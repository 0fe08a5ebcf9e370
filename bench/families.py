"""Contact sheets of every edit: `python bench/families.py FOLDER` writes media.jpg and edits.jpg into a folder.

One row per edit: of media and borrowed statistics two draws per photo, of the others one. Sources are the bundled
harbor world and, where it is there, grocery81 (MIT). The borrowing edits take their statistics from a night view.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw

from atlantis_core.data.file_listing import ReadOptions
from atlantis_core.data.reading import read_collection
from atlantis_core.generation.draws import RandomDraws, derive_seed
from atlantis_core.generation.edits import BORROWING_EDITS, EDITS
from atlantis_core.generation.medium_words import MEDIA
from atlantis_core.generation.photometric import edit_image
from atlantis_core.harbor.world_files import write_bundled_collection

SIDE_PX, NAME_PX, PAD_PX = 96, 118, 2
GROCERY = Path("../shared/data/grocery81")


def harbor_sources(folder: Path) -> tuple[list[Image.Image], Image.Image]:
    """Return three day views and one night view of the bundled world."""
    collection = read_collection(
        write_bundled_collection("harbor", folder, lambda *_: None), ReadOptions(), "seen"
    ).collection
    seen = collection.of_split("train")
    day = {image.label: image.path for image in seen if image.facets.get("condition") == "day"}
    night = next(image.path for image in seen if image.facets.get("condition") == "night")
    return [_square(path) for path in list(day.values())[:3]], _square(night)


def grocery_sources() -> list[Image.Image]:
    """Return three shop photos; none where the data are absent."""
    if not GROCERY.is_dir():
        return []
    rows = list(csv.DictReader((GROCERY / "metadata.csv").open()))
    train = [row for row in rows if row["split"] == "train"]
    return [_square(str(GROCERY / train[at]["file_name"])) for at in (5, 800, 1500)]


def _square(path: str) -> Image.Image:
    image = Image.open(path).convert("RGB")
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side)).resize((128, 128), Image.Resampling.LANCZOS)


def draw_sheet(names: list[str], sources: list[Image.Image], reference: Image.Image, draws_each: int) -> Image.Image:
    """Draw one row per edit, with the sources on top."""
    step, columns = SIDE_PX + PAD_PX, draws_each * len(sources)
    sheet = Image.new("RGB", (NAME_PX + step * columns, step * (len(names) + 1)), "white")
    pen = ImageDraw.Draw(sheet)
    for row, name in enumerate(["(source)", *names]):
        pen.text((4, row * step + SIDE_PX // 2 - 6), name, fill="black")
        for column in range(columns):
            image = sources[column // draws_each]
            if row:
                image = edit_image(image, reference, name, 1.0, RandomDraws(derive_seed(name, column)))
            place = NAME_PX + column * step, row * step
            sheet.paste(image.resize((SIDE_PX, SIDE_PX), Image.Resampling.LANCZOS), place)
    return sheet


def main() -> None:
    """Write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    media = [*MEDIA, *sorted(BORROWING_EDITS)]
    with tempfile.TemporaryDirectory() as folder:
        harbor, night = harbor_sources(Path(folder))
        sources = [*harbor, *grocery_sources()]
        sheets = {
            "media.jpg": draw_sheet(media, sources, night, 2),
            "edits.jpg": draw_sheet(sorted(EDITS.keys() - set(MEDIA)), sources, night, 1),
        }
    for name, sheet in sheets.items():
        sheet.save(out / name, quality=75)
        print(f"wrote {out / name}, {(out / name).stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
