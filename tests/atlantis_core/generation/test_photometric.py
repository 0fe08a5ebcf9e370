"""What the edits do to real pixels, and how requests choose them."""

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image

from atlantis_core.base.errors import SetupError, ToolError
from atlantis_core.base.registry import load_part
from atlantis_core.captioning.measures import measure_image
from atlantis_core.generation.draws import RandomDraws
from atlantis_core.generation.edit_plan import plan_edits
from atlantis_core.generation.edits import EDITS
from atlantis_core.generation.edits.reference import transfer_light
from atlantis_core.generation.photometric import PhotometricGenerator

SEEDS = range(3)


def edited(name: str, image: Image.Image, seed: int, strength: float = 1.0) -> Image.Image:
    """Apply one edit alone."""
    pixels = torch.from_numpy(np.asarray(image, dtype=np.float32) / 255).permute(2, 0, 1)
    before = pixels.clone()
    out = load_part(EDITS, name, "edit")(pixels, strength, RandomDraws(seed))
    assert torch.equal(pixels, before), "an edit must not change its input"
    assert out.shape == pixels.shape
    assert torch.isfinite(out).all()
    assert float(out.min()) >= 0
    assert float(out.max()) <= 1
    return Image.fromarray((out * 255).round().byte().permute(1, 2, 0).numpy())


@pytest.fixture
def scene(source) -> Image.Image:
    return Image.open(source.path).convert("RGB")


def brightness(image: Image.Image) -> float:
    return float(np.asarray(image.convert("L"), dtype=float).mean())


@pytest.mark.parametrize("name", sorted(EDITS))
def test_every_edit_is_seen_and_varies(name, scene):
    original = np.asarray(scene, dtype=float)
    results = [np.asarray(edited(name, scene, seed), dtype=float) for seed in SEEDS]
    for result in results:
        assert np.abs(result - original).mean() > 0.8
    assert all(np.abs(results[0] - other).mean() > 0.3 for other in results[1:])
    np.testing.assert_array_equal(results[0], np.asarray(edited(name, scene, 0), dtype=float))


@pytest.mark.parametrize("name", sorted(EDITS))
@pytest.mark.parametrize("size", [(12, 12), (20, 61)])
def test_every_edit_takes_small_and_oblong_pictures(name, size, scene):
    assert edited(name, scene.resize(size), 1).size == size


@pytest.mark.parametrize("name", sorted(EDITS))
def test_weak_is_closer_to_the_source_than_strong(name, scene):
    original = np.asarray(scene, dtype=float)
    weak, strong = (
        np.mean(
            [np.abs(np.asarray(edited(name, scene, seed, strength), dtype=float) - original).mean() for seed in SEEDS]
        )
        for strength in (0.3, 1.0)
    )
    assert weak < strong


@pytest.mark.parametrize("seed", SEEDS)
def test_night_is_dark_bluish_and_not_black(scene, seed):
    night = edited("night", scene, seed)
    assert 0.08 < brightness(night) / brightness(scene) < 0.55
    assert measure_image(night).lightness > 2
    ratio = np.asarray(night, dtype=float).mean((0, 1)) / np.asarray(scene, dtype=float).mean((0, 1))
    assert ratio[2] > ratio[0]


@pytest.mark.parametrize("seed", SEEDS)
def test_fog_takes_contrast_and_colour_most_at_the_top(scene, seed):
    before, fog = measure_image(scene), edited("fog", scene, seed)
    assert measure_image(fog).contrast < 0.75 * before.contrast
    assert measure_image(fog).colourfulness < 0.8 * before.colourfulness
    kept = np.asarray(fog, dtype=float).std(axis=(1, 2)) / np.asarray(scene, dtype=float).std(axis=(1, 2))
    half = len(kept) // 2
    assert np.median(kept[:half]) < np.median(kept[half:])


@pytest.mark.parametrize("seed", SEEDS)
def test_storm_is_dark_and_colourless_snow_is_pale(scene, seed):
    before = measure_image(scene)
    storm, snow = measure_image(edited("storm", scene, seed)), measure_image(edited("snow", scene, seed))
    assert storm.lightness < 0.8 * before.lightness
    assert storm.colourfulness < 0.7 * before.colourfulness
    assert snow.lightness > before.lightness
    assert snow.colourfulness < 0.9 * before.colourfulness


@pytest.mark.parametrize("seed", SEEDS)
def test_sunset_and_warm_move_towards_red_cool_away(scene, seed):
    def redness(image):
        red, _, blue = np.asarray(image, dtype=float).mean((0, 1))
        return red / blue

    assert redness(edited("sunset", scene, seed)) > 1.15 * redness(scene)
    assert redness(edited("warm", scene, seed)) > redness(scene) > redness(edited("cool", scene, seed))


