"""What the media do to photos, by measurements made apart from them."""

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import distance_transform_edt, label

from atlantis_core.generation.draws import RandomDraws
from atlantis_core.generation.edit_plan import plan_edits
from atlantis_core.generation.edits.borrowed import borrowed_amplitude, borrowed_colours
from atlantis_core.generation.photometric import PhotometricGenerator, edit_image
from tests.atlantis_core.generation.conftest import photo

SEEDS = range(6)
SIDE_PX = 96


@pytest.fixture(scope="module")
def scene() -> Image.Image:
    return photo(4, 120, SIDE_PX)


def made(name: str, image: Image.Image, seed: int) -> np.ndarray:
    """Pixels (H, W, 3), 0 to 1, of one edit at full strength."""
    edited = edit_image(image, image, name, 1.0, RandomDraws(seed))
    again = edit_image(image, image, name, 1.0, RandomDraws(seed))
    np.testing.assert_array_equal(np.asarray(edited), np.asarray(again))
    return np.asarray(edited, dtype=float) / 255


def saturation(pixels: np.ndarray) -> np.ndarray:
    return pixels.max(-1) - pixels.min(-1)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_line_drawing_is_mostly_white_with_dark_thin_strokes(scene, seed):
    grey = made("line_drawing", scene, seed).mean(-1)
    paper = np.median(grey)
    assert paper > 0.85
    ink = grey < 0.6 * paper
    assert 0.005 < ink.mean() < 0.3
    # The middle of a stroke is at most three pixels from paper: strokes are lines, not areas.
    assert np.quantile(distance_transform_edt(ink)[ink], 0.9) <= 3


@pytest.mark.parametrize("seed", range(12))
def test_strokes_lie_where_the_photo_has_edges(seed):
    """A square on plain ground is drawn as its outline, in the size that the hand chooses."""
    square = np.full((SIDE_PX, SIDE_PX, 3), 230, dtype=np.uint8)
    square[30:66, 30:66] = (40, 60, 160)
    ink = made("line_drawing", Image.fromarray(square), seed).mean(-1) < 0.5
    rows, columns = np.nonzero(ink)
    assert len(rows) > 30
    (top, bottom), (left, right) = (np.quantile(places, [0.01, 0.99]) for places in (rows, columns))
    assert 0.3 * SIDE_PX < max(bottom - top, right - left) <= SIDE_PX
    # 0 is the middle of what is drawn, 1 its border: a square, turned by up to 9 degrees, has nothing inside.
    down, across = (
        np.abs(2 * (at - low) / (high - low) - 1) for at, low, high in ((rows, top, bottom), (columns, left, right))
    )
    assert np.quantile(np.maximum(down, across), 0.05) > 0.5


def test_a_thing_in_clutter_is_drawn_without_the_clutter():
    """A dark disc before small bright tiles: most drawings show a closed outline about it, and little else."""
    rng = np.random.default_rng(0)
    tiles = rng.integers(150, 255, (24, 24, 3)).repeat(4, 0).repeat(4, 1).astype(np.uint8)
    rows, columns = np.mgrid[:SIDE_PX, :SIDE_PX]
    tiles[np.hypot(rows - 48, columns - 48) < 24] = (30, 20, 60)
    holes = 0
    for seed in range(10):
        paper = made("line_drawing", Image.fromarray(tiles), seed).mean(-1) > 0.5
        pieces, _ = label(paper)
        largest_inside = np.bincount(pieces[paper])[2:].max(initial=0)
        holes += largest_inside > 0.05 * paper.size
    assert holes >= 6


def test_a_drawing_is_never_empty():
    """Photos of hardly any contrast are drawn by what little they have."""
    grey = np.full((SIDE_PX, SIDE_PX, 3), 128, dtype=np.uint8)
    grey[30:66, 30:66] = 136
    shares = [(made("line_drawing", Image.fromarray(grey), seed).mean(-1) < 0.6).mean() for seed in range(20)]
    assert min(shares) > 0.004


def test_drawings_of_one_photo_vary(scene):
    drawings = [made("line_drawing", scene, seed).mean(-1) for seed in range(8)]
    shares = [float((drawing < 0.6).mean()) for drawing in drawings]
    assert max(shares) > 1.3 * min(shares)


def number_of_colours(pixels: np.ndarray) -> int:
    """How many colours (in steps of a sixteenth) cover nine tenths of the image."""
    steps = (pixels * 15.99).astype(int).reshape(-1, 3) @ [256, 16, 1]
    counts = np.sort(np.unique(steps, return_counts=True)[1])[::-1]
    return int(np.searchsorted(np.cumsum(counts), 0.9 * counts.sum()) + 1)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_cartoon_has_few_flat_colours(scene, seed):
    cartoon = made("cartoon", scene, seed)
    assert number_of_colours(cartoon) <= 16 < number_of_colours(np.asarray(scene) / 255.0)
    same_as_right = (np.abs(np.diff(cartoon, axis=1)).max(-1) < 0.01).mean()
    assert same_as_right > 0.6


@pytest.mark.parametrize("seed", SEEDS)
def test_a_silhouette_has_two_tones(scene, seed):
    silhouette = made("silhouette", scene, seed)
    tones = silhouette.reshape(-1, 3)
    dark, light = tones[tones.sum(1).argmin()], tones[tones.sum(1).argmax()]
    near = np.minimum(np.abs(tones - dark).max(1), np.abs(tones - light).max(1))
    assert (near < 0.05).mean() > 0.9
    assert light.mean() - dark.mean() > 0.4


