"""Diffusion pipelines by folder: both modes, their options, and what is refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from atlantis_core.base.errors import SetupError, ToolError
from atlantis_core.base.ports import GENERATORS, Generator
from atlantis_core.base.registry import build_part
from atlantis_core.generation.diffusion.generator import DiffusionGenerator
from atlantis_core.generation.diffusion.options import parse_model_spec
from atlantis_core.records import GenerationRequest

Ask = Callable[..., GenerationRequest]


def from_words(request: GenerationRequest) -> GenerationRequest:
    return replace(request, source_id="", source_path="")


def pixels(generator: DiffusionGenerator, *requests: GenerationRequest) -> list[np.ndarray]:
    return [np.asarray(image, dtype=float) for image in generator.generate(requests)]


def test_words_alone_and_a_source_give_different_pictures_and_both_arms_mix(tiny_pipeline: Path, ask: Ask) -> None:
    generator = DiffusionGenerator(f"{tiny_pipeline}?steps=2")
    edit = ask("night", prompt="a b")
    drawn = from_words(edit)
    mixed = pixels(generator, edit, drawn, edit)
    assert [image.shape for image in mixed] == [(32, 40, 3), (32, 32, 3), (32, 40, 3)]
    np.testing.assert_array_equal(mixed[0], mixed[2])
    assert generator.settings(edit)["arm"] == "edit"
    assert generator.settings(drawn)["arm"] == "text_to_image"
    assert "strength" not in generator.settings(drawn)


def test_less_strength_stays_closer_to_the_source(tiny_pipeline: Path, ask: Ask) -> None:
    request = ask("night", prompt="a b")
    near, far = (
        pixels(DiffusionGenerator(f"{tiny_pipeline}?steps=10&strength={strength}"), request)[0]
        for strength in (0.1, 1.0)
    )
    copied = pixels(DiffusionGenerator(f"{tiny_pipeline}?steps=50&strength=0.02"), request)[0]
    assert np.abs(near - copied).mean() < np.abs(far - copied).mean()


def test_guidance_negative_prompt_and_scheduler_are_used(tiny_pipeline: Path, ask: Ask) -> None:
    request = from_words(ask("night", prompt="a b c"))
    addresses = (
        "guidance=0",
        "guidance=6",
        "guidance=6&negative=x+y",
        "guidance=6&scheduler=LCMScheduler",
        "guidance=6&spacing=trailing",
    )
    generators = [DiffusionGenerator(f"{tiny_pipeline}?steps=3&{address}") for address in addresses]
    drawn = [pixels(generator, request)[0] for generator in generators]
    assert all(np.abs(one - other).max() > 0 for one, other in pairwise(drawn))
    assert len({generator.version for generator in generators}) == len(generators)
    assert generators[2].settings(request)["negative"] == "x y"


def test_a_prompt_that_is_too_long_is_reported_and_not_cut(tiny_pipeline: Path, ask: Ask) -> None:
    request = from_words(ask("night", prompt="a " * 40))
    with pytest.raises(ToolError, match=r"42 tokens; .* reads 24"):
        list(DiffusionGenerator(str(tiny_pipeline)).generate([request]))


def test_the_hash_is_that_of_the_weights(tiny_pipeline: Path, tmp_path: Path) -> None:
    copied = tmp_path / "copied"
    shutil.copytree(tiny_pipeline, copied)
    assert DiffusionGenerator(str(copied)).version == DiffusionGenerator(str(tiny_pipeline)).version
    weights = copied / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\1")
    assert DiffusionGenerator(str(copied)).version != DiffusionGenerator(str(tiny_pipeline)).version


@pytest.mark.parametrize(
    ("broken", "telling"),
    [
        (lambda folder: (folder / "model_index.json").unlink(), "model_index.json is missing"),
        (lambda folder: (folder / "model_index.json").write_text("{"), "not valid JSON"),
        (lambda folder: shutil.rmtree(folder / "vae"), "lacks its folder 'vae'"),
        (lambda folder: (folder / "unet" / "diffusion_pytorch_model.safetensors").unlink(), "no weights"),
        (
            lambda folder: (folder / "unet" / "diffusion_pytorch_model.safetensors").rename(
                folder / "unet" / "diffusion_pytorch_model.bin"
            ),
            "pickled",
        ),
    ],
)
def test_what_is_no_sound_pipeline_is_refused_before_anything_is_loaded(
    broken: Callable[[Path], object], telling: str, tiny_pipeline: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(tiny_pipeline, folder)
    broken(folder)
    with pytest.raises(SetupError, match=telling):
        DiffusionGenerator(str(folder))


def test_damaged_weights_are_one_line(tiny_pipeline: Path, tmp_path: Path, ask: Ask) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(tiny_pipeline, folder)
    (folder / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"nonsense")
    with pytest.raises(SetupError, match="cannot be loaded, check that it is complete"):
        list(DiffusionGenerator(str(folder)).generate([ask("night", prompt="a")]))


def test_a_hub_name_without_network_says_what_to_do() -> None:
    with pytest.raises(SetupError, match=r"no-one/nothing.*hf download"):
        DiffusionGenerator("no-one/nothing")


@pytest.mark.parametrize(
    ("address", "telling"),
    [
        ("", "needs a model"),
        ("x?stepz=3", "'stepz'"),
        ("x?steps=many", "steps is a whole number, not 'many'"),
        ("x?steps=0", "out of range; allowed: 1 or more"),
        ("x?guidance=101", "out of range; allowed: 0 to 100"),
        ("x?guidance=nan", "guidance is a finite number"),
        ("x?guidance=inf", "guidance is a finite number"),
        ("x?allow_pickle=maybe", "allow_pickle is true or false"),
        ("x?strength=1.5", "out of range"),
        ("x?arm=retrieve", "arm is edit or text_to_image, not 'retrieve'"),
        ("x?steps=4&steps=8", "steps is set twice, to '4' and '8'"),
    ],
)
def test_a_wrong_address_names_what_is_wrong(address: str, telling: str) -> None:
    with pytest.raises(SetupError, match=telling):
        parse_model_spec(address)


def test_known_models_come_with_their_settings_and_licence(tiny_pipeline: Path) -> None:
    assert parse_model_spec("stabilityai/sdxl-turbo")[1].steps == 4
    assert parse_model_spec("stabilityai/sdxl-turbo?steps=2")[1].steps == 2
    assert (
        parse_model_spec("x?lora=ByteDance/SDXL-Lightning/sdxl_lightning_4step_lora.safetensors")[1].spacing
        == "trailing"
    )
    assert parse_model_spec("x?lora=ByteDance/SDXL-Lightning/f.safetensors&steps=8")[1].steps == 8
    assert parse_model_spec("black-forest-labs/FLUX.1-schnell")[1].dtype == "bfloat16"
    assert "licence" in DiffusionGenerator(str(tiny_pipeline)).notice


def test_without_a_model_it_says_that_it_needs_one() -> None:
    with pytest.raises(SetupError, match="diffusion:NAME"):
        build_part(GENERATORS, "diffusion", "generator", Generator)
