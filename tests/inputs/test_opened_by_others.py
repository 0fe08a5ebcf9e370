"""What leaves the product is opened by the few lines that a stranger writes, and shows the product's own figures."""

from __future__ import annotations

import ast
import csv
import hashlib
import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image

import atlantis_dml
from atlantis_core.captioning.transformers import BUNDLED, TransformersCaptioner
from atlantis_core.generation.diffusion.generator import DiffusionGenerator
from atlantis_core.generation.diffusion.model_facts import BUNDLED_MODELS
from atlantis_core.harbor.renderer import render
from atlantis_core.harbor.scene import sample_scene
from atlantis_core.harbor.training.captioner.__main__ import Recipe as CaptionerRecipe
from atlantis_core.harbor.training.captioner.__main__ import train_captioner
from atlantis_core.harbor.training.painter.__main__ import Recipe as PainterRecipe
from atlantis_core.harbor.training.painter.__main__ import train_painter
from atlantis_core.harbor.training.painter.curriculum import training_scene
from atlantis_core.harbor.training.painter.pool import Pool
from atlantis_core.harbor.vocabulary import CLASSES
from atlantis_core.learning.models.weights_files import folder_digest
from atlantis_core.records import Cell, GenerationRequest, LabelledImage
from atlantis_dml.cli.main import main
from tests.atlantis_core.data.sample_images import coloured_noise
from tests.interface.conftest import HOSTILE, Fabricated, fabricate

PROMPT = "a photo of a red tug in fog"
NAMES = ("red", "green", "blue")
QUICK = ["--preset", "smoke", "--set", "steps=2", "--set", "classes_per_batch=3"]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return coloured_noise(tmp_path_factory.mktemp("opened") / "photos", NAMES)


