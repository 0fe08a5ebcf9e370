"""CUB-200-2011, Cars196, Stanford Online Products and In-Shop, from their exact original layouts in miniature."""

from __future__ import annotations

import csv
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from atlantis_core.base.errors import SetupError
from atlantis_core.data.reading import read_collection
from atlantis_core.importing.import_collection import import_dataset
from atlantis_core.importing.import_plan import ImportOptions
from tests.atlantis_core.importing import layouts

ZERO_SHOT = ImportOptions("zero-shot")


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "metadata.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def splits_of(folder: Path) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row in rows_of(folder):
        found.setdefault(row["label"], set()).add(row["split"])
    return found


def test_cub_given_splits_and_readable_names(tmp_path: Path) -> None:
    found = import_dataset("cub", layouts.cub(tmp_path / "CUB_200_2011"), tmp_path / "birds", ImportOptions())
    assert (found.images, found.classes, found.splits, found.columns) == (12, 4, {"train": 4, "test": 8}, ())
    assert not found.unseen
    rows = rows_of(tmp_path / "birds")
    assert rows[0].keys() == {"file_name", "label", "split"}
    assert rows[0]["label"] == "Black footed Albatross"
    assert [row["split"] for row in rows[:3]] == ["train", "test", "test"]
    assert all((tmp_path / "birds" / row["file_name"]).is_file() for row in rows)
    assert "11,788" in found.notes[0]


def test_cub_zero_shot_trains_on_the_first_100_classes(tmp_path: Path) -> None:
    layouts.cub(tmp_path / "unpacked" / "CUB_200_2011")
    found = import_dataset("cub", tmp_path / "unpacked", tmp_path / "birds", ZERO_SHOT)
    assert found.unseen
    assert splits_of(tmp_path / "birds") == {
        "Black footed Albatross": {"train"},
        "Brown Pelican": {"train"},
        "White Pelican": {"test"},
        "Common Yellowthroat": {"test"},
    }


@pytest.mark.parametrize("layout", [layouts.cars_at_once, layouts.cars_devkit])
def test_cars_names_stay_whole_in_both_layouts(layout: Callable[[Path], Path], tmp_path: Path) -> None:
    found = import_dataset("cars196", layout(tmp_path / "src"), tmp_path / "cars", ImportOptions())
    assert (found.images, found.classes, found.splits) == (12, 4, {"train": 8, "test": 4})
    assert set(splits_of(tmp_path / "cars")) == set(layouts.CARS)
    assert all(splits == {"train", "test"} for splits in splits_of(tmp_path / "cars").values())
    import_dataset("cars196", tmp_path / "src", tmp_path / "unseen", ZERO_SHOT)
    assert [splits_of(tmp_path / "unseen")[name] for name in layouts.CARS] == [{"train"}] * 2 + [{"test"}] * 2


def test_what_is_imported_is_read_with_whole_names_and_a_sealed_test_split(tmp_path: Path) -> None:
    import_dataset("cars196", layouts.cars_at_once(tmp_path / "src"), tmp_path / "cars", ImportOptions())
    read = read_collection(tmp_path / "cars")
    assert read.collection.classes == tuple(sorted(layouts.CARS))
    assert read.collection.num_test == 4
    assert len(read.collection.of_split("validation")) == 4, "carved out of train by the reader"


def test_sop_gives_items_their_super_class(tmp_path: Path) -> None:
    found = import_dataset("sop", layouts.sop(tmp_path / "src"), tmp_path / "products", ImportOptions())
    assert (found.images, found.splits, found.columns, found.unseen) == (
        8,
        {"train": 4, "test": 4},
        ("super_class",),
        True,
    )
    assert splits_of(tmp_path / "products") == {
        "bicycle 1": {"train"},
        "coffee maker 2": {"train"},
        "bicycle 3": {"test"},
        "coffee maker 4": {"test"},
    }
    assert rows_of(tmp_path / "products")[2]["super_class"] == "coffee maker"


@pytest.mark.parametrize(("below", "images"), [("", ""), ("Eval/", ""), ("Eval/", "Img/")])
def test_inshop_keeps_query_and_gallery_apart(below: str, images: str, tmp_path: Path) -> None:
    found = import_dataset("inshop", layouts.inshop(tmp_path / "src", below, images), tmp_path / "shop", ZERO_SHOT)
    assert (found.images, found.classes, found.splits) == (16, 4, {"train": 8, "test": 8})
    assert found.columns == ("gender", "category", "pose", "item_id")
    rows = rows_of(tmp_path / "shop")
    assert [(row["split"], row["role"]) for row in rows[8:10]] == [("test", "query"), ("test", "gallery")]
    assert {row["role"] for row in rows[:8]} == {"both"}
    assert rows[0] == {
        "file_name": "img/WOMEN/Dresses/id_00000002/02_1_front.jpg",
        "label": "Dresses id_00000002",
        "split": "train",
        "role": "both",
        "gender": "women",
        "category": "Dresses",
        "pose": "front",
        "item_id": "id_00000002",
    }


