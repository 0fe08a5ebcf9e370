"""The contract of every captioner, and the captions of the one that measures."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from atlantis_core.base.errors import SetupError
from atlantis_core.base.ports import CAPTIONERS, Captioner
from atlantis_core.base.registry import build_part
from atlantis_core.captioning.attributes import AttributeCaptioner, describe_attributes
from atlantis_core.captioning.measures import measure_image
from atlantis_core.records import LabelledImage


def photo(seed: int, side_px: int = 96) -> Image.Image:
    """A scene with texture, colours and a bright subject."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(60, 200, (12, 12, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((side_px, side_px), Image.Resampling.NEAREST)


def saved(folder: Path, name: str, image: Image.Image) -> LabelledImage:
    path = folder / f"{name}.png"
    image.save(path)
    return LabelledImage(name, str(path), "SecretLabel", "train", facets={"lighting": "SecretValue"})


@pytest.fixture(params=sorted(CAPTIONERS))
def captioner(request, tiny_blip):
    options = {"transformers": f":{tiny_blip}?max_tokens=6&batch=3"}
    return build_part(CAPTIONERS, request.param + options.get(request.param, ""), "captioner", Captioner)


def test_one_caption_per_image_in_order(captioner, tmp_path):
    images = [saved(tmp_path, f"p{seed}", photo(seed)) for seed in range(5)]
    assert [caption.image_id for caption in captioner.caption(images)] == [image.id for image in images]
    assert captioner.caption([]) == []


def test_the_same_image_has_the_same_caption_alone_and_in_a_batch(captioner, tmp_path):
    images = [saved(tmp_path, f"p{seed}", photo(seed)) for seed in range(4)]
    together = captioner.caption(images)
    assert together == captioner.caption(images)
    assert together[2] == captioner.caption(images[2:3])[0]


def test_attributes_are_strings_and_nothing_of_the_metadata_is_said(captioner, tmp_path):
    (caption,) = captioner.caption([saved(tmp_path, "SecretName", photo(1))])
    assert caption.text.strip()
    assert all(isinstance(part, str) for item in caption.attributes.items() for part in item)
    said = " ".join([caption.text, *caption.attributes.values()])
    assert not any(secret in said for secret in ("SecretLabel", "SecretValue", "SecretName", "lighting"))


def test_a_missing_file_is_a_persons_to_put_back(captioner, tmp_path):
    gone = LabelledImage("x", str(tmp_path / "gone.png"), "a", "train")
    with pytest.raises(SetupError, match=r"gone\.png"):
        captioner.caption([gone])


def attributes(tmp_path, image: Image.Image) -> dict[str, str]:
    return dict(AttributeCaptioner().caption([saved(tmp_path, "image", image)])[0].attributes)


def scaled(image: Image.Image, factor: float, offset: float = 0.0) -> Image.Image:
    return Image.fromarray((np.asarray(image, dtype=np.float64) * factor + offset).clip(0, 255).astype(np.uint8))


def test_exposure_is_named(tmp_path):
    grey = Image.new("RGB", (64, 64), (118, 118, 118))
    assert attributes(tmp_path, grey)["light"] == "normal"
    assert attributes(tmp_path, scaled(grey, 0.5))["light"] == "dark"
    assert attributes(tmp_path, scaled(grey, 1.6))["light"] == "bright"


def test_flattening_lowers_the_contrast_and_greying_the_colour(tmp_path):
    flat = attributes(tmp_path, scaled(photo(3), 0.2, 100))
    assert flat["contrast"] == "low"
    assert attributes(tmp_path, photo(3).convert("L").convert("RGB"))["colour"] == "muted"
    checks = np.indices((64, 64)).sum(0) // 8 % 2 * 255
    assert attributes(tmp_path, Image.fromarray(checks.astype(np.uint8)).convert("RGB"))["contrast"] == "high"


def test_vivid_colour_is_named(tmp_path):
    halves = np.zeros((64, 64, 3), dtype=np.uint8)
    halves[:, :32] = (230, 20, 20)
    halves[:, 32:] = (20, 200, 20)
    assert attributes(tmp_path, Image.fromarray(halves))["colour"] == "vivid"


@pytest.mark.parametrize(
    ("tint", "name"), [((190, 150, 80), "warm"), ((90, 130, 200), "cool"), ((128,) * 3, "neutral")]
)
def test_the_cast_of_a_grey_wall_is_named(tmp_path, tint, name):
    assert attributes(tmp_path, Image.new("RGB", (64, 64), tint))["cast"] == name


def test_a_black_image_is_dark_without_a_cast(tmp_path):
    said = attributes(tmp_path, Image.new("RGB", (64, 64)))
    assert said["light"] == "dark"
    assert said["cast"] == "neutral"


def test_blurring_is_noticed_and_monotone():
    image = photo(5, 128)
    blurs = [measure_image(image.filter(ImageFilter.GaussianBlur(radius))).blur for radius in (0, 1, 2, 4)]
    assert blurs == sorted(blurs)
    assert blurs[0] < 0.38 < blurs[-1]


def test_texture_around_the_middle_is_clutter(tmp_path):
    rng = np.random.default_rng(0)
    noisy = Image.fromarray(rng.integers(0, 255, (64, 64, 3), dtype=np.uint8))
    assert attributes(tmp_path, noisy)["background"] == "cluttered"
    plain = noisy.copy()
    plain.paste((120, 120, 120), (0, 0, 64, 12))
    plain.paste((120, 120, 120), (0, 52, 64, 64))
    plain.paste((120, 120, 120), (0, 0, 12, 64))
    plain.paste((120, 120, 120), (52, 0, 64, 64))
    assert attributes(tmp_path, plain)["background"] == "plain"


def test_the_words_follow_the_attributes():
    said = {
        "light": "dark",
        "contrast": "low",
        "colour": "muted",
        "cast": "warm",
        "sharpness": "blurred",
        "background": "plain",
    }
    assert (
        describe_attributes(said)
        == "a dark, low-contrast, muted, blurred photo with a warm cast and a plain background"
    )
    ordinary = dict.fromkeys(said, "normal") | {"sharpness": "sharp", "cast": "neutral"}
    assert describe_attributes(ordinary) == "an evenly lit photo"


def test_an_image_turned_by_exif_is_read_upright(tmp_path):
    image = photo(7, 64)
    image.paste((0, 0, 0), (0, 0, 64, 20))
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    (turned,) = AttributeCaptioner().caption([LabelledImage("t", str(tmp_path / "turned.jpg"), "a", "train")])
    assert turned.attributes["light"] == attributes(tmp_path, image)["light"]


@pytest.mark.data
def test_shop_photos_fall_into_useful_facets(shared_data):
    """No facet is one value for all, or a value that hardly any image has and nothing else."""
    paths = sorted(shared_data.glob("grocery81/images/*/*.jpg"))[::20]
    captions = AttributeCaptioner().caption([LabelledImage(str(path), str(path), "a", "train") for path in paths])
    for facet in ("light", "contrast", "colour", "cast", "sharpness", "background"):
        values = [caption.attributes[facet] for caption in captions]
        commonest = max(values.count(value) for value in set(values)) / len(values)
        assert 0.3 < commonest < 0.99, facet