@pytest.mark.parametrize("name", ["infrared", "grey"])
@pytest.mark.parametrize("seed", SEEDS)
def test_infrared_and_grey_have_no_colour(scene, name, seed):
    assert saturation(made(name, scene, seed)).max() < 0.01


def test_paintings_keep_the_scene_in_broad_strokes(scene):
    def layout(pixels: np.ndarray) -> np.ndarray:
        small = Image.fromarray((pixels * 255).astype(np.uint8)).resize((10, 8), Image.Resampling.BOX)
        return np.asarray(small, dtype=float).mean(-1).ravel()

    before = np.asarray(scene, dtype=float) / 255
    paintings = [made("painting", scene, seed) for seed in SEEDS]
    likeness = [np.corrcoef(layout(painted), layout(before))[0, 1] for painted in paintings]
    assert np.median(likeness) > 0.6
    assert min(np.abs(painted - before).mean() for painted in paintings) > 0.02


@pytest.mark.parametrize("seed", SEEDS)
def test_a_print_and_a_screen_repeat_a_pattern(seed):
    """Plain grey has no frequency; a halftone, cut lines and a screen's grid do (a stencil leaves it plain)."""
    plain = Image.new("RGB", (SIDE_PX, SIDE_PX), (120, 120, 120))
    for name in ("print", "screen"):
        grey = made(name, plain, seed).mean(-1)
        spectrum = np.abs(np.fft.fft2(grey - grey.mean()))
        is_flat = grey.std() < 0.05 and name == "print"
        assert is_flat or spectrum.max() > 8 * np.median(spectrum)


@pytest.fixture
def tensors(scene) -> tuple[torch.Tensor, torch.Tensor]:
    noise = np.random.default_rng(3).normal(0, 12, (SIDE_PX, 120, 3))
    ramp = np.linspace(-60, 60, 120)[None, :, None]
    dusk = (np.array([110, 60, 40]) + noise + ramp).clip(0, 255)
    own, other = (torch.from_numpy(np.asarray(i, dtype=np.float32) / 255).permute(2, 0, 1) for i in (scene, dusk))
    return own, other


@pytest.mark.parametrize("seed", SEEDS)
def test_borrowed_colours_have_mean_and_covariance_of_the_reference(tensors, seed):
    image, reference = tensors
    out = borrowed_colours(image, reference, 1.0, RandomDraws(seed))
    away, before = (float((one.mean((1, 2)) - reference.mean((1, 2))).norm()) for one in (out, image))
    assert away < 0.35 * before

    def covariance_error(other):
        return float((torch.cov(other.flatten(1)) - torch.cov(reference.flatten(1))).norm())

    assert covariance_error(out) < 0.5 * covariance_error(image)


@pytest.mark.parametrize("seed", SEEDS)
def test_borrowed_amplitude_comes_nearer_the_reference_and_keeps_fine_detail(tensors, seed):
    image, reference = tensors
    out = borrowed_amplitude(image, reference, 1.0, RandomDraws(seed))

    def low(other):
        spectrum = np.abs(np.fft.fft2(other.numpy(), axes=(1, 2)))
        return np.log(spectrum[:, :2, :2] + 1e-3)

    assert np.abs(low(out) - low(reference)).mean() < 0.5 * np.abs(low(image) - low(reference)).mean()
    before, after = (np.diff(one.numpy(), axis=2).ravel() for one in (image, out))
    assert np.corrcoef(before, after)[0, 1] > 0.8


def borrow(ask, value: str, path: str = ""):
    return dataclasses.replace(ask(value, facet="style"), reference_id="r" if path else "", reference_path=path)


def test_borrowed_statistics_need_a_photo_that_shows_the_value(ask, tmp_path):
    photo(9).save(tmp_path / "other.png")
    generator = PhotometricGenerator()
    with_photo = borrow(ask, "borrowed colours", str(tmp_path / "other.png"))
    assert "borrowed_colours" in [edit["edit"] for edit in generator.settings(with_photo)["edits"]]
    assert len(list(generator.generate([with_photo]))) == 1
    settings = generator.settings(borrow(ask, "borrowed colours"))
    assert "borrowed_colours" not in [edit["edit"] for edit in settings["edits"]]
    assert settings["edits"], "an image that equals its source helps nobody"
    assert "left out, since no training photo shows style=borrowed colours" in settings["reason"]


def test_a_medium_replaces_light_weather_and_camera(ask):
    steps = [
        step.edit
        for step in plan_edits(ask("sketch", prompt="a tug at night in fog, blurry, plain background")).steps
    ]
    assert {"line_drawing", "background_plain"} <= set(steps) <= {"line_drawing", "background_plain", "viewpoint"}


def test_drawings_borrow_no_light_and_paintings_do_in_part(ask, tmp_path):
    photo(9).save(tmp_path / "other.png")
    for value, most in (("sketch", 0), ("painting", 0.7)):
        requests = [
            dataclasses.replace(ask(value, seed), reference_id="r", reference_path=str(tmp_path / "other.png"))
            for seed in range(20)
        ]
        borrowed = [plan_edits(request).borrowed for request in requests]
        assert max(borrowed) <= most
        assert min(borrowed) == 0
        assert (max(borrowed) > 0) == (most > 0)


def test_only_media_have_a_new_version_so_that_images_of_other_words_are_found_again(ask):
    generator = PhotometricGenerator()
    assert [generator.version_of(ask(value).cell, "") for value in ("night", "B", "sketch")] == ["2", "2", "4"]
    assert generator.version_of(ask("B").cell, "a tug, borrowed colours") == "3"
