"""Stanford Online Products (Oh Song et al. 2016): `Ebay_train.txt`, `Ebay_test.txt`, a folder per super class."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from atlantis_core.importing.plans import Asked, Photo, Plan
from atlantis_core.importing.sources import inside, root_of, rows, whole
from atlantis_core.records import Split

_TITLE = "Stanford Online Products"
_PUBLISHED = 120_053


def plan(source: Path, asked: Asked) -> Plan:
    """Read the lists; item 17 of `bicycle_final` becomes the class `bicycle 17`, its super class a column.

    The given splits have different classes in train and test already, so both ways of splitting are one.

    Raises:
        SetupError: A list is missing or damaged.
    """
    del asked
    root = root_of(source, ["Ebay_train.txt"], "Stanford_Online_Products", _TITLE)
    photos = [*_listed(root, "Ebay_train.txt", "train"), *_listed(root, "Ebay_test.txt", "test")]
    return Plan(photos, len(photos), _TITLE, _PUBLISHED)


def _listed(root: Path, name: str, split: Split) -> Iterator[Photo]:
    file = root / name
    for line, (_, number, _, path) in rows(file, 4, _TITLE, header_lines=1):
        item = whole(file, line, number, _TITLE)
        kind = path.partition("/")[0].removesuffix("_final").replace("_", " ")
        yield Photo(path, inside(root, path, _TITLE), f"{kind} {item}", split, facets={"super_class": kind})
