"""Stanford Online Products (Oh Song et al. 2016): `Ebay_train.txt`, `Ebay_test.txt`, a folder per super class."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from atlantis_core.importing.import_plan import ImportedPhoto, ImportOptions, ImportPlan
from atlantis_core.importing.source_lists import find_root, parse_integer, read_rows, resolve_listed
from atlantis_core.records import Split

_TITLE = "Stanford Online Products"
_PUBLISHED = 120_053


def plan_import(source: Path, options: ImportOptions) -> ImportPlan:
    """Read the lists; item 17 of `bicycle_final` becomes the class `bicycle 17`, its super class a column.

    The given splits already have different classes in train and test, so both split choices are the same.

    Raises:
        SetupError: A list is missing or damaged.
    """
    del options
    root = find_root(source, ["Ebay_train.txt"], "Stanford_Online_Products", _TITLE)
    photos = [*_read_list(root, "Ebay_train.txt", "train"), *_read_list(root, "Ebay_test.txt", "test")]
    return ImportPlan(photos, len(photos), _TITLE, _PUBLISHED)


def _read_list(root: Path, name: str, split: Split) -> Iterator[ImportedPhoto]:
    file = root / name
    for line, (_, number, _, path) in read_rows(file, 4, _TITLE, header_lines=1):
        item = parse_integer(file, line, number, _TITLE)
        kind = path.partition("/")[0].removesuffix("_final").replace("_", " ")
        yield ImportedPhoto(
            path, resolve_listed(root, path, _TITLE), f"{kind} {item}", split, facets={"super_class": kind}
        )
