"""Files altered at random: what the look accepts every reader reads alike, and all else ends as one error."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from atlantis_core.base.errors import AtlantisError, SetupError
from atlantis_core.data.entries import Entry
from atlantis_core.data.image_io import UnreadableImage, decode, open_image, open_undecoded, upright_size
from atlantis_core.data.inspection import InspectedFile, check_header, inspect_files
from atlantis_core.data.near_duplicates import fingerprint_file
from atlantis_core.exporting.input_snippet import decode_snippet
from atlantis_core.learning.inputs.preprocessing import centre_crop, decode_image
from tests.inputs.altered_files import altered_file

_FEW, _MANY = 400, 10_000
_BATCH = 200


def check_accepted(file: InspectedFile, alone: dict[str, Any]) -> None:
    """Check that an accepted file has the same pixels for every reader."""
    path, content = file.entry.path, file.entry.path.read_bytes()
    pixels = decode(path)
    assert pixels.mode == "RGB"
    readings = [decode(content), decode_image(path), decode_image(content), open_image(str(path))]
    assert {reading.tobytes() for reading in readings} == {pixels.tobytes()}
    assert {reading.size for reading in readings} == {pixels.size}
    assert fingerprint_file(path) == file.fingerprint
    assert centre_crop(pixels, 32).size == (32, 32)
    assert check_header(content, file.entry.name) == ""
    with Image.open(io.BytesIO(content)) as opened:
        assert alone["to_upright_rgb"](opened).tobytes() == pixels.tobytes()


def check_refused(path: Path) -> None:
    """Check that a file that was left out ends as an error of the product, or is only too small or a copy."""
    for read in (
        decode_image,
        fingerprint_file,
        lambda file: open_image(str(file)),
        lambda file: check_header(file, "x"),
    ):
        try:
            read(path)
        except (AtlantisError, UnreadableImage):
            continue
    try:
        with open_undecoded(path) as image:
            upright_size(image)
    except UnreadableImage:
        return


def check_files(first: int, count: int, folder: Path) -> Counter[str]:
    """Write, look at and read so many altered files; return how many were accepted and refused, by reason."""
    alone: dict[str, Any] = {"np": np, "Image": Image}
    exec(decode_snippet(), alone)
    found: Counter[str] = Counter()
    for start in range(first, first + count, _BATCH):
        entries = []
        for seed in range(start, min(start + _BATCH, first + count)):
            path = folder / f"{seed}.png"
            path.write_bytes(altered_file(seed))
            entries.append(Entry(path, path.name, "a", None))
        images, problems = inspect_files(entries)
        assert len(images) + len(problems) == len(entries)
        for image in images:
            check_accepted(image, alone)
        for problem in problems:
            assert "\n" not in problem.problem
            check_refused(folder / problem.path)
        found.update(problem.problem.partition(":")[0] for problem in problems)
        found["accepted"] += len(images)
        for entry in entries:
            entry.path.unlink()
    return found


def test_a_few_hundred_altered_files(tmp_path: Path) -> None:
    found = check_files(0, _FEW, tmp_path)
    assert found["accepted"] > _FEW / 3
    assert found["unreadable"] + found["truncated"] > _FEW / 8


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_ten_thousand_altered_files(part: int, tmp_path: Path) -> None:
    count = _MANY // 4
    found = check_files(_FEW + part * count, count, tmp_path)
    assert found["accepted"] > count / 3


def test_a_damaged_file_is_one_line_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "photo.img"
    refusals = []
    for seed in range(60):
        path.write_bytes(altered_file(seed))
        try:
            decode_image(path)
        except SetupError as error:
            refusals.append(str(error))
    assert len(refusals) > 5
    assert all("photo.img' cannot be read: " in refusal and "\n" not in refusal for refusal in refusals)
