"""The contact sheet `docs/pictures/cut-paste.jpg`: catalogue images and what `cut_paste` makes of them.

`python bench/cut_paste_sheet.py ../shared/data/grocery81 docs/pictures/cut-paste.jpg`. grocery81 is MIT-licensed.
Backgrounds are training photos of other products.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

from PIL import Image

from atlantis_core.generation.cut_paste.generator import CutPasteGenerator
from atlantis_core.generation.requests import build_requests
from atlantis_core.records import Cell, CellRequest, LabelledImage, Protocol

SHOWN = ("Mango", "Arla-Sour-Milk", "Granny-Smith", "Zucchini", "Oatly-Oat-Milk", "Beef-Tomato", "Papaya", "Garlic")
PASTES, SIDE_PX, GAP_PX = 10, 128, 3


def main() -> None:
    """Write one row per product: its catalogue image, then pastes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    with (given.source / "metadata.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "train"]
    photos = [
        LabelledImage(row["file_name"], str(given.source / row["file_name"]), row["label"], "train") for row in rows
    ]
    images = {path.stem.partition(".")[2]: path for path in (given.source / "iconic").glob("*.jpg")}
    sources = [LabelledImage(name, str(images[name]), name, "train") for name in SHOWN]
    cells = tuple(CellRequest(Cell(name), PASTES) for name in SHOWN)
    protocol = Protocol("sheet", 0, "edit", cells, "", "", "margin", 1.0, 0.0)
    requests = build_requests(protocol, sources, "cut_paste/1", 0, SIDE_PX, backgrounds=photos)
    made = iter(CutPasteGenerator().generate(requests))
    step = SIDE_PX + GAP_PX
    sheet = Image.new("RGB", ((PASTES + 1) * step, len(SHOWN) * step), "white")
    for row, source in enumerate(sources):
        tiles = [Image.open(source.path).convert("RGB"), *(next(made) for _ in range(PASTES))]
        for column, tile in enumerate(tiles):
            tile.thumbnail((SIDE_PX, SIDE_PX))
            sheet.paste(tile, (column * step, row * step))
    sheet.save(given.out, quality=85)


if __name__ == "__main__":
    main()
