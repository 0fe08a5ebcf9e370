"""`fit=lora`: weights that are trained once, on any kind of pipeline, and change what is generated."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from atlantis_core.base.errors import SetupError
from atlantis_core.generation.diffusion.generator import DiffusionGenerator
from atlantis_core.generation.diffusion.loading import find_pipeline, load_pipeline
from atlantis_core.generation.diffusion.options import DiffusionOptions
from atlantis_core.learning.models.weights_files import file_digest
from atlantis_core.learning.training import resumable
from atlantis_core.records import Cell, GenerationRequest, LabelledImage
from tests.atlantis_core.generation.diffusion_models import write_tiny_pipeline
from tests.atlantis_core.generation.lora.pipelines import write_tiny_flux, write_tiny_sd3, write_tiny_sdxl

REQUEST = GenerationRequest("key", Cell("a"), "a b", 1, "", "", 0)
FIT = "steps=2&arm=text_to_image&fit=lora&fit_steps=4&fit_rate=0.05&fit_batch=2"


class Stopped(BaseException):
    """The process ends here."""


class Watch:
    """Counts the steps of a fit; ends the process after one of them."""

    def __init__(self, stop_after: int = 0) -> None:
        self.steps, self.stop_after = 0, stop_after

    def __call__(self, what: str, done: int, total: int) -> None:
        self.steps += what == "fitting the generator"
        if self.stop_after and self.steps == self.stop_after:
            raise Stopped


def fitted(
    pipeline: Path, photos: list[LabelledImage], folder: Path, options: str = FIT, watch: Watch | None = None
) -> DiffusionGenerator:
    generator = DiffusionGenerator(f"{pipeline}?{options}")
    generator.use_photos(photos, folder, watch or Watch())
    return generator


def draw(generator: DiffusionGenerator) -> np.ndarray:
    return np.asarray(next(iter(generator.generate([REQUEST]))), dtype=float)


@pytest.mark.parametrize(
    ("write", "layers"),
    [
        (write_tiny_pipeline, {"to_q", "to_k", "to_v", "to_out"}),
        (write_tiny_sdxl, {"to_q", "to_k", "to_v", "to_out"}),
        (write_tiny_sd3, {"to_q", "to_k", "to_v", "to_out", "add_q_proj", "add_k_proj", "add_v_proj", "to_add_out"}),
        (
            write_tiny_flux,
            {"to_q", "to_k", "to_v", "to_out", "add_q_proj", "add_k_proj", "add_v_proj", "to_add_out", "proj", "net"},
        ),
    ],
)
def test_every_kind_of_pipeline_is_fitted_and_its_weights_are_loaded_completely(
    write: Callable[[Path], Path], layers: set[str], photos: list[LabelledImage], tmp_path: Path
) -> None:
    from safetensors import safe_open

    pipeline = write(tmp_path / "models" / "tiny")
    drawn = draw(fitted(pipeline, photos, tmp_path / "adapters"))
    plain = draw(DiffusionGenerator(f"{pipeline}?steps=2&arm=text_to_image"))
    assert np.abs(drawn - plain).mean() > 0.1
    (weights,) = tmp_path.glob("adapters/*/*.safetensors")
    with safe_open(weights, "np") as file:
        names = set(file.keys())
        ups = [file.get_tensor(name) for name in names if name.endswith("lora_B.weight")]
    parts = {name.rsplit(".lora_", 1)[0].removesuffix(".0").removesuffix(".2").rsplit(".", 1)[-1] for name in names}
    assert parts == layers
    assert len(ups) == len(names) / 2
    assert all(np.abs(one).max() > 0 for one in ups) or write is write_tiny_sd3  # its last block drops the text
    loaded = load_pipeline(find_pipeline(str(pipeline), DiffusionOptions()), DiffusionOptions(), weights, "cpu")
    denoiser = loaded.components.get("unet") or loaded.transformer
    assert sum("lora_" in name for name, _ in denoiser.named_parameters()) == len(names)


def test_weights_are_trained_once_and_described(
    tiny_pipeline: Path, photos: list[LabelledImage], tmp_path: Path
) -> None:
    first, watch = fitted(tiny_pipeline, photos, tmp_path), Watch()
    drawn = draw(first)
    again = fitted(tiny_pipeline, photos[::-1], tmp_path, watch=watch)
    np.testing.assert_array_equal(draw(again), drawn)
    assert watch.steps == 0
    (folder,) = tmp_path.glob("*/fit.json")
    written = json.loads(folder.read_text())
    assert (written["photos"], written["classes"], written["settings"]["steps"]) == (6, 2, 4)
    assert written["weights_sha256"] == file_digest(str(folder.with_name("pytorch_lora_weights.safetensors")))
    facts = first.settings(REQUEST)["fit"]
    assert (facts["kind"], facts["key"], facts["photos"], facts["rank"]) == ("lora", folder.parent.name, 6, 8)
    assert json.loads(json.dumps(facts)) == facts


def test_damaged_weights_are_trained_again(tiny_pipeline: Path, photos: list[LabelledImage], tmp_path: Path) -> None:
    drawn = draw(fitted(tiny_pipeline, photos, tmp_path))
    (weights,) = tmp_path.glob("*/*.safetensors")
    weights.write_bytes(weights.read_bytes()[:-8])
    watch = Watch()
    np.testing.assert_array_equal(draw(fitted(tiny_pipeline, photos, tmp_path, watch=watch)), drawn)
    assert watch.steps == 4


def test_an_interrupted_fit_goes_on_and_gives_the_same_weights(
    tiny_pipeline: Path, photos: list[LabelledImage], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resumable, "CHECKPOINT_EVERY", 4)
    long = FIT.replace("fit_steps=4", "fit_steps=7")
    whole = draw(fitted(tiny_pipeline, photos, tmp_path / "whole", long))
    with pytest.raises(Stopped):
        draw(fitted(tiny_pipeline, photos, tmp_path / "cut", long, Watch(stop_after=6)))
    watch = Watch()
    np.testing.assert_array_equal(draw(fitted(tiny_pipeline, photos, tmp_path / "cut", long, watch)), whole)
    assert watch.steps == 3, "the first 4 steps were kept"


def test_what_is_generated_is_named_after_the_photos(
    tiny_pipeline: Path, photos: list[LabelledImage], tmp_path: Path
) -> None:
    watch = Watch()
    versions = {
        fitted(tiny_pipeline, photos, tmp_path, watch=watch).version,
        fitted(tiny_pipeline, photos[1:], tmp_path, watch=watch).version,
        fitted(tiny_pipeline, photos, tmp_path, f"{FIT}&fit_rank=2", watch=watch).version,
        DiffusionGenerator(f"{tiny_pipeline}?steps=2&arm=text_to_image").version,
    }
    assert len(versions) == 4
    assert watch.steps == 0, "nothing is trained before the first image"


def test_images_of_earlier_versions_are_found_again() -> None:
    before = (
        "DiffusionOptions(steps=30, guidance=5.0, strength=0.55, negative='', scheduler='', spacing='', lora='', "
        "control='', control_scale=0.7, ip_adapter='', ip_weights='', ip_encoder='', ip_scale=0.6, keep_middle=0.0, "
        "arm='edit', batch=0, dtype='auto', revision='', allow_pickle=False)"
    )
    assert str(DiffusionOptions()) == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("fit=all", "none or lora"),
        ("fit_steps=9", "fit_steps has no effect without fit=lora"),
        ("fit=lora&fit_steps=0", "fit_steps=0"),
        ("fit=lora&fit_rate=2", "fit_rate=2.0"),
        ("fit=lora&lora=somewhere", "exclude each other"),
    ],
)
def test_wrong_options_are_refused_in_one_line(tiny_pipeline: Path, options: str, message: str) -> None:
    with pytest.raises(SetupError, match=message):
        DiffusionGenerator(f"{tiny_pipeline}?{options}")


def test_a_fit_needs_photos_that_can_be_read(
    tiny_pipeline: Path, photos: list[LabelledImage], tmp_path: Path
) -> None:
    with pytest.raises(SetupError, match="training photos of a run"):
        draw(DiffusionGenerator(f"{tiny_pipeline}?{FIT}"))
    with pytest.raises(SetupError, match="no training photo"):
        draw(fitted(tiny_pipeline, [], tmp_path))
    Path(photos[0].path).write_bytes(b"no image")
    only = replace(photos[0], label="c")
    with pytest.raises(Exception, match=r"photo-0\.png"):
        draw(fitted(tiny_pipeline, [only], tmp_path))


def test_pilots_compare_a_fitted_model_with_the_model_as_it_is(tiny_pipeline: Path) -> None:
    assert DiffusionGenerator(f"{tiny_pipeline}?{FIT}").name_counterpart() == (
        f"diffusion:{tiny_pipeline}?steps=2&arm=text_to_image"
    )
    assert DiffusionGenerator(f"{tiny_pipeline}?fit=lora").name_counterpart() == f"diffusion:{tiny_pipeline}"
