from __future__ import annotations

import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from atlantis_core.data.entries import Entry
from atlantis_core.data.image_io import MAX_BYTES, MOST_PIXELS
from atlantis_core.data.inspection import excluded_files, inspect_files, summarize_problems
from atlantis_core.records import Problem
from tests.atlantis_core.data.sample_images import encoded, picture, write


def entries(folder: Path, labels: dict[str, str] | None = None) -> list[Entry]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    names = [path.relative_to(folder).as_posix() for path in files]
    given = labels or {}
    return [Entry(path, name, given.get(name, "a"), None) for path, name in zip(files, names, strict=True)]


def problem_of(folder: Path, name: str, content: bytes) -> str:
    write(folder, {name: content})
    images, problems = inspect_files(entries(folder))
    assert not images
    assert [problem.path for problem in problems] == [name]
    return problems[0].problem


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes that says it is that large."""
    header = b"IHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
    chunk = len(header[4:]).to_bytes(4, "big") + header + zlib.crc32(header).to_bytes(4, "big")
    return b"\x89PNG\r\n\x1a\n" + chunk + encoded(picture(1))[33:]


def test_the_id_is_the_hash_of_the_bytes(tmp_path: Path) -> None:
    import hashlib

    content = encoded(picture(1))
    images, problems = inspect_files(entries(write(tmp_path, {"x.png": content})))
    assert [image.id for image in images] == [hashlib.sha256(content).hexdigest()[:16]]
    assert problems == ()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM"])
def test_usual_formats_are_read_whole_and_known_damaged_when_cut(tmp_path: Path, kind: str) -> None:
    content = encoded(picture(1, 96), kind)
    images, problems = inspect_files(entries(write(tmp_path / "whole", {"x.img": content})))
    assert (len(images), problems) == (1, ())
    cut = problem_of(tmp_path / "cut", "x.img", content[: len(content) * 2 // 3])
    assert cut.partition(":")[0] in ("truncated", "unreadable")
    if kind in ("PNG", "JPEG"):
        assert cut.startswith("truncated")


def test_a_large_jpeg_that_is_decoded_at_reduced_size_is_still_known_truncated(tmp_path: Path) -> None:
    content = encoded(picture(1, 1600), "JPEG")
    assert problem_of(tmp_path, "x.jpg", content[: len(content) * 3 // 4]).startswith("truncated")


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("x.jpg", b"", "empty"),
        ("x.jpg", b"<html>not found</html>", "unreadable"),
        ("x.txt", b"notes", "not an image"),
        ("x.heic", b"\0\0\0\x18ftypheic", "unsupported"),
        ("x.png", encoded(picture(1, 7)), "too small"),
        ("x.png", bomb(20_000, 20_000), "huge"),
        ("x.png", bomb(9_000, 9_500), "huge"),
        ("x.png", bomb(8_100, 8_100), "huge"),
    ],
    ids=["empty", "html", "text", "heic", "small", "bomb-error", "bomb-warning", "bomb-own-limit"],
)
def test_a_file_of_no_use_is_named(tmp_path: Path, name: str, content: bytes, problem: str) -> None:
    assert problem_of(tmp_path, name, content).partition(":")[0] == problem


def test_the_own_limit_is_below_pillows() -> None:
    assert (Image.MAX_IMAGE_PIXELS or 0) > MOST_PIXELS
    assert MOST_PIXELS < 8_100 * 8_100


def test_a_compressed_text_bomb_is_unreadable_not_fatal(tmp_path: Path) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("comment", "A" * (PngImagePlugin.MAX_TEXT_CHUNK + 10), zip=True)
    import io

    stream = io.BytesIO()
    picture(1).save(stream, "PNG", pnginfo=info)
    assert problem_of(tmp_path, "x.png", stream.getvalue()).startswith("unreadable")


def test_missing_files_folders_and_pipes_are_named(tmp_path: Path) -> None:
    import os

    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    names = ["folder.jpg", "gone.jpg", "pipe.jpg"]
    _, problems = inspect_files([Entry(tmp_path / name, name, "a", None) for name in names])
    assert [problem.problem.partition(":")[0] for problem in problems] == ["not a file", "missing", "not a file"]


def test_a_file_beyond_the_byte_limit_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "x.bmp").open("wb") as file:
        file.truncate(MAX_BYTES + 1)  # sparse: takes no room
    _, problems = inspect_files(entries(tmp_path))
    assert problems[0].problem == f"huge: {MAX_BYTES + 1:,} bytes (limit {MAX_BYTES:,})"


def test_a_name_that_no_file_can_have_is_unreadable(tmp_path: Path) -> None:
    _, problems = inspect_files([Entry(tmp_path / ("x" * 300), "x", "a", None)])
    assert problems == (Problem("x", "unreadable: File name too long"),)


def test_of_equal_files_the_first_in_sorted_order_stays(tmp_path: Path) -> None:
    found = entries(write(tmp_path, {"b.png": 1, "a.png": 1, "c.png": 2}))
    images, problems = inspect_files(list(reversed(found)))
    assert [image.entry.name for image in images] == ["a.png", "c.png"]
    assert problems == (Problem("b.png", "duplicate: same bytes as a.png"),)


def test_a_file_with_two_labels_is_left_out_under_both(tmp_path: Path) -> None:
    write(tmp_path, {"a.png": 1, "b.png": 1, "c.png": 2})
    images, problems = inspect_files(entries(tmp_path, {"b.png": "cat", "a.png": "dog"}))
    assert [image.entry.name for image in images] == ["c.png"]
    assert [problem.path for problem in problems] == ["a.png", "b.png"]
    assert {problem.problem for problem in problems} == {"two labels: the same file is cat, dog"}


def test_a_row_that_is_repeated_leaves_no_file_out(tmp_path: Path) -> None:
    found = entries(write(tmp_path, {f"{seed}.png": seed for seed in range(3)}))
    other_label, other_split = replace(found[0], label="b"), replace(found[1], split="test")
    images, problems = inspect_files([*found, found[0], other_label, other_split, found[2]])
    assert [(image.entry.name, image.entry.split) for image in images] == [("1.png", None), ("2.png", None)]
    assert problems == (
        Problem("0.png", "two labels: the same file is a, b"),
        Problem("1.png", "listed twice: its 2 rows differ in split, role or facets; the first one counts"),
        Problem("2.png", "listed twice: 2 identical rows"),
    )
    assert summarize_problems(problems).startswith("1 file left out: 1 two labels; 2 files listed twice (")
    assert [problem.path for problem in excluded_files(problems)] == ["0.png"]


def test_a_missing_file_is_told_once_however_often_it_is_listed(tmp_path: Path) -> None:
    gone = Entry(tmp_path / "gone.png", "gone.png", "a", None)
    _, problems = inspect_files([gone, gone, replace(gone, label="b")])
    assert problems == (Problem("gone.png", "missing: no such file"),)


def test_progress_ends_at_the_total(tmp_path: Path) -> None:
    write(tmp_path, {f"{seed}.png": seed for seed in range(5)})
    told: list[tuple[str, int, int]] = []
    inspect_files(entries(tmp_path), lambda *args: told.append(args))
    assert told == [("reading images", 5, 5)]


def test_the_summary_counts_kinds_most_frequent_first() -> None:
    kinds = ["truncated: x"] * 5 + ["duplicate: y"] * 4 + ["not an image"] * 3
    line = "12 files left out: 5 truncated, 4 duplicates, 3 not images (atlantis diagnose DATA --json lists them)"
    assert summarize_problems([Problem(str(n), kind) for n, kind in enumerate(kinds)]) == line
    assert summarize_problems([Problem("x", "duplicate: y")]).startswith("1 file left out: 1 duplicate (")
    assert summarize_problems([]) == ""


def test_the_summary_counts_files_not_their_problems() -> None:
    problems = [Problem("x", "no label"), Problem("x", "unknown split: 'y'"), Problem("z", "no label")]
    assert summarize_problems(problems).startswith("2 files left out: 2 no label (")
    assert summarize_problems([Problem("x", "listed twice: 2 identical rows")]).startswith("1 file listed twice (")


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "CMYK", "I;16", "LA"])
def test_every_mode_of_picture_is_read(tmp_path: Path, mode: str) -> None:
    kind = "TIFF" if mode in ("CMYK", "I;16") else "PNG"
    write(tmp_path, {"x.img": encoded(picture(1).convert("L" if mode == "I;16" else mode).convert(mode), kind)})
    images, problems = inspect_files(entries(tmp_path))
    assert (len(images), problems) == (1, ())


def test_a_palette_with_transparency_and_a_broken_exif_block_raise_no_warning(tmp_path: Path) -> None:
    import io

    stream = io.BytesIO()
    picture(1).convert("P").save(stream, "PNG", transparency=b"\x10" * 200)
    odd_exif = encoded(picture(2), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\xff\xff\xff\xff")  # type: ignore[arg-type]
    write(tmp_path, {"p.png": stream.getvalue(), "e.jpg": odd_exif})
    images, problems = inspect_files(entries(tmp_path))
    assert (len(images), problems) == (2, ())
