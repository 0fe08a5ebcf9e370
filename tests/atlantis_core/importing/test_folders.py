"""Class folders and datasets of the hub, and how a collection is written: whole or not at all."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from atlantis_core.base.errors import SetupError
from atlantis_core.base.registry import load_part
from atlantis_core.data.reading import read_collection
from atlantis_core.importing import IMPORTERS
from atlantis_core.importing.collection_writer import write_collection
from atlantis_core.importing.import_collection import import_dataset
from atlantis_core.importing.import_plan import ImportedPhoto, ImportOptions, ImportPlan
from atlantis_core.scenarios.scenario_source import ScenarioSource
from atlantis_core.scenarios.scenario_writer import write_scenario
from tests.atlantis_core.data.sample_images import class_folders, hub_imagefolder, with_metadata, write
from tests.atlantis_core.importing import layouts

ZERO_SHOT = ImportOptions("zero-shot")


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "metadata.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def refused(kind: str, source: Path, target: Path, options: ImportOptions | None = None) -> str:
    with pytest.raises(SetupError) as caught:
        import_dataset(kind, source, target, options or ImportOptions())
    assert not list(target.parent.glob(".*importing*"))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_folder_names_stay_whole_and_photos_are_links(tmp_path: Path) -> None:
    source = class_folders(tmp_path / "src", {"Bugatti Veyron 16.4": 6, "v1.2.3 (beta)": 6})
    found = import_dataset("folder", source, tmp_path / "out", ImportOptions())
    assert (found.images, found.classes, found.splits, found.linked) == (12, 2, {"": 12}, 12)
    first = rows_of(tmp_path / "out")[0]
    assert first == {"file_name": "Bugatti Veyron 16.4/00.png", "label": "Bugatti Veyron 16.4"}
    assert (tmp_path / "out" / first["file_name"]).samefile(source / first["file_name"])
    assert read_collection(tmp_path / "out").collection.classes == ("Bugatti Veyron 16.4", "v1.2.3 (beta)")


def test_split_folders_keep_their_splits_unless_zero_shot_is_chosen(tmp_path: Path) -> None:
    source = class_folders(tmp_path / "src", {"train/b": 3, "train/a": 3, "test/b": 2, "test/a": 2, "val/a": 1})
    found = import_dataset("folder", source, tmp_path / "given", ImportOptions())
    assert (found.splits, found.unseen) == ({"train": 6, "test": 4, "validation": 1}, False)
    found = import_dataset("folder", source, tmp_path / "zero", ZERO_SHOT)
    assert (found.splits, found.unseen) == ({"train": 6, "test": 5}, True)
    assert {(row["label"], row["split"]) for row in rows_of(tmp_path / "zero")} == {("a", "train"), ("b", "test")}


def test_an_imagefolder_keeps_columns_and_roles(tmp_path: Path) -> None:
    header = ["file_name", "breed", "split", "role", "light"]
    rows = [
        [f"p/{n}.png", "ab"[n % 2], "train" if n < 4 else "test", "query" if n > 5 else "", "dim"] for n in range(8)
    ]
    rows[3][4] = ""
    source = with_metadata(tmp_path / "src", header, rows)
    assert "--label" in refused("hf", source, tmp_path / "out")
    found = import_dataset("hf", source, tmp_path / "out", ImportOptions(label="breed"))
    assert (found.columns, found.splits) == (("light",), {"train": 4, "test": 4})
    assert [row["role"] for row in rows_of(tmp_path / "out")] == ["both"] * 6 + ["query"] * 2


@pytest.mark.parametrize("name", ["metadata.csv", "metadata.jsonl"])
def test_an_imagefolder_with_metadata_in_its_split_folders_keeps_splits(tmp_path: Path, name: str) -> None:
    source = hub_imagefolder(tmp_path / "src", name)
    found = import_dataset("hf", source, tmp_path / "out", ImportOptions(label="label"))
    assert (found.classes, found.columns) == (3, ("lighting",))
    assert found.splits == {"train": 12, "validation": 6, "test": 6}
    assert read_collection(tmp_path / "out").collection.facets == ("lighting",)
    assert "import it as 'hf'" in refused("folder", source, tmp_path / "as-folders")


def test_files_left_out_by_the_reader_are_named(tmp_path: Path) -> None:
    source = with_metadata(
        tmp_path / "src", ["file_name", "label"], [["1.png", "a"], ["2.png", "b"], ["../x.png", "b"]]
    )
    found = import_dataset("hf", source, tmp_path / "out", ImportOptions())
    assert found.images == 2
    assert "1 left out" in found.notes[0]
    assert "../x.png" in found.notes[0]


def test_what_is_no_image_is_left_out_and_the_first_few_are_named(tmp_path: Path) -> None:
    photos = {f"{label}/{n}.jpg": layouts.photo() for label in "ab" for n in range(3)}
    broken = {f"a/{n}.txt": b"words" for n in range(6)} | {"b/zero.jpg": b"", "c/only.jpg": b"<html>404</html>"}
    found = import_dataset(
        "folder", layouts.put(tmp_path / "src", photos | broken), tmp_path / "out", ImportOptions()
    )
    assert (found.images, found.classes) == (6, 2)
    assert {row["file_name"] for row in rows_of(tmp_path / "out")} == set(photos)
    assert {problem.path for problem in found.left_out} == set(broken)
    assert found.notes[0].startswith("8 left out: 'a/0.txt' (not an image), ")
    assert found.notes[0].endswith(" and 3 more.")
    assert not read_collection(tmp_path / "out").collection.problems


def test_classes_of_one_photo_are_named_where_classes_are_held_out(tmp_path: Path) -> None:
    counts = zip("abcd", (1, 3, 3, 1), strict=True)
    photos = {f"{label}/{n}.jpg": layouts.photo() for label, count in counts for n in range(count)}
    source = layouts.put(tmp_path / "src", photos)
    assert not import_dataset("folder", source, tmp_path / "given", ImportOptions()).notes
    found = import_dataset("folder", source, tmp_path / "halved", ImportOptions("zero-shot"))
    assert found.notes[0].startswith("classes of one photo (2: 'a', 'd') form no training pair")
    _, story = write_scenario("zero-shot", ScenarioSource(source), tmp_path / "made", {})
    assert any(note.startswith("classes of one photo (2: 'a', 'd')") for note in story["notes"])


class TestParquet:
    @pytest.fixture(autouse=True)
    def _needs_pyarrow(self) -> None:
        pytest.importorskip("pyarrow")

    def test_numbers_get_their_names_and_columns_stay(self, tmp_path: Path) -> None:
        found = import_dataset("hf", layouts.parquet(tmp_path / "src"), tmp_path / "out", ImportOptions())
        assert (found.images, found.splits) == (12, {"train": 6, "test": 6})
        assert found.columns == ("light", "given_split")
        row = rows_of(tmp_path / "out")[0]
        assert row == {
            "file_name": "test/000000.jpg",
            "label": "Bugatti Veyron 16.4",
            "split": "test",
            "light": "day",
            "given_split": "x",
        }
        assert read_collection(tmp_path / "out").collection.classes == ("Audi R8", "Bugatti Veyron 16.4")

    def test_without_names_the_number_is_the_class_and_zero_shot_halves(self, tmp_path: Path) -> None:
        import_dataset("hf", layouts.parquet(tmp_path / "src", named=False), tmp_path / "out", ZERO_SHOT)
        assert {(row["label"], row["split"]) for row in rows_of(tmp_path / "out")} == {("0", "train"), ("1", "test")}

    def test_another_label_column_can_be_named(self, tmp_path: Path) -> None:
        source = layouts.parquet(tmp_path / "src")
        assert "'colour'" in refused("hf", source, tmp_path / "out", ImportOptions(label="colour"))
        import_dataset("hf", source, tmp_path / "out", ImportOptions(label="light"))
        assert {row["label"] for row in rows_of(tmp_path / "out")} == {"day", "night"}

    @pytest.mark.parametrize("keep", [0, 4, 0.5, 0.99])
    def test_a_damaged_file_is_one_sentence(self, keep: float, tmp_path: Path) -> None:
        source = layouts.parquet(tmp_path / "src")
        file = source / "data" / "train-00000-of-00001.parquet"
        whole = file.read_bytes()
        file.write_bytes(whole[: int(keep if keep >= 1 else keep * len(whole))])
        assert "train-00000-of-00001.parquet" in refused("hf", source, tmp_path / "out")

    def test_damage_inside_a_file_leaves_nothing(self, tmp_path: Path) -> None:
        source = layouts.parquet(tmp_path / "src")
        file = source / "data" / "train-00000-of-00001.parquet"
        whole = file.read_bytes()
        file.write_bytes(whole[:8] + bytes(400) + whole[408:])
        refused("hf", source, tmp_path / "out")
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", sorted(IMPORTERS))
def test_every_importer_refuses_an_empty_folder_in_one_sentence(kind: str, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    assert callable(load_part(IMPORTERS, kind, "kind of collection"))
    assert str(tmp_path / "src") in refused(kind, tmp_path / "src", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_places_that_cannot_be_are_named(tmp_path: Path) -> None:
    source = class_folders(tmp_path / "src", {"a": 2, "b": 2})
    assert "there is no folder" in refused("folder", tmp_path / "no", tmp_path / "out")
    write(tmp_path, {"file.zip": b"x"})
    assert "is a file" in refused("folder", tmp_path / "file.zip", tmp_path / "out")
    assert "inside the source" in refused("folder", source, source / "out")
    assert "'dvd'" in refused("dvd", source, tmp_path / "out")
    assert "--label" in refused("folder", source, tmp_path / "out", ImportOptions(label="x"))
    (tmp_path / "there").mkdir()
    assert "already exists" in refused("folder", source, tmp_path / "there")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    assert "already exists" in refused("folder", source, tmp_path / "dangling")
    assert "cannot be written" in refused("folder", source, tmp_path / "file.zip" / "out")


def test_the_source_is_untouched_and_copies_serve_where_links_cannot(tmp_path: Path) -> None:
    source = class_folders(tmp_path / "src", {"a": 2, "b": 2})
    content = (source / "a" / "00.png").read_bytes()
    plan = ImportPlan(
        [ImportedPhoto("x/1.png", content, "a", None), ImportedPhoto("x/2.png", source / "b" / "00.png", "b", None)],
        2,
        "it",
    )
    found = write_collection(plan, tmp_path / "out")
    assert (found.images, found.linked) == (2, 1)
    assert (tmp_path / "out" / "x" / "1.png").read_bytes() == content


SLOW_IMPORT = """
import sys, time
from pathlib import Path
from atlantis_core.importing.import_plan import ImportedPhoto, ImportPlan
from atlantis_core.importing.collection_writer import write_collection
def photos():
    for number in range(1000):
        yield ImportedPhoto(f"{number}.png", b"x", "a", None)
        print(number, flush=True)
        time.sleep(0.05)
