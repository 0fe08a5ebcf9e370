"""Situations from public bug reports of this field, each built from a few lines; the report is named in its test."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import atlantis_dml
from atlantis_core.data.lookalikes import find_lookalikes
from atlantis_dml.cli.main import main

CLASSES = ("red", "green", "blue")
MODEL = "harbor-student"
EACH = 8
"""Photos of a class."""

Ask = Callable[..., tuple[Any, str]]
"""Words of a command -> its JSON and what it says on stderr."""


def draw(colour: int, number: int, size: tuple[int, int] = (40, 48)) -> Image.Image:
    """Draw noise in which one channel is brighter."""
    pixels = np.random.default_rng([colour, number]).integers(0, 120, (*size, 3))
    pixels[..., colour % 3] += 100
    pixels[..., (colour + 1) % 3] //= 1 + colour // 3
    return Image.fromarray(pixels.astype(np.uint8))


def write_photos(folder: Path, classes: Sequence[str] = CLASSES, each: int = EACH, ending: str = "png") -> Path:
    """Write a folder for each class, with photos of the same names in each."""
    for colour, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for number in range(each):
            draw(colour, number).save(folder / name / f"{number}.{ending}")
    return folder


def list_rows(classes: Sequence[str] = CLASSES) -> list[tuple[str, str, str]]:
    """Return a row for each photo: half of a class trains, half is validation."""
    return [
        (f"{name}/{number}.png", name, "train" if number < EACH // 2 else "validation")
        for name in classes
        for number in range(EACH)
    ]


def write_table(folder: Path, rows: Iterable[Sequence[str]]) -> Path:
    with (folder / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("file_name", "label", "split"), *rows])
    return folder / "metadata.csv"


def evaluate(ask: Ask, photos: Path, *more: object, code: int = 0) -> tuple[Any, str]:
    return ask("evaluate", MODEL, photos, *more, code=code)


def problems(ask: Ask, photos: Path) -> dict[str, str]:
    """Return file -> what `diagnose` says of it."""
    found, _ = ask("diagnose", photos, "--frozen", "--backbone", MODEL)
    return {one["path"]: one["problem"] for one in found["problems"]}


# Folders and names


def test_a_notebooks_hidden_folder_is_no_class(ask: Ask, tmp_path: Path) -> None:
    """pytorch/vision#2831: `.ipynb_checkpoints` became a class of ImageFolder."""
    photos = write_photos(tmp_path / "photos")
    (photos / ".ipynb_checkpoints").mkdir()
    shutil.copy(photos / "red" / "0.png", photos / ".ipynb_checkpoints" / "0.png")
    found, said = evaluate(ask, photos)
    assert set(found["per_class"]) == set(CLASSES)
    assert "1 hidden folder" in said


def test_what_macs_and_windows_leave_in_folders_is_no_photo(ask: Ask, tmp_path: Path) -> None:
    """pytorch/vision#109: `.DS_Store` was taken for a class."""
    photos = write_photos(tmp_path / "photos")
    (photos / ".DS_Store").write_bytes(b"x")
    (photos / "red" / "Thumbs.db").write_bytes(b"x")
    (photos / "red" / "._0.png").write_bytes(b"\0\5\x16\7Mac OS X")
    found, _ = evaluate(ask, photos)
    assert set(found["per_class"]) == set(CLASSES)


@pytest.mark.parametrize("ending", ["JPG", "JPEG", "PnG"])
def test_endings_in_capitals_are_read(ending: str, ask: Ask, tmp_path: Path) -> None:
    """anomalib#3058, datumaro#151: photos named .JPG or .JPEG were not found."""
    found, said = evaluate(ask, write_photos(tmp_path / "photos", ending=ending))
    assert found["queries"] == 6
    assert "left out" not in said


