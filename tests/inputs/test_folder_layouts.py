"""Layouts of folders as people hand them in: what is read, what is named, what is refused."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from atlantis_core.data.reading import read_collection
from atlantis_core.scenarios.scenario_source import ScenarioSource
from atlantis_core.scenarios.scenario_writer import write_scenario
from tests.atlantis_core.data.sample_images import class_folders, encoded, picture, write
from tests.inputs.small_tables import classes_of, notes_of, problems_of, refusal_of

SPLITS = {"train/a": 4, "train/b": 4, "validation/a": 2, "validation/b": 2}


def test_a_folder_beside_the_splits_is_named_and_its_files_are_counted(tmp_path: Path) -> None:
    loaded = read_collection(class_folders(tmp_path, {**SPLITS, "holdout/a": 2, "old": 1}))
    assert set(problems_of(loaded)) == {"holdout", "old"}
    assert loaded.collection.files is not None
    assert (loaded.collection.files.found, loaded.collection.files.used) == (15, 12)
    assert loaded.collection.files.left_out == {"not read": 3}


def test_loose_files_are_named_at_the_top_and_in_split_folders(tmp_path: Path) -> None:
    class_folders(tmp_path, SPLITS)
    write(tmp_path, {"x.png": 90, "train/y.png": 91, "validation/z.png": 92, "README.md": b"words"})
    found = problems_of(read_collection(tmp_path))
    assert {name for name, problem in found.items() if problem.startswith("loose file")} == {
        *("x.png", "train/y.png", "validation/z.png")
    }
    assert "split folder 'train'" in found["train/y.png"]
    assert found["README.md"].startswith("other file")


def test_an_empty_class_and_a_class_without_a_usable_image_are_named(tmp_path: Path) -> None:
    class_folders(tmp_path, {"a": 3, "b": 3})
    (tmp_path / "c" / "below").mkdir(parents=True)
    write(tmp_path, {"d/x.png": b"", "d/y.png": b"junk"})
    loaded = read_collection(tmp_path)
    assert problems_of(loaded)["c"].startswith("empty class")
    assert "classes without a usable image: 'd'" in loaded.notes
    assert loaded.collection.files is not None
    assert loaded.collection.files.without_file == {"empty class": 1}


@pytest.mark.parametrize(
    "folders", [("train", "test"), ("train", "val", "test"), ("train",), ("train", "test", "cat")]
)
def test_split_folders_with_photos_and_no_classes_are_refused(tmp_path: Path, folders: tuple[str, ...]) -> None:
    message = refusal_of(class_folders(tmp_path, dict.fromkeys(folders, 4)))
    assert "has photos and no class folders" in message
    assert "CLASS/x.jpg" in message


def test_split_folders_with_photos_take_their_classes_from_metadata(tmp_path: Path) -> None:
    class_folders(tmp_path, {"train": 4, "test": 4})
    rows = [f"{split}/{n:02d}.png,{'ab'[n % 2]},{split}" for split in ("train", "test") for n in range(4)]
    (tmp_path / "metadata.csv").write_text("\n".join(["file_name,label,split", *rows]))
    assert set(classes_of(tmp_path).values()) == {"a", "b"}


@pytest.mark.parametrize("nested", [{}, {"train/old": 2}])
def test_a_class_called_train_is_a_class_and_said(tmp_path: Path, nested: dict[str, int]) -> None:
    loaded = read_collection(class_folders(tmp_path, {"train": 3, **nested, "bus": 3, "car": 3}))
    assert loaded.collection.classes == ("bus", "car", "train")
    assert "the folder 'train' is read as a class" in " ".join(loaded.notes)
    assert not loaded.collection.problems


def test_groups_of_class_folders_are_said(tmp_path: Path) -> None:
    class_folders(tmp_path, {"animals/cat": 2, "animals/dog": 2, "cars/vw": 2, "cars/audi": 2})
    assert "'animals' is one class with the subfolders 'cat', 'dog'" in notes_of(tmp_path)
    class_folders(tmp_path / "b", {"animals/cat": 2, "cars/vw": 2, "cars": 1}, first_seed=30)
    assert "no photo is directly" not in notes_of(tmp_path / "b")


def test_a_snapshot_of_the_hub_cache_is_read_through_its_links(tmp_path: Path) -> None:
    cache = tmp_path / "datasets--someone--birds"
    snapshot = cache / "snapshots" / "0a1b"
    for number, name in enumerate(f"{folder}/{n}.png" for folder, count in SPLITS.items() for n in range(count)):
        write(cache / "blobs", {f"{number:040x}": number})
        (snapshot / name).parent.mkdir(parents=True, exist_ok=True)
        blob = cache / "blobs" / f"{number:040x}"
        (snapshot / name).symlink_to(os.path.relpath(blob, (snapshot / name).parent))
    loaded = read_collection(snapshot)
    assert len(loaded.collection.images) == 12
    assert not loaded.collection.problems
    assert "name the folder 'snapshots/0a1b' in it" in refusal_of(cache)
    (cache / "blobs" / f"{0:040x}").unlink()
    assert problems_of(read_collection(snapshot)) == {"train/a/0.png": "missing: no such file"}


def test_links_are_followed_inside_the_folder_and_named_otherwise(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside", {"x.png": 90, "y.png": 91})
    data = class_folders(tmp_path / "data", {"a": 3, "b": 3, "a/more": 1})
    for name, target in {
        "a/out.png": outside / "x.png",
        "out": outside,
        "c": data / "b",
        "a/up": data,
        "me": data,
        "a/gone.png": data / "nowhere.png",
        "twin.png": data / "a" / "00.png",
    }.items():
        (data / name).symlink_to(target)
    loaded = read_collection(data)
    found = problems_of(loaded)
    assert loaded.collection.classes == ("a", "b")
    assert len(classes_of(data)) == 7
    assert found.pop("a/gone.png").startswith("missing")
    assert found.pop("twin.png").startswith("loose file")
    assert found.pop("c") == "link to a folder: it is not followed; it leads to 'b' in the collection's folder"
    assert {found.pop(name).partition(":")[0] for name in ("a/up", "me")} == {"link to a folder"}
    assert found == dict.fromkeys(["a/out.png", "out"], "outside the folder: a link leads out of it")


def test_class_folders_that_are_links_to_photos_that_no_split_has_are_followed(tmp_path: Path) -> None:
    class_folders(tmp_path, {"all/a": 3, "all/b": 3, "validation/a": 2, "validation/b": 2})
    for label in "ab":
        (tmp_path / "train").mkdir(exist_ok=True)
        (tmp_path / "train" / label).symlink_to(Path("..") / "all" / label)
    loaded = read_collection(tmp_path)
    assert len(loaded.collection.of_split("train")) == 6
    assert set(problems_of(loaded)) == {"all"}


def test_hidden_images_are_named_and_litter_is_not(tmp_path: Path) -> None:
    class_folders(tmp_path, {"a": 3, "b": 3})
    write(
        tmp_path, {"a/.x.png": 50, "a/._x.png": 51, "a/.DS_Store": b"x", "b/.thumbs/deep/y.jpg": 52, ".git/z": b"x"}
    )
    loaded = read_collection(tmp_path)
    assert set(problems_of(loaded)) == {"a/.x.png", "b/.thumbs"}
    assert loaded.collection.files is not None
    assert loaded.collection.files.left_out == {"hidden file": 1, "hidden folder": 1}


def with_rows(folder: Path, spell: Callable[[str], str], stored: Callable[[str], str] = str) -> Path:
    """Write eight photos, and metadata that spells their names otherwise."""
    names = [f"photos/é{number}.png" for number in range(8)]
    for seed, name in enumerate(names):
        (folder / "photos").mkdir(parents=True, exist_ok=True)
        (folder / stored(name)).write_bytes(encoded(picture(seed)))
    rows = [f"{spell(name)},{'ab'[seed % 2]}" for seed, name in enumerate(names)]
    (folder / "metadata.csv").write_text("\n".join(["file_name,label", *rows]), encoding="utf-8")
    return folder


def nfd(text: str) -> str:
    return unicodedata.normalize("NFD", text)


SPELLINGS: dict[str, tuple[Callable[[str], str], Callable[[str], str], bool]] = {
    "NFC for NFD": (str, nfd, True),
    "NFD for NFC": (nfd, str, True),
    "backslashes": (lambda name: name.replace("/", "\\"), str, True),
    "suffix": (lambda name: name.replace(".png", ".PNG"), str, True),
    "suffix of the file": (str, lambda name: name.replace(".png", ".Png"), True),
    "all at once": (lambda name: nfd(name).replace("/", "\\").replace("png", "PnG"), str, True),
    "dot": (lambda name: f"./{name}", str, False),
    "there and back": (lambda name: f"photos/../{name}", str, False),
}


@pytest.mark.parametrize("case", SPELLINGS)
def test_paths_in_other_spellings_find_their_files(tmp_path: Path, case: str) -> None:
    spell, stored, is_said = SPELLINGS[case]
    loaded = read_collection(with_rows(tmp_path, spell, stored))
    assert not loaded.collection.problems
    assert ("found under another spelling" in " ".join(loaded.notes)) is is_said


def test_absolute_paths_into_the_folder_are_read(tmp_path: Path) -> None:
    data = with_rows(tmp_path / "data", lambda name: str(tmp_path / "data" / name))
    assert len(classes_of(data)) == 8
    (tmp_path / "link").symlink_to(data)
    through = with_rows(tmp_path / "data", lambda name: str(tmp_path / "link" / name))
    assert not read_collection(through).collection.problems


def test_of_two_files_that_differ_only_in_case_none_is_guessed(tmp_path: Path) -> None:
    with_rows(tmp_path, lambda name: name.replace(".png", ".pNg"))
    (tmp_path / "photos" / "é0.PNG").write_bytes(encoded(picture(70)))
    found = problems_of(read_collection(tmp_path))
    assert found["photos/é0.pNg"].startswith("missing")
    assert {name for name, problem in found.items() if problem.startswith("not listed")} == {
        *("photos/é0.PNG", "photos/é0.png")
    }


def test_photos_without_a_row_and_rows_without_a_file_are_counted_apart(tmp_path: Path) -> None:
    with_rows(tmp_path, str)
    write(tmp_path, {"photos/extra.png": 60, "other/more.png": 61})
    with (tmp_path / "metadata.csv").open("a", encoding="utf-8") as file:
        file.write("\nphotos/gone.png,a\nC:\\photos\\x.png,a\n,a\n")
    loaded = read_collection(tmp_path)
    files = loaded.collection.files
    assert files is not None
    assert (files.found, files.used, files.left_out) == (10, 8, {"not listed": 2})
    assert files.without_file == {"missing": 1, "no file name": 1, "outside the folder": 1}


def test_numbered_classes_are_listed_and_halved_by_number(tmp_path: Path) -> None:
    source = class_folders(tmp_path / "data", {str(number): 2 for number in (1, 2, 3, 10, 11, 20)})
    assert read_collection(source).collection.classes == ("1", "2", "3", "10", "11", "20")
    write_scenario("zero-shot", ScenarioSource(source), tmp_path / "halved", {})
    rows = [line.split(",") for line in (tmp_path / "halved" / "metadata.csv").read_text().split()[1:]]
    assert {row[1] for row in rows if row[2] == "train"} == {"1", "2", "3"}


@pytest.mark.parametrize(
    "folders",
    [
        ("train2017", "val2017"),
        ("train_set", "test_set"),
        ("01_train", "02_val"),
        ("Training-A", "Test-A"),
        ("bounding_box_train", "query"),
    ],
)
@pytest.mark.parametrize("below", ["/a", ""])
def test_folders_called_almost_like_splits_are_refused(tmp_path: Path, folders: tuple[str, ...], below: str) -> None:
    message = refusal_of(class_folders(tmp_path, {f"{folder}{below}": 4 for folder in folders}))
    assert "are called like splits, not like classes; rename them to train" in message
    assert all(repr(folder) in message for folder in folders)


@pytest.mark.parametrize("folders", [("training shoe", "sandal"), ("testament", "bible"), ("strain", "contest")])
def test_words_that_only_begin_or_end_like_splits_are_classes(tmp_path: Path, folders: tuple[str, ...]) -> None:
    assert read_collection(class_folders(tmp_path, dict.fromkeys(folders, 4))).collection.classes == tuple(
        sorted(folders)
    )


def test_splits_below_classes_and_a_class_called_like_a_split_are_said(tmp_path: Path) -> None:
    below = class_folders(tmp_path / "below", {"a/train": 3, "a/test": 3, "b/train": 3, "b/test": 3})
    assert "'test', 'train' in 'a' and other class folders are not read as splits" in notes_of(below)
    nested = class_folders(tmp_path / "nested", {**SPLITS, "train/val": 2, "validation/val": 2})
    assert "'train/val' is read as a class, because it is in the split folder 'train'" in notes_of(nested)
    beside = class_folders(tmp_path / "beside", {"a": 3, "b": 3, "test/a": 2, "test/b": 2})
    assert "'test' is read as a class, because class folders are beside it" in notes_of(beside)


def test_folders_of_the_system_are_named_and_not_read(tmp_path: Path) -> None:
    class_folders(tmp_path, {"a": 3, "b": 3})
    write(tmp_path, {"a/@eaDir/0.png/SYNOPHOTO_THUMB_M.jpg": 50, "$RECYCLE.BIN/x.png": 51, "lost+found/y.png": 52})
    loaded = read_collection(tmp_path)
    assert set(problems_of(loaded)) == {"a/@eaDir", "$RECYCLE.BIN", "lost+found"}
    assert loaded.collection.classes == ("a", "b")
    assert loaded.collection.files is not None
    assert (loaded.collection.files.found, loaded.collection.files.left_out) == (9, {"system folder": 3})


def test_folders_that_differ_in_a_space_are_one_class_and_said(tmp_path: Path) -> None:
    data = class_folders(tmp_path, {"dog": 3, "dog ": 3, "cat": 3})
    assert "read as one class: 'dog' and 'dog '" in notes_of(data)


@pytest.mark.parametrize("start", ["/", "data/", "/data/", "../data/", ".//"])
def test_paths_that_begin_with_a_slash_or_the_folder_itself_are_found(tmp_path: Path, start: str) -> None:
    loaded = read_collection(with_rows(tmp_path / "data", lambda name: start + name))
    assert not loaded.collection.problems
    assert ("a leading /" in " ".join(loaded.notes)) is (start in {"/", "data/", "/data/"})


def test_a_path_out_of_the_folder_stays_outside(tmp_path: Path) -> None:
    write(tmp_path, {"other/x.png": 90})
    data = with_rows(tmp_path / "data", str)
    with (data / "metadata.csv").open("a", encoding="utf-8") as file:
        file.write(f"\n../other/x.png,a\n{tmp_path}/other/x.png,a\n../data/../other/x.png,a\n")
    found = problems_of(read_collection(data))
    assert len(found) == 2
    assert all(problem == "outside the folder: the path leaves it" for problem in found.values())


def test_a_file_whose_name_ends_in_a_space_is_found(tmp_path: Path) -> None:
    data = with_rows(tmp_path / "data", str, lambda name: f"{name} ")
    assert len(classes_of(data)) == 8


def test_folders_that_rows_name_are_no_files(tmp_path: Path) -> None:
    with_rows(tmp_path, str)
    with (tmp_path / "metadata.csv").open("a", encoding="utf-8") as file:
        file.write("\nphotos,a\n.,b\n")
    files = read_collection(tmp_path).collection.files
    assert files is not None
    assert (files.found, files.used, files.without_file) == (8, 8, {"not a file": 2})


@pytest.mark.parametrize(("split", "named"), [("val", "validation"), ("Test", "test")])
def test_a_split_of_which_no_photo_can_be_used_is_said(tmp_path: Path, split: str, named: str) -> None:
    train = "Train" if split == "val" else "TRAIN"  # sorts before the other split
    class_folders(tmp_path, {f"{train}/a": 4, f"{train}/b": 4})
    for name in "ab":
        write(tmp_path, {f"{split}/{name}/{number}.png": b"junk" for number in range(2)})
        same = (tmp_path / train / name / "00.png").read_bytes()  # of copies the first by path is used
        write(tmp_path, {f"{split}/{name}/same.png": same})
    said = f"no photo of the given split {named} can be used (4 unreadable, 2 duplicates), so it counts as not given"
    assert said in notes_of(tmp_path)


def test_a_photo_called_like_a_document_is_a_loose_photo(tmp_path: Path) -> None:
    write(class_folders(tmp_path, {"a": 3, "b": 3}), {"README.png": 90, "license.JPG": 91, "README": b"words"})
    found = problems_of(read_collection(tmp_path))
    assert {name: problem.partition(":")[0] for name, problem in found.items()} == {
        "README.png": "loose file",
        "license.JPG": "loose file",
        "README": "other file",
    }


def test_a_split_that_only_repeated_rows_give_is_said(tmp_path: Path) -> None:
    with_rows(tmp_path, str)
    rows = (tmp_path / "metadata.csv").read_text(encoding="utf-8").split("\n")[1:]
    given = [f"{row},{'train' if number < 4 else 'validation'}" for number, row in enumerate(rows)]
    table = "\n".join(["file_name,label,split", *given, f"{rows[0]},test"])
    (tmp_path / "metadata.csv").write_text(table, encoding="utf-8")
    assert "the given split test can be used (earlier rows of the same files count)" in notes_of(tmp_path)
