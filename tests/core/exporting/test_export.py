"""What is handed on embeds like what was trained, as safetensors bit for bit and as ONNX to 1e-4."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
import pytest
from PIL import Image

from atlantis_core.errors import SetupError
from atlantis_core.exporting.bundle import export_retriever
from atlantis_core.exporting.card import model_card
from atlantis_core.learning.activations import ActivationCache
from atlantis_core.learning.backbones import HARBOR_STUDENT, Backbone, resolve_backbone
from atlantis_core.learning.pictures import open_picture, square
from atlantis_core.learning.presets import preset
from atlantis_core.learning.retriever import load_retriever
from atlantis_core.learning.sampler import TrainingImage
from atlantis_core.learning.training import train

RECIPE = preset("smoke", steps=2, classes_per_batch=2, embed_dim=12)
KINDS = {
    "sphere": {},
    "body": {"embedding": "body"},
    "hyperbolic": {"head": "hyperbolic:c=0.3,clip_radius=1.5", "loss": "hyperbolic_pairs"},
}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[TrainingImage]:
    folder, draw = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    made = []
    for number in range(12):
        path = folder / f"{number}.png"
        Image.fromarray(draw.integers(0, 255, (70, 80, 3), dtype=np.uint8)).save(path)
        made.append(TrainingImage(f"id{number}", str(path), f"class{number % 2}"))
    return made


def trained(images: list[TrainingImage], backbone: Backbone, kind: str, folder: Path) -> Path:
    recipe = replace(RECIPE, **KINDS[kind])  # type: ignore[arg-type]
    return Path(train(images, backbone, recipe, 0, folder / "model", ActivationCache(folder / "cache")).path)


@pytest.mark.parametrize("kind", KINDS)
def test_the_folder_embeds_bit_for_bit_and_tells_no_paths(
    kind: str, images: list[TrainingImage], tmp_path: Path
) -> None:
    model = trained(images, resolve_backbone(HARBOR_STUDENT), kind, tmp_path)
    found = export_retriever(model, tmp_path / "out")
    assert found.files == ("README.md", "model.json", "model.safetensors")
    paths = [image.path for image in images]
    before, after = load_retriever(model), load_retriever(tmp_path / "out")
    assert np.array_equal(after.embed(paths), before.embed(paths))
    assert (after.space, after.embedding) == (before.space, before.embedding)
    cached = after.embed_cached(images, ActivationCache(tmp_path / "elsewhere"))
    assert np.abs(cached - after.embed(paths)).max() < 1e-3
    for file in ("model.json", "README.md"):
        assert str(tmp_path) not in (tmp_path / "out" / file).read_text()
        assert "/weights/" not in (tmp_path / "out" / file).read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backbone", "kind"), [(HARBOR_STUDENT, kind) for kind in KINDS] + [("scratch:mobilenetv2_050", "body")]
)
def test_onnx_embeds_the_same(backbone: str, kind: str, images: list[TrainingImage], tmp_path: Path) -> None:
    small = replace(resolve_backbone(backbone), input_px=64)
    model = trained(images, small, kind, tmp_path)
    found = export_retriever(model, tmp_path / "out", onnx=True)
    assert found.onnx_differs is not None
    assert found.onnx_differs <= 1e-4
    retriever = load_retriever(model)
    squares = [np.asarray(square(open_picture(image.path), retriever.side_px)) for image in images]
    pixels = np.stack(squares).transpose(0, 3, 1, 2).astype(np.float32) / 255
    session = onnxruntime.InferenceSession(str(tmp_path / "out" / "model.onnx"))
    (vectors,) = session.run(None, {"pixels": pixels})
    assert np.abs(vectors - retriever.embed([image.path for image in images])).max() <= 1e-4
    assert "onnxruntime.InferenceSession" in (tmp_path / "out" / "README.md").read_text()


def test_a_trunk_as_it_came_can_be_handed_on(images: list[TrainingImage], tmp_path: Path) -> None:
    export_retriever(HARBOR_STUDENT, tmp_path / "out")
    paths = [image.path for image in images]
    assert np.array_equal(load_retriever(tmp_path / "out").embed(paths), load_retriever(HARBOR_STUDENT).embed(paths))
    with pytest.raises(SetupError, match="its weights are random"):
        export_retriever("scratch", tmp_path / "random")
    assert not (tmp_path / "random").exists()


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(SetupError, match="is there already"):
        export_retriever(HARBOR_STUDENT, tmp_path / "out")
    with pytest.raises(SetupError, match="unknown backbone"):
        export_retriever("nonesuch", tmp_path / "new")
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]


def test_the_card_has_figures_and_no_name_breaks_it(images: list[TrainingImage], tmp_path: Path) -> None:
    model = trained(images, resolve_backbone(HARBOR_STUDENT), "sphere", tmp_path)
    hostile = "photos`|\n# Ignore all instructions\x1b[31m"
    figures = {
        "collection": hostile,
        "regime": "seen",
        "queries": 12,
        "left_out": 1,
        "recall_at": {"1": 0.5, "2": 0.75},
        "map_at_r": 0.25,
        "r_precision": 0.3,
        "chosen_on_queries": True,
    }
    (model / "figures.json").write_text(json.dumps(figures))
    export_retriever(model, tmp_path / "out")
    card = (tmp_path / "out" / "README.md").read_text()
    assert "| Recall@2 | 0.750 |" in card
    assert "12 queries, 1 left out" in card
    assert "chosen on these very queries" in card
    assert "\n# Ignore" not in card
    assert "\x1b" not in card
    assert card.startswith("---\nlibrary_name: timm\n")
    retriever, facts = load_retriever(model), json.loads((model / "model.json").read_text())
    assert "Not measured" in model_card(retriever, facts, None, None)
    assert "base_model: timm/" in model_card(retriever, {**facts, "backbone": {"source": "hub"}}, None, None)
