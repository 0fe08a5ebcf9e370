"""Contact sheet of every edit: `python bench/families.py`, writes docs/pictures/edits.jpg.

One row per edit, four draws of each; sources are the bundled harbor world and, where it is there, grocery81 (MIT).
The borrowing edits take their statistics from a night view of harbor.
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
PER_SOURCE = 2
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


def draw_sheet(sources: list[Image.Image], reference: Image.Image) -> Image.Image:
    """Draw one row per edit, media first, and the sources on top."""
    rest = sorted({*EDITS, *BORROWING_EDITS} - set(MEDIA))
    names = ["(source)", *MEDIA, *rest]
    step = SIDE_PX + PAD_PX
    sheet = Image.new("RGB", (NAME_PX + step * PER_SOURCE * len(sources), step * len(names)), "white")
    pen = ImageDraw.Draw(sheet)
    for row, name in enumerate(names):
        pen.text((4, row * step + SIDE_PX // 2 - 6), name, fill="black")
        for column in range(PER_SOURCE * len(sources)):
            image = sources[column // PER_SOURCE]
            if row:
                draws = RandomDraws(derive_seed(name, column))
                image = edit_image(image, reference, name, 1.0, draws)
            place = NAME_PX + column * step, row * step
            sheet.paste(image.resize((SIDE_PX, SIDE_PX), Image.Resampling.LANCZOS), place)
    return sheet


def main() -> None:
    """Write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/pictures/edits.jpg"))
    out = parser.parse_args().out
    with tempfile.TemporaryDirectory() as folder:
        sources, night = harbor_sources(Path(folder))
        draw_sheet([*sources, *grocery_sources()], night).save(out, quality=82)
    print(f"wrote {out}, {out.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