write_collection(ImportPlan(photos(), 1000, "it"), Path(sys.argv[1]))
"""


def test_a_kill_leaves_no_half_collection_and_the_next_import_clears_up(tmp_path: Path) -> None:
    target = tmp_path / "out"
    running = subprocess.Popen([sys.executable, "-c", SLOW_IMPORT, str(target)], stdout=subprocess.PIPE)
    with running:
        assert running.stdout.readline()
        running.kill()
    assert not target.exists()
    assert len(list(tmp_path.glob(".out.importing-*"))) == 1
    found = import_dataset("folder", class_folders(tmp_path / "src", {"a": 2, "b": 2}), target, ImportOptions())
    assert found.images == 4
    assert not list(tmp_path.glob(".out.importing-*"))


def test_what_a_living_import_writes_is_left_alone(tmp_path: Path) -> None:
    living = tmp_path / f".out.importing-{os.getppid()}"
    living.mkdir()
    import_dataset("folder", class_folders(tmp_path / "src", {"a": 2, "b": 2}), tmp_path / "out", ImportOptions())
    assert living.is_dir()


def test_thousands_of_photos_take_seconds(tmp_path: Path) -> None:
    source = tmp_path / "src"
    content = layouts.photo()
    for number in range(2000):
        write(source, {f"c{number % 50}/{number}.jpg": content})
    started = time.perf_counter()
    assert import_dataset("folder", source, tmp_path / "out", ImportOptions()).images == 2000
    assert time.perf_counter() - started < 20