def test_photos_of_one_name_in_different_classes_stay_apart(ask: Ask, tmp_path: Path) -> None:
    """clip-retrieval#329, GulpIO#63: photos were addressed by name, and those of other folders were lost."""
    photos = write_photos(tmp_path / "photos")
    shutil.copy(photos / "red" / "1.png", photos / "red" / "A.png")
    draw(0, 77).save(photos / "red" / "a.png")  # another photo, and another name where case counts
    (odd,) = problems(ask, photos).items()
    assert odd == ("red/A.png", "duplicate: same bytes as red/1.png")
    found, _ = ask("index", MODEL, photos, "--name", "names", "--no-check")
    assert found["images"] + found["sealed"] == 3 * EACH + 1


ODD_NAMES = (
    "c#.png",
    "50%25.png",
    "line\nbreak.png",
    "[M] x.png",
    "\U0001f6a2.png",
    "cafe\u0301.png",
    "a'b\"c&d.png",
)


def test_odd_file_names_are_indexed_and_found(ask: Ask, tmp_path: Path) -> None:
    """datasets#5099 (#), fiftyone#861 (%), lightning-flash#1500 ([]): such paths were not found."""
    photos = write_photos(tmp_path / "photos")
    for number, name in enumerate(ODD_NAMES):
        (photos / "red" / f"{number}.png").rename(photos / "red" / name)
    found, said = ask("index", MODEL, photos, "--name", "odd", "--no-check")
    assert found["images"] + found["sealed"] == 3 * EACH
    assert "left out" not in said
    index = atlantis_dml.open_index("odd")
    paths = {Path(hit.path) for name in ODD_NAMES for hit in index.search(photos / "red" / name, top=1000)}
    index.close()
    assert len(paths) == found["images"]
    assert all(path.is_file() for path in paths)
    assert {path.name for path in paths if path.parent.name == "red"} & set(ODD_NAMES)


def test_a_photo_called_train_is_a_photo(ask: Ask, tmp_path: Path) -> None:
    """datasets#7201, datasets#5650: of a folder with a file `train.png` only that file was read."""
    photos = tmp_path / "photos"
    photos.mkdir()
    rows = []
    for colour, label in enumerate(CLASSES):
        for number in range(EACH):
            name = "train.png" if (colour, number) == (0, 0) else f"{label}{number}.png"
            draw(colour, number).save(photos / name)
            rows.append((name, label, "train" if number < 4 else "validation"))
    write_table(photos, rows)
    found, _ = evaluate(ask, photos)
    assert found["queries"] == 12
    assert not problems(ask, photos)


def test_words_in_the_path_of_a_collection_mean_nothing(ask: Ask, tmp_path: Path) -> None:
    """ultralytics#21224: labels of photos below a folder called `images` were ignored."""
    plain = write_photos(tmp_path / "photos")
    nested = tmp_path / "test" / "train" / "images"
    shutil.copytree(plain, nested)
    assert evaluate(ask, nested)[0]["recall_at"] == evaluate(ask, plain)[0]["recall_at"]