LAYOUTS = {"cub": layouts.cub, "cars196": layouts.cars_at_once, "sop": layouts.sop, "inshop": layouts.inshop}
LISTS = {
    "cub": ["images.txt", "image_class_labels.txt", "train_test_split.txt", "classes.txt"],
    "cars196": ["cars_annos.mat"],
    "sop": ["Ebay_train.txt", "Ebay_test.txt"],
    "inshop": ["list_eval_partition.txt"],
}
EVERY_LIST = [(kind, name) for kind, names in LISTS.items() for name in names]


def refused(kind: str, source: Path, target: Path) -> str:
    """Return what is said; nothing must be left."""
    with pytest.raises(SetupError) as caught:
        import_dataset(kind, source, target, ImportOptions())
    assert not target.exists()
    assert not list(target.parent.glob(".*importing*"))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(("kind", "name"), EVERY_LIST)
def test_a_missing_list_is_named(kind: str, name: str, tmp_path: Path) -> None:
    (LAYOUTS[kind](tmp_path / "src") / name).unlink()
    assert name in refused(kind, tmp_path / "src", tmp_path / "out")


@pytest.mark.parametrize(("kind", "name"), EVERY_LIST)
@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00\x01 broken", b"one\ntwo\nthree\nfour\n"])
def test_a_damaged_list_is_named(kind: str, name: str, content: bytes, tmp_path: Path) -> None:
    (LAYOUTS[kind](tmp_path / "src") / name).write_bytes(content)
    assert name in refused(kind, tmp_path / "src", tmp_path / "out")


@pytest.mark.parametrize("kind", sorted(LAYOUTS))
def test_another_layout_is_named(kind: str, tmp_path: Path) -> None:
    layouts.put(tmp_path / "src", {"cats/1.jpg": layouts.photo()})
    assert "does not contain" in refused(kind, tmp_path / "src", tmp_path / "out")


@pytest.mark.parametrize("kind", sorted(LAYOUTS))
def test_a_missing_and_a_damaged_photo_are_named(kind: str, tmp_path: Path) -> None:
    source = LAYOUTS[kind](tmp_path / "src")
    victim = max(path for path in source.rglob("*") if path.suffix.lower() == ".jpg")
    victim.write_bytes(b"<html>404</html>")
    said = refused(kind, source, tmp_path / "out")
    assert victim.name in said
    assert "damaged" in said
    victim.unlink()
    said = refused(kind, source, tmp_path / "out")
    assert victim.name in said
    assert "lacks" in said


@pytest.mark.parametrize("step", [1, 97])
def test_a_matlab_file_cut_or_altered_anywhere_is_no_traceback(step: int, tmp_path: Path) -> None:
    source = layouts.cars_at_once(tmp_path / "src")
    whole = (source / "cars_annos.mat").read_bytes()
    for place in range(0, len(whole), max(step, len(whole) // 60)):
        altered = whole[:place] if step == 1 else whole[:place] + bytes([whole[place] ^ 0x5A]) + whole[place + 1 :]
        (source / "cars_annos.mat").write_bytes(altered)
        with suppress(SetupError):  # an altered file name or number may also go unnoticed
            import_dataset("cars196", source, tmp_path / f"out{place}", ImportOptions())


@pytest.mark.parametrize(
    ("kind", "name", "old", "new", "said"),
    [
        ("cub", "image_class_labels.txt", "3 1\n", "", "lacks 1 images, the first 3"),
        ("cub", "image_class_labels.txt", "3 1\n", "3 77\n", "'77'"),
        ("cub", "images.txt", "2 001", "1 001", "line 2"),
        ("cub", "images.txt", "1 001.Black", "1 ../../001.Black", "outside"),
        ("sop", "Ebay_test.txt", "5 3 1 bicycle", "5 x 1 bicycle", "line 2"),
        ("sop", "Ebay_train.txt", "bicycle_final", "/etc", "outside"),
        ("inshop", "list_eval_partition.txt", "query", "quary", "line 11"),
    ],
)
def test_a_damaged_line_is_named(kind: str, name: str, old: str, new: str, said: str, tmp_path: Path) -> None:
    file = LAYOUTS[kind](tmp_path / "src") / name
    file.write_text(file.read_text().replace(old, new, 1))
    assert said in refused(kind, tmp_path / "src", tmp_path / "out")


def test_cars_without_test_labels_says_which_file_has_them(tmp_path: Path) -> None:
    (layouts.cars_devkit(tmp_path / "src") / "devkit" / "cars_test_annos_withlabels.mat").unlink()
    assert "cars_test_annos_withlabels.mat" in refused("cars196", tmp_path / "src", tmp_path / "out")
