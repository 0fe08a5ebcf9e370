"""The graph embeds like torch, whatever the backbone, the head and the batch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image

from atlantis_core.base.errors import SetupError
from atlantis_core.exporting.model_card import write_model_card
from atlantis_core.exporting.onnx_file import TOLERANCE, check_onnx, to_pixels, write_onnx
from atlantis_core.learning.models.backbone_modules import create_backbone
from atlantis_core.learning.models.backbones import resolve_backbone
from atlantis_core.learning.models.heads import make_head
from atlantis_core.learning.retriever import Retriever, frozen_retriever
from tests.atlantis_core.exporting.test_model_card import ABOUT


def retriever(backbone: str, head: str | None, side_px: int = 0, fraction: float = 0.5) -> Retriever:
    """A backbone split as trainings split it, with a random head of 16 numbers."""
    import torch

    from atlantis_core.learning.models.heads import make_empty_head

    found = frozen_retriever(resolve_backbone(backbone), fraction, side_px)
    if head is None:
        return found
    space = make_head(head)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = make_empty_head(space, int(create_backbone(found.backbone).head_hidden_size), 16)  # type: ignore[arg-type]
        torch.nn.init.normal_(module.linear.weight)  # type: ignore[arg-type]
    return replace(found, head=module.eval(), space=space)


def noise_images(count: int, side_px: int) -> list[Image.Image]:
    draw = np.random.default_rng(1)
    low = [Image.fromarray(draw.integers(0, 256, (5, 5, 3), np.uint8)) for _ in range(count)]
    return [image.resize((side_px, side_px), Image.Resampling.BICUBIC) for image in low]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backbone", "head", "side_px"),
    [
        ("harbor-student", "hyperbolic:c=0.1,clip_radius=2.3", 0),
        ("scratch", "sphere", 0),
        ("scratch", None, 0),
        ("scratch:mobilenetv2_050", "hyperbolic:c=1,clip_radius=1", 64),
        ("scratch:mobilenetv3_small_050", None, 64),
    ],
)
def test_it_embeds_like_torch(backbone: str, head: str | None, side_px: int, tmp_path: Path) -> None:
    model = retriever(backbone, head, side_px)
    write_onnx(model, tmp_path / "model.onnx")
    runtime = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    for count in (1, 2, 5):
        shown = noise_images(count, model.side_px)
        (found,) = runtime.run(None, {"pixels": to_pixels(shown)})
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, model.embed_inputs(shown), rtol=0, atol=TOLERANCE)
    assert model.dims == found.shape[1]
    agreement = check_onnx(model, tmp_path / "model.onnx", [])
    assert agreement is not None
    assert 0 <= agreement.largest_difference <= TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "CMYK", "I;16", "F"])
def test_the_cards_snippet_embeds_like_the_retriever(
    mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = retriever("scratch", "sphere", 64)
    write_onnx(model, tmp_path / "model.onnx")
    image = noise_images(1, 90)[0].resize((90, 70)).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    name = "a.tif" if mode in ("CMYK", "F") else "a.png"
    deep = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    one = image.quantize(64) if mode == "P" else deep if mode == "I;16" else image.convert(mode)
    one.save(tmp_path / name)
    card = write_model_card(replace(ABOUT, side_px=64, dims=16, with_onnx=True))
    snippet = card.split("## Without torch\n```python\n")[1].split("```")[0].replace("a.jpg", name)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(snippet, names)  # the text that people copy
    np.testing.assert_allclose(names["embeddings"], model.embed([tmp_path / name]), rtol=0, atol=TOLERANCE)


@pytest.mark.slow
def test_it_names_its_distance_and_no_path(tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    write_onnx(retriever("scratch", "hyperbolic:c=0.25,clip_radius=1"), file)
    metadata = {entry.key: entry.value for entry in onnx.load(str(file)).metadata_props}
    assert metadata == {
        "distance": "hyperbolic",
        "c": "0.25",
        "input": "float32 RGB in 0..1, NCHW",
        "side_px": "64",
    }
    assert str(Path(__file__).parents[3]).encode() not in file.read_bytes()
    assert b"site-packages" not in file.read_bytes()


@pytest.mark.slow
def test_a_graph_that_differs_is_refused(tmp_path: Path) -> None:
    sphere, ball = retriever("scratch", "sphere"), retriever("scratch", "hyperbolic")
    write_onnx(sphere, tmp_path / "model.onnx")
    with pytest.raises(SetupError, match=r"differs from torch by .*nothing was exported"):
        check_onnx(ball, tmp_path / "model.onnx", [])


@pytest.mark.slow
def test_real_images_are_compared_too(tmp_path: Path) -> None:
    model = retriever("scratch", None)
    write_onnx(model, tmp_path / "model.onnx")
    photo = tmp_path / "photo.png"
    noise_images(1, 90)[0].save(photo)
    agreement = check_onnx(model, tmp_path / "model.onnx", [photo, photo])
    assert agreement is not None
    assert agreement.pictures == 2
    photo.write_bytes(b"not an image")
    with pytest.raises(SetupError, match="cannot be read"):
        check_onnx(model, tmp_path / "model.onnx", [photo])
