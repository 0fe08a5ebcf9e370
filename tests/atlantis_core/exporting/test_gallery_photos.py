"""Photos that a run added to the gallery go with the exported model, and into its index."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from atlantis_core.base.errors import SetupError
from atlantis_core.exporting.gallery_photos import read_gallery_photos, write_gallery_photos
from atlantis_core.records import LabelledImage


@pytest.fixture
def photos(tmp_path: Path) -> list[LabelledImage]:
    made = []
    for number, label in enumerate(["trawler", "con", "a/b"]):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(path := tmp_path / f"{number}.png")
        made.append(LabelledImage(f"{number:016x}", str(path), label, "train"))
    return made


def test_photos_are_read_as_they_were_written(photos: list[LabelledImage], tmp_path: Path) -> None:
    (folder := tmp_path / "model").mkdir()
    write_gallery_photos(photos, folder)
    found = read_gallery_photos(folder)
    assert [(one.id, one.label) for one in found] == [(one.id, one.label) for one in photos]
    assert [Path(one.path).read_bytes() for one in found] == [Path(one.path).read_bytes() for one in photos]


def test_a_model_without_photos_has_no_folder_for_them(tmp_path: Path) -> None:
    write_gallery_photos([], tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert read_gallery_photos(tmp_path) == []


def test_a_photo_that_is_gone_is_named(photos: list[LabelledImage], tmp_path: Path) -> None:
    Path(photos[1].path).unlink()
    (folder := tmp_path / "model").mkdir()
    with pytest.raises(SetupError, match=r"1\.png.* is gone"):
        write_gallery_photos(photos, folder)


@pytest.mark.parametrize(
    "text",
    [
        "file_name,label,id\n../../secret.png,a,0\n",
        "file_name,label,id\n/etc/passwd,a,0\n",
        "file_name,label,id\nmissing.png,a,0\n",
        "file_name,label,id\nx.png,,0\n",
        "file_name,label\nx.png,a\n",
    ],
)
def test_a_list_that_names_no_photo_of_the_folder_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "gallery").mkdir()
    (tmp_path / "gallery" / "metadata.csv").write_text(text)
    with pytest.raises(SetupError, match="export the model again"):
        read_gallery_photos(tmp_path)
