"""Pasted objects: they show the class's object on the background that was named, and bad sources are refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from atlantis_core.base.errors import SetupError, ToolError
from atlantis_core.generation.cut_paste.generator import CutPasteGenerator, add_masks
from atlantis_core.generation.requests import build_requests
from atlantis_core.records import Cell, CellRequest, GenerationRequest, LabelledImage, Protocol

SIDE = 96
RED = (210, 30, 30)


def save_disc(path: Path, colour: tuple[int, int, int], radius: float = 30, noise: float = 1.0) -> str:
    rows, columns = np.mgrid[:SIDE, :SIDE]
    inside = np.hypot(rows - 48, columns - 48) < radius
    pixels = np.where(inside[..., None], np.array(colour), 250) + np.random.default_rng(0).normal(
        0, noise, (SIDE, SIDE, 3)
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)
    return str(path)


def save_blue(path: Path) -> str:
    """Bluish texture without a red pixel."""
    levels = np.random.default_rng(3).integers(40, 160, (80, 112, 1)) * np.array([0.3, 0.5, 1.0])
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(levels.astype(np.uint8)).save(path)
    return str(path)


@pytest.fixture
def request_(tmp_path: Path) -> GenerationRequest:
    source, ground = save_disc(tmp_path / "red.png", RED), save_blue(tmp_path / "blue.png")
    return GenerationRequest("k", Cell("apple"), "", 0, "s", source, 64, "b", ground)


def red_share(image: Image.Image) -> float:
    pixels = np.asarray(image).astype(int)
    return float((pixels[..., 0] > pixels[..., 2] + 40).mean())


def blue_share(image: Image.Image) -> float:
    pixels = np.asarray(image).astype(int)
    return float((pixels[..., 2] > pixels[..., 0] + 5).mean())


def test_the_object_is_on_the_background_and_every_seed_gives_another_image(request_: GenerationRequest) -> None:
    requests = [dataclasses.replace(request_, seed=seed) for seed in range(24)]
    images = list(CutPasteGenerator().generate(requests))
    assert all(min(image.size) == 64 for image in images)
    assert all(image.width > image.height for image in images), "the proportions of the background"
    assert all(red_share(image) > 0.08 for image in images)
    assert np.mean([blue_share(image) for image in images]) > 0.2
    assert len({image.tobytes() for image in images}) == 24
    white = [(np.asarray(image) > 235).all(axis=-1).mean() for image in images]
    assert np.median(white) < 0.01, "the ground of the source is gone"


def test_the_size_is_that_of_the_source_where_no_side_is_asked(request_: GenerationRequest) -> None:
    (image,) = CutPasteGenerator().generate([dataclasses.replace(request_, side_px=0)])
    assert min(image.size) == SIDE
    (image,) = CutPasteGenerator().generate([dataclasses.replace(request_, side_px=500)])
    assert min(image.size) == SIDE, "a source is not enlarged"


def test_backgrounds_come_from_a_folder_if_one_is_named(request_: GenerationRequest, tmp_path: Path) -> None:
    ground = Path(save_blue(tmp_path / "shelves" / "deep" / "1.png"))
    generator = CutPasteGenerator(str(tmp_path / "shelves"))
    alone = dataclasses.replace(request_, reference_id="", reference_path="")
    assert blue_share(next(iter(generator.generate([alone])))) > 0
    assert generator.settings(alone)["background"] == {"folder": str(tmp_path / "shelves"), "file": "deep/1.png"}
    before = generator.version
    ground.write_bytes(ground.read_bytes() + b" ")
    assert CutPasteGenerator(str(tmp_path / "shelves")).version != before != CutPasteGenerator().version


def test_a_request_without_background_or_source_says_what_to_do(request_: GenerationRequest) -> None:
    with pytest.raises(ToolError, match="cut_paste:FOLDER"):
        list(CutPasteGenerator().generate([dataclasses.replace(request_, reference_path="")]))
    with pytest.raises(ToolError, match="use mode `edit`"):
        list(CutPasteGenerator().generate([dataclasses.replace(request_, source_path="")]))


def test_options_that_name_nothing_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for spec, reason in (
        (str(tmp_path / "nowhere"), "of backgrounds does not exist"),
        (f"?masks={tmp_path / 'empty'}", "of masks contains no images"),
        ("?mask=x", "has no option 'mask'"),
    ):
        with pytest.raises(SetupError, match=reason):
            CutPasteGenerator(spec)


def image_of(label: str, path: str, **facets: str) -> LabelledImage:
    return LabelledImage(Path(path).name, path, label, "train", facets=facets)


def test_sources_on_plain_ground_are_preferred_and_bad_ones_refused_by_name(tmp_path: Path) -> None:
    texture = np.random.default_rng(2).integers(0, 255, (SIDE, SIDE, 3)).astype(np.uint8)
    Image.fromarray(texture).save(tmp_path / "heap.png")
    catalogue = image_of("apple", save_disc(tmp_path / "apple.png", RED))
    shop = image_of("apple", str(tmp_path / "heap.png"))
    crumb = image_of("pea", save_disc(tmp_path / "pea.png", (40, 160, 40), radius=4))
    found = CutPasteGenerator().choose_sources([catalogue, shop, crumb])
    assert found.images == (catalogue,)
    assert found.without == ("pea",)
    assert any("'pea.png'" in line and "too small" in line for line in found.refused)
    assert any("'heap.png'" in line for line in found.refused)


def test_masks_of_a_person_are_used_for_photos_that_could_not_be_cut(tmp_path: Path) -> None:
    texture = np.random.default_rng(2).integers(0, 255, (SIDE, SIDE, 3)).astype(np.uint8)
    (tmp_path / "kiwi").mkdir()
    (tmp_path / "masks" / "kiwi").mkdir(parents=True)
    Image.fromarray(texture).save(tmp_path / "kiwi" / "1.png")
    mask = np.zeros((SIDE // 2, SIDE // 2), np.uint8)  # of half the size: it is scaled to the photo
    mask[10:40, 10:40] = 255
    Image.fromarray(mask).save(tmp_path / "masks" / "kiwi" / "1.png")
    image = image_of("kiwi", str(tmp_path / "kiwi" / "1.png"))
    assert CutPasteGenerator().choose_sources([image]).without == ("kiwi",)
    generator = CutPasteGenerator(f"?masks={tmp_path / 'masks'}")
    assert generator.choose_sources([image]).images == (image,)
    request = GenerationRequest("k", Cell("kiwi"), "", 0, "s", image.path, 0, "b", save_blue(tmp_path / "b.png"))
    assert min(next(iter(generator.generate([request]))).size) == SIDE
    assert generator.settings(request)["masks"] == str(tmp_path / "masks")


def test_a_mask_that_is_no_good_is_named_in_one_line(tmp_path: Path) -> None:
    photo = image_of("apple", save_disc(tmp_path / "1.png", RED))
    masks = tmp_path / "masks"
    masks.mkdir()
    generator = CutPasteGenerator(f"?masks={save_blue(masks / 'other.png') and masks}")
    for content, reason in (((SIDE, SIDE // 2), "other proportions"), (b"no image", "its mask cannot be read")):
        if isinstance(content, bytes):
            (masks / "1.png").write_bytes(content)
        else:
            Image.new("L", content, 255).save(masks / "1.png")
        found = generator.choose_sources([photo])
        assert found.without == ("apple",)
        assert reason in found.refused[0]
        assert "'1.png'" in found.refused[0]
        assert "\n" not in found.refused[0]


def test_the_option_masks_is_added_to_what_cuts_out_alone() -> None:
    assert add_masks("photometric", "/m") == "photometric"
    assert add_masks("cut_paste", None) == "cut_paste"
    assert add_masks("cut_paste", "/my masks") == "cut_paste:?masks=%2Fmy+masks"
    assert add_masks("cut_paste:/shelves", "/m") == "cut_paste:/shelves?masks=%2Fm"
    with pytest.raises(SetupError, match="names masks already"):
        add_masks("cut_paste:?masks=a", "/m")


def test_requests_name_backgrounds_of_other_classes_that_show_the_value() -> None:
    images = [image_of("apple", "/a1", light="day"), image_of("apple", "/a2", light="night")]
    images += [image_of("pear", "/p1", light="night"), image_of("plum", "/q1", light="day")]
    cells = (CellRequest(Cell("apple", "light", "night"), 3), CellRequest(Cell("apple"), 4))
    protocol = Protocol("p", 0, "edit", cells, "apples", "", "margin", 1.0, 0.0)
    made = build_requests(protocol, images, "cut_paste/1", 0, backgrounds=images)
    assert {request.reference_path for request in made[:3]} == {"/p1"}
    assert {request.reference_path for request in made[3:]} == {"/p1", "/q1"}
    assert {request.source_path for request in made[:3]} == {"/a1"}