@pytest.fixture(scope="module")
def exported(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Train with some settings, once, and export; return the folder."""
    home, known = tmp_path_factory.mktemp("models"), dict[tuple[str, ...], Path]()

    def export(backbone: str, *settings: str) -> Path:
        if (backbone, *settings) not in known:
            out = known[backbone, *settings] = home / str(len(known))
            changes = [word for setting in settings for word in ("--set", setting)]
            words = ["train", str(photos), "--backbone", backbone, *QUICK, *changes, "--out", str(out)]
            assert main([*words, "--workspace", str(home / "w")]) == 0
        return known[backbone, *settings]

    return export


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Fabricated:
    """A finished run with one kept round."""
    return fabricate(tmp_path_factory.mktemp("run"))


# The painter and the captioner


def paint_like_a_stranger(folder: Path, seed: int) -> Image.Image:
    import torch
    from diffusers import DiffusionPipeline

    pipeline = DiffusionPipeline.from_pretrained(folder)
    return pipeline(PROMPT, generator=torch.Generator().manual_seed(seed)).images[0]


@pytest.mark.slow
def test_the_painter_paints_with_diffusers_what_it_paints_here() -> None:
    request = GenerationRequest("k", Cell("tug", "", ""), PROMPT, 7, "", "", 64)
    (wanted,) = DiffusionGenerator("harbor?steps=50&guidance=7.5").generate([request])  # the pipeline's own settings
    found = paint_like_a_stranger(BUNDLED_MODELS["harbor"], 7)
    assert np.array_equal(np.asarray(found), np.asarray(wanted))


@pytest.mark.slow
def test_a_painter_that_is_trained_again_opens_too(tmp_path: Path) -> None:
    shown = [(0, 0), (100, 1), (200, 2), (335, 5)]
    boxes = np.tile(np.array([0.2, 0.3, 0.8, 0.7], np.float32), (len(shown), 1))
    pool = Pool(np.stack([render(training_scene(*pair, 0)) for pair in shown]), np.array(shown), boxes)
    recipe = PainterRecipe(text_steps=2, decoder_steps=2, denoiser_steps=2, batch=2)
    assert train_painter(recipe, pool, tmp_path, "cpu", None)
    assert paint_like_a_stranger(tmp_path / "pipeline", 0).size == (64, 64)


def caption_like_a_stranger(folder: Path, image: Image.Image) -> tuple[str, Any]:
    from transformers import AutoModelForImageTextToText, AutoProcessor

    processor = AutoProcessor.from_pretrained(folder)
    model: Any = AutoModelForImageTextToText.from_pretrained(folder)
    tokens = model.generate(**processor(images=image, return_tensors="pt"))
    return processor.decode(tokens[0], skip_special_tokens=True).strip(), model


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Using the model-agnostic default `max_length`:UserWarning")  # every BLIP has it
def test_the_captioner_says_with_transformers_what_it_says_here(tmp_path: Path) -> None:
    import torch

    image = Image.fromarray(render(sample_scene(CLASSES[100], "fog", 5)))
    image.save(tmp_path / "photo.png")
    (wanted,) = TransformersCaptioner("harbor").caption(
        [LabelledImage("0", str(tmp_path / "photo.png"), "x", "train")]
    )
    text, model = caption_like_a_stranger(BUNDLED["harbor"], image)
    assert text == wanted.text != ""
    assert {value.dtype for value in model.state_dict().values() if value.is_floating_point()} == {torch.float32}
    train_captioner(CaptionerRecipe(steps=1, batch=2), tmp_path, "cpu", lambda *_: None)
    _, again = caption_like_a_stranger(tmp_path / "captioner", image)
    assert again.dtype == torch.float32


def test_what_the_bundled_models_made_before_is_still_found() -> None:
    """The files of both were changed for other readers; their results and so their hashes are those of before."""
    assert folder_digest(BUNDLED_MODELS["harbor"]) == "eb4bd84a294a7b799129d775d6799b12"
    assert folder_digest(BUNDLED["harbor"]) == "d23015e014c92a9dd18b9f28ca1b8904"


def write_square(photos: Path, file: Path) -> Path:
    """Write a square photo, of which no margin is cut."""
    Image.open(photos / "red" / "1.png").crop((0, 0, 40, 40)).save(file)
    return file


def test_the_student_is_a_timm_model_with_its_description(photos: Path, tmp_path: Path) -> None:
    import timm
    import torch
    from safetensors.torch import load_file

    weights = BUNDLED["harbor"].parent / "student.safetensors"
    facts = json.loads(weights.with_suffix(".json").read_text())
    model = timm.create_model(facts["architecture"], **facts["arguments"]).eval()
    model.load_state_dict(load_file(weights))
    square = write_square(photos, tmp_path / "square.png")
    image = Image.open(square).resize((facts["input_px"],) * 2, Image.Resampling.BICUBIC)
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).float()[None] / 255
    mean, std = (torch.tensor(facts[key]).view(3, 1, 1) for key in ("mean", "std"))
    with torch.inference_mode():
        found = torch.nn.functional.normalize(model((pixels - mean) / std)).numpy()
    wanted = atlantis_dml.load_retriever("harbor-student").embed([square])
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5)


# The exported retriever


def embed_with_timm(folder: Path, paths: list[Path]) -> Any:
    import timm
    import torch

    model = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
    prepare = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
    with torch.inference_mode():
        found = model(torch.stack([prepare(Image.open(path).convert("RGB")) for path in paths]))
        return torch.nn.functional.normalize(found).numpy()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backbone", "settings"),
    [
        ("scratch:test_vit", ()),
        ("scratch:test_vit", ("embedding=body",)),
        ("scratch:resnet18", ("side_px=64",)),
        ("scratch:mobilenetv3_small_050", ("side_px=64",)),
        ("scratch:convnext_atto", ("side_px=64",)),
    ],
)
def test_timm_builds_the_retriever_from_its_folder(
    backbone: str, settings: tuple[str, ...], photos: Path, exported: Callable[..., Path]
) -> None:
    folder, paths = exported(backbone, *settings), sorted(photos.glob("*/*.png"))
    wanted = atlantis_dml.load_retriever(folder).embed(paths)
    np.testing.assert_allclose(embed_with_timm(folder, paths), wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "settings",
    [(), ("embedding=body",), ("side_px=96",), ("head=hyperbolic", "loss=hyperbolic_pairs")],
)
def test_the_card_says_how_to_embed_with_timm_alone(
    settings: tuple[str, ...], photos: Path, exported: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = exported("harbor-student", *settings)
    card = (folder / "README.md").read_text()
    (code,) = re.findall(r"## With timm alone\n```python\n(.*?)```", card, re.DOTALL)
    monkeypatch.chdir(photos / "blue")
    names: dict[str, Any] = {}
    exec(code.replace("path/to/this/folder", str(folder)).replace("a.jpg", "3.png"), names)
    wanted = atlantis_dml.load_retriever(folder).embed(["3.png"])
    np.testing.assert_allclose(names["embeddings"].numpy(), wanted, rtol=0, atol=1e-5)


def test_a_classifier_that_timm_cannot_take_leaves_a_folder_of_ours_alone(
    photos: Path, exported: Callable[..., Path]
) -> None:
    folder = exported("scratch:deit_tiny_distilled_patch16_224")  # it has two classifiers
    assert {path.name for path in folder.iterdir()} == {"README.md", "model.json", "model.safetensors"}
    assert "timm" not in (folder / "README.md").read_text().split("## Figures")[0].replace("timm_name", "")
    assert atlantis_dml.load_retriever(folder).embed([photos / "red" / "0.png"]).shape[0] == 1


def test_safetensors_holds_the_projection_and_the_backbone_once(exported: Callable[..., Path]) -> None:
    from safetensors.numpy import load_file

    folder = exported("harbor-student")
    facts, weights = json.loads((folder / "model.json").read_text()), load_file(folder / "model.safetensors")
    assert weights[f"{facts['classifier']}.weight"].shape == (facts["head"]["embed_dim"], 128)
    assert not weights[f"{facts['classifier']}.bias"].any()
    assert sum(value.nbytes for value in weights.values()) == pytest.approx(
        (folder / "model.safetensors").stat().st_size, rel=0.01
    )


def test_a_frozen_backbone_opens_in_timm_too(photos: Path, tmp_path: Path) -> None:
    assert main(["export", "harbor-student", str(tmp_path / "plain")]) == 0
    square = write_square(photos, tmp_path / "square.png")
    wanted = atlantis_dml.load_retriever(tmp_path / "plain").embed([square])
    np.testing.assert_allclose(embed_with_timm(tmp_path / "plain", [square]), wanted, rtol=0, atol=1e-5)


@pytest.mark.slow
def test_onnxruntime_embeds_with_three_lines(photos: Path, exported: Callable[..., Path], tmp_path: Path) -> None:
    import onnxruntime

    folder = exported("scratch:test_vit")
    assert main(["export", str(folder), str(tmp_path / "graph"), "--onnx"]) == 0
    session = onnxruntime.InferenceSession(tmp_path / "graph" / "model.onnx")
    (entry,) = session.get_inputs()
    side_px = int(entry.shape[2])
    square = Image.open(photos / "green" / "2.png").resize((side_px, side_px))
    pixels = np.asarray(square, np.float32).transpose(2, 0, 1)[None] / 255
    (found,) = session.run(None, {entry.name: pixels})
    wanted = atlantis_dml.load_retriever(folder).embed_inputs([square])
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-4)


# The images of a run


def export_images(run: Fabricated, out: Path) -> list[dict[str, str]]:
    assert main(["export", "last", str(out), "--images", "--workspace", str(run.workspace.folder)]) == 0
    with (out / "train" / "metadata.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_torchvision_reads_the_classes_of_exported_images(run: Fabricated, tmp_path: Path) -> None:
    from torchvision.datasets import ImageFolder

    rows = export_images(run, tmp_path / "made")
    found = ImageFolder(tmp_path / "made" / "train")
    (folder,) = found.classes
    assert folder == f"class-{hashlib.sha256(HOSTILE.encode()).hexdigest()[:12]}", "no folder can have this name"
    assert len(found) == len(rows) == 3
    assert {row["label"] for row in rows} == {HOSTILE}


WITH_DATASETS = """
import sys
from datasets import load_dataset
found = load_dataset("imagefolder", data_dir=sys.argv[1])
print({split: [(row["label"], row["light"], sum(row["image"].tobytes())) for row in found[split]] for split in found})
"""


@pytest.mark.slow
def test_datasets_reads_exported_images(run: Fabricated, tmp_path: Path) -> None:
    rows = export_images(run, tmp_path / "made")
    environment = os.environ | {"HF_HOME": str(tmp_path / "cache")}
    words = [sys.executable, "-c", WITH_DATASETS, str(tmp_path / "made")]
    said = subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout
    images = [Image.open(tmp_path / "made" / "train" / row["file_name"]) for row in rows]
    sums = [sum(image.tobytes()) for image in images]
    assert ast.literal_eval(said) == {"train": [(HOSTILE, "night", total) for total in sums]}


def test_pandas_reads_the_metadata(run: Fabricated, tmp_path: Path) -> None:
    import pandas as pd

    rows = export_images(run, tmp_path / "made")
    frame = pd.read_csv(tmp_path / "made" / "train" / "metadata.csv")
    assert frame["label"].tolist() == [row["label"] for row in rows]
    assert frame["score"].tolist() == pytest.approx([0.1, 0.2, 0.3])


# The index, the run and its plots


def test_chroma_answers_like_the_index(photos: Path, tmp_path: Path) -> None:
    import chromadb

    found = atlantis_dml.index("harbor-student", photos, name="photos", workspace=tmp_path)
    query = photos / "green" / "5.png"
    hits = atlantis_dml.open_index("photos", tmp_path).search(query, top=4)
    (embedding,) = atlantis_dml.load_retriever("harbor-student").embed([query])
    client: Any = chromadb.PersistentClient(tmp_path / "index" / "photos" / "chroma")
    (collection,) = client.list_collections()
    answer = collection.query(query_embeddings=[embedding], n_results=4)
    assert collection.count() == found["images"]
    client.close()
    assert answer["distances"]
    assert answer["metadatas"]
    assert answer["ids"][0] == [hit.id for hit in hits]
    assert answer["distances"][0] == pytest.approx([hit.distance for hit in hits], abs=1e-5)
    assert answer["metadatas"][0][0]["label"] == hits[0].label == "green"


def refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is not JSON")


def test_what_is_json_is_json_for_everyone(run: Fabricated) -> None:
    """Python alone reads NaN and Infinity; JavaScript, jq and Rust do not."""
    assert main(["report", "last", "--workspace", str(run.workspace.folder)]) == 0
    cassettes = Path(__file__).parents[1] / "cassettes"
    files = [*cassettes.glob("*.json"), *run.workspace.folder.rglob("*.json")]
    assert {"harbor-tiny.json", "report.json"} <= {file.name for file in files}
    for file in files:
        assert json.loads(file.read_bytes(), parse_constant=refuse_constant)
    calls = json.loads((cassettes / "harbor-tiny.json").read_bytes())["calls"]
    assert all(call["agent"] and call["reply"] for call in calls)


def test_numpy_reads_the_outcomes_without_pickles(run: Fabricated) -> None:
    files = sorted((run.workspace.folder / "measurements").glob("*.npz"))
    shares = []
    for file in files:
        with np.load(file) as outcomes:
            assert len(outcomes["ids"]) == len(outcomes["hit"]) == len(outcomes["returned"]) == 24
            shares.append(float(outcomes["hit"].mean()))
    assert sorted(set(shares)) == pytest.approx([0.5, 20 / 24])


def test_mlflow_lists_the_runs_figures(run: Fabricated) -> None:
    import mlflow

    assert main(["trace", "last", "--to", "mlflow", "--workspace", str(run.workspace.folder)]) == 0
    mlflow.set_tracking_uri(f"sqlite:///{run.workspace.folder / 'mlflow.db'}")
    frame = mlflow.search_runs(experiment_names=["atlantis"])
    ((_, row),) = frame[frame["params.goal.text"].notna()].iterrows()  # the others are its trials
    assert row["metrics.recall_at_1"] == pytest.approx(19 / 24), "the last round's"
    assert row["tags.atlantis.thread_id"] == run.run_id


class Page(HTMLParser):
    """Collects what a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        wanted = {"src", *(["href"] if tag == "link" else [])}
        self.fetched += [value or "" for name, value in attrs if name in wanted]


def test_plots_and_reports_open_without_the_product(
    photos: Path, exported: Callable[..., Path], run: Fabricated, tmp_path: Path
) -> None:
    folder = exported("harbor-student")
    for kind in ("map", "heatmap"):
        for ending in ("svg", "png", "html"):
            assert main(["plot", kind, str(folder), str(photos), "--out", str(tmp_path / f"{kind}.{ending}")]) == 0
        assert ET.parse(tmp_path / f"{kind}.svg").getroot().tag == "{http://www.w3.org/2000/svg}svg"
        with Image.open(tmp_path / f"{kind}.png") as drawing:
            assert np.asarray(drawing.convert("L")).min() < 250, "something is drawn"
    assert main(["report", "last", "--workspace", str(run.workspace.folder), "--out", str(tmp_path / "r.html")]) == 0
    for name in ("map.html", "heatmap.html", "r.html"):
        page = Page()
        page.feed((tmp_path / name).read_text(encoding="utf-8"))
        assert all(value.startswith("data:") for value in page.fetched)


def test_the_figures_of_an_evaluation_are_those_of_its_json(
    photos: Path, exported: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = exported("harbor-student")
    capsys.readouterr()
    assert main(["evaluate", str(folder), str(photos), "--json"]) == 0
    found = json.loads(capsys.readouterr().out, parse_constant=refuse_constant)
    assert all(math.isfinite(value) for value in found["recall_at"].values())
    assert found["recall_at"].keys() == {"1", "2", "4", "8"}