def test_what_is_no_photo_is_named_with_its_reason(ask: Ask, tmp_path: Path) -> None:
    """fiftyone-brain#95, immich#29564: files that could not be embedded became images without a word."""
    photos = write_photos(tmp_path / "photos")
    os.mkfifo(photos / "red" / "pipe.png")
    (photos / "red" / "loop").symlink_to(photos)
    (photos / "red" / "empty.png").write_bytes(b"")
    (photos / "blue" / "page.jpg").write_text("<html>404</html>")
    (photos / "blue" / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic")
    found = problems(ask, photos)
    assert found.keys() == {"red/pipe.png", "red/loop", "red/empty.png", "blue/page.jpg", "blue/phone.heic"}
    assert found["red/empty.png"].startswith("empty")
    assert found["blue/phone.heic"].startswith("unsupported")


def test_the_folder_of_a_collection_is_only_read(ask: Ask, tmp_path: Path) -> None:
    """datasets#2837, dvc#3510: a collection on a read-only disk failed, since locks were written beside it."""
    photos = write_photos(tmp_path / "photos")
    before = {path: path.stat().st_mtime_ns for path in [photos, *photos.rglob("*")]}
    evaluate(ask, photos)
    ask("index", MODEL, photos, "--name", "kept", "--no-check")
    assert {path: path.stat().st_mtime_ns for path in [photos, *photos.rglob("*")]} == before


# Tables


def test_a_byte_order_mark_is_no_part_of_the_first_column(ask: Ask, tmp_path: Path) -> None:
    """pandas#4793, pandas#13497: the mark became part of the first column's name."""
    photos = write_photos(tmp_path / "photos")
    table = write_table(photos, list_rows())
    table.write_bytes(b"\xef\xbb\xbf" + table.read_bytes())
    assert evaluate(ask, photos)[0]["queries"] == 12


@pytest.mark.parametrize(("encoding", "culprit"), [("utf-16", "UTF-16"), ("latin-1", "Latin-1")])
def test_tables_in_another_encoding_are_refused_by_name(
    encoding: str, culprit: str, ask: Ask, tmp_path: Path
) -> None:
    """ieee8023/covid-chestxray-dataset#96 and many others: tables that spreadsheets wrote."""
    photos = write_photos(tmp_path / "photos")
    table = write_table(photos, list_rows())
    table.write_bytes(table.read_text().replace(",red,", ",größe,").encode(encoding))
    found, _ = evaluate(ask, photos, code=2)
    assert culprit in found["error"]


def test_a_nul_in_a_table_costs_one_row_and_not_the_rest(ask: Ask, tmp_path: Path) -> None:
    """pandas#14012: the rest of the line was cut off at a NUL."""
    photos = write_photos(tmp_path / "photos")
    table = write_table(photos, list_rows())
    table.write_bytes(table.read_bytes().replace(b"red/3.png", b"red/3.png\0"))
    found, said = evaluate(ask, photos)
    assert found["queries"] == 12
    assert "left out" in said


def test_classes_called_like_missing_values_stay_classes(ask: Ask, tmp_path: Path) -> None:
    """pandas#24681, pandas#32084, OasisLMF#307: `NA` (Namibia), `null` and `None` were read as missing."""
    names = ("NA", "null", "None")
    photos = write_photos(tmp_path / "photos", names)
    write_table(photos, list_rows(names))
    found, said = evaluate(ask, photos)
    assert {name: one["count"] for name, one in found["per_class"].items()} == dict.fromkeys(names, 4)
    assert all(f"'{name}'" in said for name in names)


def test_leading_zeros_keep_classes_apart(ask: Ask, tmp_path: Path) -> None:
    """pandas#39906 and its reports: `007` was read as 7."""
    photos = write_photos(tmp_path / "photos", ("007", "7", "08"))
    found, said = evaluate(ask, photos)
    assert set(found["per_class"]) == {"007", "7", "08"}
    assert "'007' (8) / '7' (8)" in said


def test_a_row_of_a_file_under_two_labels_leaves_it_out_by_name(ask: Ask, tmp_path: Path) -> None:
    """PlantDoc-Dataset#4: the same photos had different classes."""
    photos = write_photos(tmp_path / "photos")
    write_table(photos, [*list_rows(), ("red/0.png", "green", "train")])
    assert "two labels" in problems(ask, photos)["red/0.png"]


# Leaks, queries and figures


def test_photos_in_two_splits_are_named_and_not_measured(ask: Ask, tmp_path: Path) -> None:
    """PlantSeg#11, LIVECell#26, helmet-detection#29: training photos were in the test set."""
    photos = tmp_path / "photos"
    for split in ("train", "val"):
        for colour, label in enumerate(CLASSES):
            (photos / split / label).mkdir(parents=True)
            for number in range(6):
                draw(colour, number + (100 if split == "val" and number else 0)).save(
                    photos / split / label / f"{number}.png"
                )
    found, said = evaluate(ask, photos)
    assert found["queries"] == 15
    assert "3 duplicates" in said


def test_a_class_that_validation_lacks_shifts_no_other(ask: Ask, tmp_path: Path) -> None:
    """ultralytics#13936, ultralytics#23566: classes were numbered by order, split by split."""
    photos = tmp_path / "photos"
    for split, labels in (("train", "abc"), ("val", "ac")):
        for label in labels:
            (photos / split / label).mkdir(parents=True)
            for number in range(6):
                draw("abc".index(label), number + 100 * (split == "val")).save(
                    photos / split / label / f"{number}.png"
                )
    found, _ = evaluate(ask, photos)
    assert {name: one["count"] for name, one in found["per_class"].items()} == {"a": 6, "c": 6}


def test_a_query_never_finds_itself(ask: Ask, tmp_path: Path) -> None:
    """open-metric-learning#341, DIML#2: a photo that is query and gallery is not its own first hit."""
    photos = tmp_path / "photos"
    for label in "abc":
        (photos / label).mkdir(parents=True)
    rows = []
    for number in range(12):  # alike but for their labels: half of the nearest neighbours are of the other class
        label = "c" if number < 4 else "ab"[number % 2]
        draw(0, number).save(photos / label / f"{number}.png")
        rows.append((f"{label}/{number}.png", label, "train" if number < 4 else "validation"))
    write_table(photos, rows)
    queries = [(photos / name, label) for name, label, split in rows if split == "validation"]
    embeddings = atlantis_dml.load_retriever(MODEL).embed([path for path, _ in queries]).astype(np.float64)
    similarity = embeddings @ embeddings.T
    np.fill_diagonal(similarity, -2)
    labels = np.array([label for _, label in queries])
    wanted = float((labels[similarity.argmax(axis=1)] == labels).mean())
    assert wanted < 1
    found, _ = evaluate(ask, photos, "--regime", "unseen")  # every validation photo is query and gallery
    assert found["recall_at"]["1"] == pytest.approx(wanted)


def test_a_query_without_a_partner_is_no_miss(ask: Ask, tmp_path: Path) -> None:
    """pytorch-metric-learning#398: queries whose class is not in the gallery counted as misses."""
    photos = write_photos(tmp_path / "photos")
    (photos / "lone").mkdir()
    draw(4, 0).save(photos / "lone" / "0.png")
    write_table(photos, [*list_rows(), ("lone/0.png", "lone", "validation")])
    found, _ = evaluate(ask, photos)
    assert (found["queries"], found["left_out"]) == (12, 1)
    assert "lone" not in found["per_class"]


def test_one_photo_a_class_has_no_figure(ask: Ask, tmp_path: Path) -> None:
    """pytorch-metric-learning#588: with one photo a class the accuracy was NaN."""
    photos = write_photos(tmp_path / "photos", [f"c{number}" for number in range(6)], each=1)
    found, _ = evaluate(ask, photos, code=2)
    assert "a query needs a positive" in found["error"]


def test_more_neighbours_than_images_are_no_filler(ask: Ask, tmp_path: Path) -> None:
    """faiss#2657, faiss#1780, faiss#1309: missing neighbours were returned as -1 at a huge distance."""
    photos = write_photos(tmp_path / "photos")
    found, _ = evaluate(ask, photos, "--at", "1,1000")
    assert found["recall_at"]["1000"] == 1.0
    made, _ = ask("index", MODEL, photos, "--name", "few", "--no-check")
    hits, _ = ask("search", "few", photos / "red" / "0.png", "--top", 1000)
    ids = [hit["id"] for hit in hits["results"]]
    assert len(ids) == len(set(ids)) == made["images"]
    filtered, _ = ask("search", "few", photos / "red" / "0.png", "--top", 1000, "--where", "label=green")
    assert {hit["label"] for hit in filtered["results"]} == {"green"}, "chroma#2251: more came than matched"


def test_identical_photos_are_indexed_once(ask: Ask, tmp_path: Path) -> None:
    """mem0#64, agno#6714: ids made of contents clashed, and Chroma refused all of them."""
    photos = write_photos(tmp_path / "photos")
    shutil.copy(photos / "blue" / "0.png", photos / "blue" / "same.png")
    shutil.copy(photos / "red" / "0.png", photos / "green" / "same.png")
    found, said = ask("index", MODEL, photos, "--name", "once", "--no-check")
    assert found["images"] + found["sealed"] == 3 * EACH - 1, "one photo has two labels and is left out"
    assert "two labels" in said
    assert "1 duplicate" in said


def test_hits_whose_files_were_replaced_or_removed_are_marked(
    ask: Ask, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """chroma#2588, immich#29564: what was indexed earlier led to another picture, or to none."""
    photos = write_photos(tmp_path / "photos")
    ask("index", MODEL, photos, "--name", "stale", "--no-check")
    query = tmp_path / "query.png"
    draw(0, 500).save(query)
    before, _ = ask("search", "stale", query, "--top", 4)
    assert {hit["file_state"] for hit in before["results"]} == {""}
    first, second, third = (Path(hit["path"]) for hit in before["results"][:3])
    draw(2, 900).save(first)
    second.unlink()
    third.write_bytes(third.read_bytes())  # written again, and the same
    after, _ = ask("search", "stale", query, "--top", 4)
    assert [hit["file_state"] for hit in after["results"]] == ["changed", "missing", "", ""]
    assert main(["search", "stale", str(query), "--top", "4"]) == 0
    said = capsys.readouterr()
    assert f"2 files changed or missing since it was indexed, the first '{first}'" in said.err
    ask("index", MODEL, photos, "--name", "stale", "--no-check")
    renewed, _ = ask("search", "stale", query, "--top", 4)
    assert {hit["file_state"] for hit in renewed["results"]} == {""}


def test_photos_that_two_collections_label_differently_are_said(
    ask: Ask, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """chroma#1062, agno#6714: an id that is there already was ignored without a word."""
    first, second = write_photos(tmp_path / "first"), write_photos(tmp_path / "second", ("tug", "green"))
    made, _ = ask("index", MODEL, first, "--name", "both", "--no-check")
    added, _ = ask("index", MODEL, second, "--name", "both", "--add", "--no-check")
    assert (added["added"], added["images"]) == (0, made["images"])
    assert added["other_label"] == 6, "of the tugs, which are red ones there, the training and validation photos"
    assert main(["index", MODEL, str(second), "--name", "both", "--add", "--no-check"]) == 0
    assert "6 images of another label in another collection" in capsys.readouterr().err


def test_names_that_a_drawing_cannot_show_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """yolov5#6522, matplotlib#14269: names of classes were boxes in confusion_matrix.png."""
    photos = write_photos(tmp_path / "photos", ("\u8239", "caf\u00e9", "tug"))
    for ending, warned in (("png", True), ("svg", False)):
        assert main(["plot", "heatmap", MODEL, str(photos), "--out", str(tmp_path / f"plot.{ending}")]) == 0
        said = capsys.readouterr().err
        assert ("names show boxes for" in said) == warned
        assert ("\u8239" in said, "\u00e9" in said) == (warned, warned)


# Pixels


def embed(*images: Any) -> Any:
    return atlantis_dml.load_retriever(MODEL).embed(list(images))


def test_of_an_animation_the_first_picture_is_taken(tmp_path: Path) -> None:
    """Pillow#6590, Pillow#5819: the first frame of a GIF was black, later ones had another palette."""
    frames = [draw(0, number) for number in range(3)]
    for name in ("a.webp", "a.png", "a.tif"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], lossless=True)
        assert np.array_equal(embed(tmp_path / name), embed(frames[0])), name
    palette = [frame.quantize(16) for frame in frames]
    palette[0].save(tmp_path / "a.gif", save_all=True, append_images=palette[1:])
    assert np.array_equal(embed(tmp_path / "a.gif"), embed(palette[0].convert("RGB")))


def test_printers_colours_and_phone_files_look_as_they_are(tmp_path: Path) -> None:
    """sharp#1649, TwelveMonkeys#147: CMYK photos were inverted; MPO files hold two pictures."""
    flat = Image.new("RGB", (64, 64), (200, 40, 40))
    flat.convert("CMYK").save(tmp_path / "cmyk.jpg", quality=95)
    flat.save(tmp_path / "phone.jpg", "MPO", save_all=True, append_images=[Image.new("RGB", (64, 64), "blue")])
    for name in ("cmyk.jpg", "phone.jpg"):
        np.testing.assert_allclose(embed(tmp_path / name), embed(flat), atol=0.02)


def test_plain_pictures_are_no_duplicates_of_each_other(ask: Ask, tmp_path: Path) -> None:
    """imgdupes#11, difPy#37: all-white pictures and grey pages were duplicates of everything."""
    photos = write_photos(tmp_path / "photos")
    for label, level in zip(CLASSES, (0, 128, 255), strict=True):
        Image.new("RGB", (40, 40), (level,) * 3).save(photos / label / "flat.png")
    assert not problems(ask, photos)


def test_a_single_pixel_and_a_strip_are_left_out_by_name(ask: Ask, tmp_path: Path) -> None:
    """facenet-pytorch#86, libvips#469: 1 x 1 pictures crashed the network, thin ones shrank to nothing."""
    photos = write_photos(tmp_path / "photos")
    Image.new("RGB", (1, 1)).save(photos / "red" / "one.png")
    draw(1, 9, (2000, 2)).save(photos / "green" / "strip.png")
    found = problems(ask, photos)
    assert found.keys() == {"red/one.png", "green/strip.png"}
    assert all("too small" in problem for problem in found.values())


def test_a_photo_is_embedded_alike_alone_and_among_others() -> None:
    """imgbeddings#3, deep-person-reid#585: a larger batch gave other embeddings."""
    images = [draw(number % 3, number) for number in range(7)]
    alone = np.concatenate([embed(image) for image in images])
    np.testing.assert_allclose(embed(*images), alone, rtol=0, atol=1e-5)


# Embedding files, training and importing


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_embeddings_that_are_no_numbers_are_refused_by_row(value: float, ask: Ask, tmp_path: Path) -> None:
    """pytorch-metric-learning#738, faiss#2723: NaN in embeddings gave an unclear error, or NaN distances."""
    labels = np.repeat(["a", "b"], 12)
    real = np.eye(2, 6)[np.repeat([0, 1], 12)] + 0.1 * np.random.default_rng(0).standard_normal((24, 6))
    made = real[[0, 12, 13]].copy()
    np.savez(tmp_path / "real.npz", embeddings=real, labels=labels)
    made[1, 2] = value
    np.savez(tmp_path / "made.npz", embeddings=made, labels=np.array(["a", "b", "b"]))
    found, _ = ask("filter", tmp_path / "real.npz", tmp_path / "made.npz", code=2)
    assert "the first 1" in found["error"]
    made[1] = 0
    np.savez(tmp_path / "made.npz", embeddings=made, labels=np.array(["a", "b", "b"]))
    found, _ = ask("filter", tmp_path / "real.npz", tmp_path / "made.npz")
    assert "all zeros, the first in row 1" in found["notes"][0]


@pytest.mark.slow
def test_fewer_classes_than_a_batch_wants_train(ask: Ask, tmp_path: Path) -> None:
    """pytorch-metric-learning#124, #611: batches had other sizes, or the sampler failed."""
    photos = write_photos(tmp_path / "photos", ("a", "b"))
    found, _ = ask("train", photos, "--backbone", "scratch", "--preset", "smoke", "--set", "steps=3")
    assert found["trials"][0]["recall_at"]["1"] >= 0


def test_two_classes_of_one_name_stay_two(ask: Ask, tmp_path: Path) -> None:
    """pytorch/vision#1734, ImageNet-Datasets-Downloader#16: the bird and the machine `crane` became one class."""
    source, names = tmp_path / "cub", ("001.Crane", "002.Crane", "003.Gull")
    images, labels, splits = [], [], []
    for colour, name in enumerate(names):
        (source / "images" / name).mkdir(parents=True)
        for number in range(4):
            draw(colour, number).save(source / "images" / name / f"{number}.jpg")
            images.append(f"{len(images) + 1} {name}/{number}.jpg")
            labels.append(f"{len(images)} {colour + 1}")
            splits.append(f"{len(images)} {int(number < 2)}")
    listed = {"images": images, "image_class_labels": labels, "train_test_split": splits}
    listed["classes"] = [f"{number} {name}" for number, name in enumerate(names, start=1)]
    for name, lines in listed.items():
        (source / f"{name}.txt").write_text("\n".join(lines))
    ask("import", "cub", source, tmp_path / "imported")
    with (tmp_path / "imported" / "metadata.csv").open(newline="", encoding="utf-8") as file:
        assert {row["label"] for row in csv.DictReader(file)} == {"001.Crane", "002.Crane", "Gull"}


def test_splits_of_folders_count_in_a_table_above_them(ask: Ask, tmp_path: Path) -> None:
    """`metadata.jsonl` above `train/` and `test/` was ignored: huggingface/datasets#4548, #7337."""
    rows = []
    for colour, label in enumerate(CLASSES):
        for number in range(EACH):
            name = f"{'train' if number < EACH // 2 else 'validation'}/{label}{number}.png"
            (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
            draw(colour, number).save(tmp_path / "photos" / name)
            rows.append(json.dumps({"file_name": name, "label": label}))
    (tmp_path / "photos/metadata.jsonl").write_text("\n".join(rows))
    found, said = evaluate(ask, tmp_path / "photos")
    assert found["queries"] == len(CLASSES) * EACH // 2
    assert "splits are those of the folders train, validation" in said


def test_a_photo_of_another_class_below_a_class_is_said(ask: Ask, tmp_path: Path) -> None:
    """`dog/cat/cat_0.jpg` was read as a dog: cvat-ai/cvat#5143."""
    write_photos(tmp_path / "photos")
    (tmp_path / "photos/red/green").mkdir()
    shutil.move(tmp_path / "photos/green/0.png", tmp_path / "photos/red/green/0.png")
    _, said = evaluate(ask, tmp_path / "photos")
    assert "'red/green': its photos are read as 'red'" in said


def test_further_pictures_of_a_file_are_said(ask: Ask, tmp_path: Path) -> None:
    """Further pages and frames were lost: python-pillow/Pillow#6590, #5819."""
    write_photos(tmp_path / "photos")
    pages = [draw(0, number) for number in range(90, 93)]
    pages[0].save(tmp_path / "photos/red/pages.tiff", save_all=True, append_images=pages[1:])
    _, said = evaluate(ask, tmp_path / "photos")
    assert "1 file with several frames or pages, the first 'red/pages.tiff'" in said


def test_where_spelling_tells_training_classes_apart_it_does_so_in_a_test() -> None:
    assert find_lookalikes(["Cat", "0.0"], ["cat", "0"]) == {"Cat": "cat", "0.0": "0"}
    assert find_lookalikes(["B", "\uff22"], ["a", "A", "b"]) == {"B": "b", "\uff22": "b"}
    assert find_lookalikes(["\uff21"], ["a", "A"]) == {}