@pytest.mark.parametrize("seed", SEEDS)
def test_tone_edits_do_what_they_say(scene, seed):
    before = measure_image(scene)
    assert (
        measure_image(edited("dark", scene, seed)).lightness
        < before.lightness
        < measure_image(edited("bright", scene, seed)).lightness
    )
    assert measure_image(edited("low_contrast", scene, seed)).contrast < before.contrast
    assert measure_image(edited("high_contrast", scene, seed)).contrast > before.contrast
    assert measure_image(edited("muted", scene, seed)).colourfulness < before.colourfulness
    assert measure_image(edited("vivid", scene, seed)).colourfulness > before.colourfulness
    assert (
        measure_image(edited("blur", scene.resize((160, 128)), seed)).blur
        > measure_image(scene.resize((160, 128))).blur
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_clear_brightens_a_dark_photo(scene, seed):
    dark = edited("dark", scene, seed)
    assert brightness(edited("clear", dark, seed)) > 1.3 * brightness(dark)


@pytest.mark.parametrize("name", ["background_blur", "background_plain", "background_clutter", "occlusion"])
def test_the_very_middle_stays(name, scene):
    for seed in SEEDS:
        before, after = (np.asarray(image)[28:36, 36:44] for image in (scene, edited(name, scene, seed)))
        np.testing.assert_allclose(before, after, atol=1)


def test_no_black_comes_in_at_the_edges(scene):
    white = Image.new("RGB", scene.size, (250, 250, 250))
    assert all(np.asarray(edited("viewpoint", white, seed)).min() > 240 for seed in SEEDS)


def edits_of(request) -> list[str]:
    return [step.edit for step in plan_edits(request).steps]


def test_the_cell_rules_the_prompt_adds(ask):
    steps = edits_of(ask("night", prompt="a tug in heavy rain, bright lamps"))
    assert "night" in steps
    assert "rain" in steps
    assert "bright" not in steps


def test_steps_go_from_the_scene_to_the_sensor(ask):
    steps = edits_of(ask("night", prompt="noisy, fog, side view"))
    assert steps == ["viewpoint", "night", "fog", "noise"]


def test_an_unknown_value_gives_a_mild_varied_mix_and_says_so(ask):
    generator = PhotometricGenerator()
    settings = [generator.settings(ask("B", seed, facet="visit")) for seed in range(20)]
    assert not any(item["recognised"] for item in settings)
    assert all(item["edits"] and item["words"] == [] for item in settings)
    assert all(edit["strength"] <= 0.9 for item in settings for edit in item["edits"])
    assert len({tuple(edit["edit"] for edit in item["edits"]) for item in settings}) > 5


def test_a_known_value_says_which_word_was_known(ask):
    settings = PhotometricGenerator().settings(ask("foggy"))
    assert settings["recognised"]
    assert settings["words"] == ["foggy"]
    assert "fog" in [edit["edit"] for edit in settings["edits"]]


def test_dim_is_dark_at_a_lower_strength(ask):
    def strength(value):
        strengths = [
            next(step.strength for step in plan_edits(ask(value, seed)).steps if step.edit == "dark")
            for seed in SEEDS
        ]
        return np.mean(strengths)

    assert strength("dim") < 0.75 * strength("dark")


def test_the_size_is_the_sources_where_none_is_asked_for(ask):
    (image,) = PhotometricGenerator().generate([ask("night")])
    assert image.size == (80, 64)
    (image,) = PhotometricGenerator().generate([ask("night", side_px=32)])
    assert image.size == (40, 32)


def test_a_request_without_a_source_is_refused(ask):
    request = dataclasses.replace(ask("night"), source_path="", source_id="")
    with pytest.raises(ToolError, match="edit"):
        list(PhotometricGenerator().generate([request]))


@pytest.fixture
def red_dusk(tmp_path) -> str:
    """A dark red photo of something else."""
    noise = np.random.default_rng(3).normal(0, 12, (40, 90, 3))
    Image.fromarray((np.array([90, 25, 25]) + noise).clip(0, 255).astype(np.uint8)).save(tmp_path / "dusk.png")
    return str(tmp_path / "dusk.png")


def distance_to(image: Image.Image, path: str) -> float:
    means = [np.asarray(i.convert("RGB"), dtype=float).mean((0, 1)) for i in (image, Image.open(path))]
    return float(np.linalg.norm(means[0] - means[1]))


@pytest.mark.parametrize("value", ["night", "second visit"])
def test_light_is_borrowed_from_the_reference(ask, red_dusk, value):
    """Also for a facet value that no vocabulary knows."""
    generator = PhotometricGenerator()
    for seed in SEEDS:
        without = ask(value, seed)
        request = dataclasses.replace(without, reference_id="dusk", reference_path=red_dusk)
        plain, lit = generator.generate([without, request])
        assert distance_to(lit, red_dusk) < 0.8 * distance_to(plain, red_dusk)
        assert lit.size == plain.size
        assert generator.settings(request)["reference"]["id"] == "dusk"
        assert generator.settings(without)["reference"] is None


def test_what_is_no_light_is_not_borrowed(ask, red_dusk):
    request = dataclasses.replace(ask("plain background"), reference_id="dusk", reference_path=red_dusk)
    assert PhotometricGenerator().settings(request)["reference"] is None


def test_an_unreadable_reference_is_named(ask, tmp_path):
    request = dataclasses.replace(ask("night"), reference_id="gone", reference_path=str(tmp_path / "gone.png"))
    with pytest.raises(SetupError, match=r"gone\.png"):
        next(PhotometricGenerator().generate([request]))


@pytest.mark.parametrize("seed", SEEDS)
def test_borrowed_light_at_full_strength_has_the_statistics_of_the_reference(scene, red_dusk, seed):
    pixels, reference = (
        torch.from_numpy(np.asarray(i.convert("RGB").resize((80, 64)), dtype=np.float32) / 255).permute(2, 0, 1)
        for i in (scene, Image.open(red_dusk))
    )
    lit = transfer_light(pixels, reference, 1.0, RandomDraws(seed))
    assert torch.allclose(lit.mean((1, 2)), reference.mean((1, 2)), atol=0.06)
    assert torch.equal(transfer_light(pixels, reference, 0.0, RandomDraws(seed)), pixels)
