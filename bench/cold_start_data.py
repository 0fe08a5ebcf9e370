"""Write the collection of the cold-start protocol: grocery81 and its catalogue images, which have no rows there.

`python bench/cold_start_data.py ../shared/data/grocery81 DEST`, then
`atlantis scenario cold-start DEST DEST-cold --classes 20 --seed 0 --catalogue kind=catalogue`.

The catalogue images become training images of their classes; the column `kind` marks them. Files
are copied, since the source may be on another disk or read-only.
"""

from __future__ import annotations

import argparse
import csv
import shutil
from pathlib import Path

COLUMN, CATALOGUE, SHOP = "kind", "catalogue", "shop"


def read_rows(source: Path) -> list[dict[str, str]]:
    """Return the rows of the photos, and of one catalogue image per class, named like it: `05.Avocado.jpg`."""
    with (source / "metadata.csv").open(newline="") as file:
        photos = [{**row, COLUMN: SHOP} for row in csv.DictReader(file)]
    of_class = {row["label"]: row for row in photos}
    images = []
    for path in sorted((source / "iconic").glob("*.jpg")):
        known = of_class[path.stem.partition(".")[2]]
        changes = {"file_name": f"iconic/{path.name}", "split": "train", "role": "gallery", "visit": ""}
        images.append({**known, **changes, COLUMN: CATALOGUE})
    return [*photos, *images]


def main() -> None:
    """Copy the files and write `metadata.csv`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("source", type=Path)
    parser.add_argument("destination", type=Path)
    given = parser.parse_args()
    rows = read_rows(given.source)
    for row in rows:
        target = given.destination / row["file_name"]
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(given.source / row["file_name"], target)
    with (given.destination / "metadata.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    print(f"{len(rows)} images in {given.destination}")


if __name__ == "__main__":
    main()
