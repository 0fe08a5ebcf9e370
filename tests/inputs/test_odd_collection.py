"""A collection of odd files goes through every command: each photo is used or named, without a traceback."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from atlantis_dml.cli.main import main
from tests.inputs.image_files import GREY, RGB, RGBA, exif, jpeg, orientation, png, smooth, tiff

_TEXT_RESOLUTION = (0x011A, 2, 4, b"abc\0")
_NOWHERE = (0x010F, 2, 5000, struct.pack("<I", 60_000))


def odd_photos(seed: int) -> dict[str, bytes]:
    """Return one photo of every odd kind, all different."""
    photos = [smooth(100 * seed + number, 48, 40) for number in range(9)]
    deep = photos[0].astype(np.uint16)[..., 0] * 257
    alpha = np.full((40, 48), 255, np.uint8)
    alpha[:, :9] = 0
    return {
        "deep.png": png(deep, 16, GREY),
        "floats.tif": tiff(photos[1][..., 0].astype(np.float32) / 255),
        "integers.tif": tiff(photos[2][..., 0].astype(np.int32) * 2**23),
        "headless-exif.png": png(photos[3], 8, RGB, [(b"eXIf", b"no TIFF header")]),
        "text-resolution.jpg": jpeg(photos[4], exif(orientation(6), _TEXT_RESOLUTION)),
        "text-nowhere.jpg": jpeg(photos[5], exif(_NOWHERE, orientation(3))),
        "odd-tag.tif": tiff(photos[6], {274: 6, 34665: 8, 700: 7}),
        "cut-out.png": png(np.dstack([photos[7], alpha]), 8, RGBA),
        "plain.png": png(photos[8], 8, RGB),
        "shallow.png": png(photos[0].astype(np.uint16)[..., 0] * 16, 16, GREY),
        "cut-off.jpg": jpeg(photos[8])[:-400],
    }


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for seed, label in enumerate(("boat", "car", "tree")):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for name, content in odd_photos(seed).items():
            (tmp_path / "photos" / label / name).write_bytes(content)
    return tmp_path / "photos"


@pytest.mark.slow
def test_every_command_uses_or_names_each_photo(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*arguments: str) -> dict[str, Any]:
        assert main([*arguments, "--json"]) == 0, capsys.readouterr().err
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found

    found = run("diagnose", str(photos), "--frozen")
    left_out = {problem["path"]: problem["problem"].partition(":")[0] for problem in found["problems"]}
    assert left_out == {
        f"{label}/{name}": reason
        for label in ("boat", "car", "tree")
        for name, reason in {"shallow.png": "unknown depth", "cut-off.jpg": "truncated"}.items()
    }
    run("evaluate", "harbor-student", str(photos))
    run("train", str(photos), "--preset", "smoke", "--backbone", "scratch", "--set", "steps=2")
    run("index", "harbor-student", str(photos), "--name", "odd")
    for name in ("deep.png", "text-nowhere.jpg", "odd-tag.tif", "cut-out.png"):
        assert run("search", "odd", str(photos / "car" / name))["results"]
    for name in ("shallow.png", "cut-off.jpg"):
        assert main(["search", "odd", str(photos / "car" / name)]) == 2
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert f"{name}' cannot be read: " in line
    run("plot", "map", "harbor-student", str(photos), "--out", str(tmp_path / "map.html"))
