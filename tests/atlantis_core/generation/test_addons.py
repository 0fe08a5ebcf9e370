"""Edits that keep more of their source: edges, what it shows, or its middle; and LoRA weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from atlantis_core.base.errors import SetupError
from atlantis_core.data.image_io import open_image
from atlantis_core.generation.diffusion.generator import DiffusionGenerator
from atlantis_core.generation.diffusion.photo_editor import detect_edges, mask_around_middle
from atlantis_core.generation.sizes import fit_to_model
from atlantis_core.records import GenerationRequest
from tests.atlantis_core.generation.conftest import photo
from tests.atlantis_core.generation.diffusion_models import (
    write_tiny_controlnet,
    write_tiny_ip_adapter,
    write_tiny_lora,
)

Ask = Callable[..., GenerationRequest]


@pytest.fixture(scope="session")
def controlnet(tiny_pipeline: Path) -> Path:
    return write_tiny_controlnet(tiny_pipeline.parent / "controlnet", tiny_pipeline)


@pytest.fixture(scope="session")
def lora(tiny_pipeline: Path) -> Path:
    return write_tiny_lora(tiny_pipeline.parent / "lora", tiny_pipeline)


@pytest.fixture(scope="session")
def ip_adapter(tiny_pipeline: Path) -> Path:
    return write_tiny_ip_adapter(tiny_pipeline.parent / "ip", tiny_pipeline)


def drawn(address: str, *requests: GenerationRequest) -> list[np.ndarray]:
    return [np.asarray(image, dtype=float) for image in DiffusionGenerator(address).generate(requests)]


def test_each_addon_changes_the_picture_and_stands_in_its_provenance(
    tiny_pipeline: Path, controlnet: Path, lora: Path, ip_adapter: Path, ask: Ask
) -> None:
    request = ask("night", prompt="a b")
    addresses = {
        "": f"{tiny_pipeline}?steps=4",
        "lora": f"{tiny_pipeline}?steps=4&lora={lora}",
        "control": f"{tiny_pipeline}?steps=4&control={controlnet}",
        "ip_adapter": f"{tiny_pipeline}?steps=4&ip_adapter={ip_adapter}&ip_weights=models/ip-adapter.safetensors",
    }
    plain = drawn(addresses[""], request)[0]
    for name, address in addresses.items():
        if name:
            assert np.abs(drawn(address, request)[0] - plain).max() > 2, name
            facts = DiffusionGenerator(address).settings(request)
            assert len(facts[f"{name}_sha256"]) >= 16
    assert len({DiffusionGenerator(address).version for address in addresses.values()}) == len(addresses)


@pytest.mark.parametrize("guidance", [0, 4])
def test_what_a_source_shows_counts_for_its_own_picture_only(
    tiny_pipeline: Path, controlnet: Path, ip_adapter: Path, ask: Ask, tmp_path: Path, guidance: int
) -> None:
    adapter = f"&ip_adapter={ip_adapter}&ip_weights=models/ip-adapter.safetensors"
    address = f"{tiny_pipeline}?steps=3&guidance={guidance}&control={controlnet}{adapter}"
    photo(5).save(tmp_path / "other.png")
    first = ask("night", prompt="a b")
    other = replace(first, source_id="other", source_path=str(tmp_path / "other.png"))
    beside_other, beside_itself = drawn(address, first, other)[0], drawn(address, first, first)[0]
    np.testing.assert_array_equal(beside_other, beside_itself)
    assert np.abs(drawn(address, other)[0] - beside_other).max() > 2
    assert DiffusionGenerator(address).modes == ("edit",)


def test_the_middle_is_left_alone_and_the_rest_repainted(tiny_pipeline: Path, ask: Ask) -> None:
    request = ask("night", prompt="a b")
    drawing = drawn(f"{tiny_pipeline}?steps=6&strength=1&keep_middle=0.6", request)[0]
    height, width = drawing.shape[:2]
    shown = np.asarray(fit_to_model(open_image(request.source_path), 32), dtype=float)
    inner, outer = (np.asarray(mask_around_middle(width, height, share)) == 0 for share in (0.3, 0.8))
    np.testing.assert_allclose(drawing[inner], shown[inner], atol=2)
    assert np.abs(drawing - shown)[~outer].mean() > 20


def test_edges_are_thin_white_lines_on_black() -> None:
    lines = np.asarray(detect_edges(photo(0)))
    assert lines.shape == (64, 80, 3)
    assert set(np.unique(lines)) == {0, 255}
    assert 0.01 < (lines[..., 0] == 255).mean() < 0.3


def test_the_mask_keeps_the_middle() -> None:
    mask = np.asarray(mask_around_middle(40, 20, 0.5))
    assert mask[10, 20] == 0
    assert mask[0, 0] == mask[-1, -1] == 255
    assert (mask == 0).mean() == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("options", "telling"),
    [
        ("control=/nowhere/at/all", "no folder"),
        ("lora=/nowhere/at/all", "no folder"),
        ("ip_adapter=/nowhere/at/all", "ip_weights"),
        ("ip_adapter=/nowhere/at/all&ip_weights=a.bin", "allow_pickle"),
        ("control=x&arm=text_to_image", "arm=edit"),
        ("keep_middle=1", "out of range"),
    ],
)
def test_what_does_not_fit_is_refused_at_once(tiny_pipeline: Path, options: str, telling: str) -> None:
    with pytest.raises(SetupError, match=telling):
        DiffusionGenerator(f"{tiny_pipeline}?{options}")


def test_a_folder_of_something_else_is_refused(tiny_pipeline: Path, lora: Path, controlnet: Path, ask: Ask) -> None:
    with pytest.raises(SetupError, match=r"not a ControlNet"):
        DiffusionGenerator(f"{tiny_pipeline}?control={lora}")
    with pytest.raises(SetupError, match=r"no weights"):
        DiffusionGenerator(f"{tiny_pipeline}?lora={tiny_pipeline}")
    with pytest.raises(SetupError, match=r"has no file 'x.safetensors'"):
        DiffusionGenerator(f"{tiny_pipeline}?ip_adapter={lora}&ip_weights=x.safetensors")
    (lora.parent / "broken").mkdir()
    (lora.parent / "broken" / "pytorch_lora_weights.safetensors").write_bytes(b"nonsense")
    with pytest.raises(SetupError, match="cannot be loaded"):
        drawn(f"{tiny_pipeline}?lora={lora.parent / 'broken'}", ask("night", prompt="a"))


def test_the_bundled_pipeline_has_no_channels_for_inpainting_and_says_so(ask: Ask) -> None:
    with pytest.raises(SetupError, match="4 or 9 input channels, this one has 8"):
        drawn("harbor?arm=edit&keep_middle=0.5", ask("night", prompt="a tug at night"))
