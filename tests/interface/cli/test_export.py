"""`atlantis export`, `train --out` and the commands as functions of Python."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import atlantis_dml
from atlantis_core.base.errors import SetupError
from atlantis_core.base.serialization import as_json
from atlantis_core.exporting.evidence import collect_evidence
from atlantis_core.learning.inputs.activation_cache import ActivationCache
from atlantis_core.learning.inputs.pk_sampler import TrainingImage
from atlantis_core.learning.retriever import load_retriever
from atlantis_core.metrics import METRICS
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.round import read_final_arms
from atlantis_core.run.session import Session
from atlantis_dml.cli.main import main
from tests.atlantis_core.data.sample_images import coloured_noise
from tests.interface.conftest import HOSTILE, Fabricated

CLASSES = ("red", "green", "blue|`<b>`")
SMALL = ["--preset", "smoke", "--set", "steps=2", "--set", "classes_per_batch=3"]
QUICK = ["--backbone", "scratch", *SMALL]
README = Path(__file__).resolve().parents[3] / "README.md"


class Trained:
    """A workspace with one training on real images, exported."""

    def __init__(self, folder: Path, *settings: str, backbone: str = "scratch") -> None:
        self.workspace, self.out = folder / "w", folder / "out"
        self.photos = coloured_noise(folder / "photos", CLASSES)
        words = ["train", str(self.photos), "--backbone", backbone, *SMALL, *settings, "--out", str(self.out)]
        assert main([*words, "--workspace", str(self.workspace)]) == 0

    @property
    def checkpoint(self) -> Path:
        (folder,) = (self.workspace / "models").iterdir()
        return folder

    def pictures(self) -> list[Path]:
        return sorted(self.photos.glob("*/*.png"))

    def export(self, model: str, folder: Path, *more: str) -> int:
        return main(["export", model, str(folder), *more, "--workspace", str(self.workspace)])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return Trained(tmp_path_factory.mktemp("trained"))


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_is_exported_embeds_bit_for_bit_wherever_it_goes(trained: Trained, tmp_path: Path) -> None:
    moved = shutil.copytree(trained.out, tmp_path / "elsewhere")
    wanted = load_retriever(trained.checkpoint).embed(trained.pictures())
    assert np.array_equal(load_retriever(moved).embed(trained.pictures()), wanted)
    assert np.array_equal(atlantis_dml.load_retriever(moved / "model.safetensors").embed(trained.pictures()), wanted)


def test_its_activations_are_cached_under_an_address_of_their_own(tmp_path: Path) -> None:
    """The exported facts name no file outside, so the trunk is addressed by the exported file."""
    vit = load_retriever("harbor-student")
    found = Trained(tmp_path, backbone="harbor-student")
    model = load_retriever(found.out)
    images = [TrainingImage(str(n), str(path), "x") for n, path in enumerate(found.pictures()[:4])]
    cache = ActivationCache(tmp_path / "cache")
    vit.embed_cached(images, cache)
    near = model.embed_cached(images, cache)
    np.testing.assert_allclose(near, model.embed([image.path for image in images]), atol=2e-3)
    assert model.backbone.weights_path == str(found.out / "model.safetensors")


def test_nothing_of_this_machine_and_no_class_name_is_in_it(trained: Trained) -> None:
    written = files(trained.out)
    assert written.keys() == {"README.md", "config.json", "model.json", "model.safetensors"}
    for name in ("README.md", "config.json", "model.json"):
        text = written[name].decode()
        assert str(trained.photos.parent) not in text
        assert "<b>" not in text
    card = written["README.md"].decode()
    assert "Measured on 6 validation queries" in card
    assert re.search(r"^\| this model \| \d\.\d{3} \| \d\.\d{3} to \d\.\d{3} \|", card, re.MULTILINE)
    assert "| frozen |" in card


def test_the_same_again_is_the_same_by_id_and_by_path(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert trained.export(trained.checkpoint.name[:8], tmp_path / "by-id", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert {row["name"] for row in found["figures"]} == {"this model", "frozen"}
    assert all(row.keys() == {"name", "recall_at", "recall_at_1", *METRICS} for row in found["figures"])
    assert found["onnx"] is None
    assert trained.export(str(trained.checkpoint), tmp_path / "by-path") == 0
    assert files(tmp_path / "by-id") == files(trained.out) == files(tmp_path / "by-path")
    assert trained.export(str(trained.out), tmp_path / "once more") == 0
    again, first = files(tmp_path / "once more"), files(trained.out)
    assert again["model.json"] == first["model.json"]
    assert again["model.safetensors"] == first["model.safetensors"]
    shown = capsys.readouterr().out
    assert "no figures" in shown
    assert f"next: atlantis evaluate '{tmp_path / 'once more'}' DATA --workspace {trained.workspace}" in shown


def test_a_model_without_a_head_is_exported_too(trained: Trained, tmp_path: Path) -> None:
    assert trained.export("harbor-student", tmp_path / "plain") == 0
    wanted = load_retriever("harbor-student").embed(trained.pictures()[:3])
    assert np.array_equal(load_retriever(tmp_path / "plain").embed(trained.pictures()[:3]), wanted)
    assert "None are known here" in (tmp_path / "plain" / "README.md").read_text()


@pytest.mark.slow
def test_the_card_says_how_to_use_the_graph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = Trained(tmp_path, "--set", "head=hyperbolic", "--set", "loss=hyperbolic_pairs")
    capsys.readouterr()
    assert found.export(found.checkpoint.name, tmp_path / "graph", "--onnx", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["distance"] == "hyperbolic"
    assert told["onnx"]["checked"]
    assert told["onnx"]["pictures"] == 6
    assert told["onnx"]["largest_difference"] <= 1e-4
    (code,) = re.findall(
        r"## Without torch\n```python\n(.*?)```", (tmp_path / "graph/README.md").read_text(), re.DOTALL
    )
    monkeypatch.chdir(tmp_path / "graph")
    shutil.copy(found.pictures()[0], "a.jpg")
    said: dict[str, Any] = {}
    exec(code, said)
    wanted = load_retriever(found.checkpoint).embed(["a.jpg"])
    np.testing.assert_allclose(said["embeddings"], wanted, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("model", "folder", "culprit"),
    [
        ("{id}", "taken", "already exists"),
        ("{id}", "file", "already exists"),
        ("{id}", "link", "already exists"),
        ("{id}", "file/inside", "cannot be written"),
        ("", "new", "MODEL is empty"),
        ("nothing-of-the-kind", "new", "unknown backbone"),
        ("scratch", "new", "its weights are random"),
        ("last", "new", "no run 'last'"),
        ("{damaged}", "new", "lacks architecture"),
    ],
)
def test_mistakes_are_a_line_and_nothing_is_lost(
    model: str, folder: str, culprit: str, trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "notes.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    shutil.copytree(trained.out, tmp_path / "damaged")
    (tmp_path / "damaged" / "model.json").write_text("{}")
    before = sorted(tmp_path.rglob("*"))
    named = model.format(id=trained.checkpoint.name, damaged=tmp_path / "damaged")
    assert trained.export(named, tmp_path / folder, "--json") == 2
    answered = capsys.readouterr()
    assert culprit in answered.err
    assert culprit in json.loads(answered.out)["error"]
    assert len(answered.err.strip().splitlines()) == 1
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "taken" / "notes.txt").read_text() == "mine"


def test_a_destination_that_is_taken_is_told_before_the_training(
    trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", str(trained.photos), *QUICK, "--seed", "7", "--out", str(trained.out)]
    assert main([*words, "--workspace", str(trained.workspace)]) == 2
    assert "already exists" in capsys.readouterr().err
    assert len(list((trained.workspace / "models").iterdir())) == 1


def test_a_missing_extra_names_what_to_install(trained: Trained, tmp_path: Path) -> None:
    code = "import sys; sys.modules['onnxscript'] = None; from atlantis_dml.cli import main; main.run_as_program()"
    words = ["export", str(trained.out), str(tmp_path / "new"), "--onnx"]
    done = subprocess.run([sys.executable, "-P", "-c", code, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "--onnx needs onnxscript, which is not installed: pip install 'atlantis-dml[onnx]'\n"
    assert not (tmp_path / "new").exists()


def test_python_returns_what_the_commands_print(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--workspace", str(trained.workspace), "--json"]
    assert main(["train", str(trained.photos), *QUICK, *where]) == 0
    printed = json.loads(capsys.readouterr().out)
    settings = {"steps": 2, "classes_per_batch": 3}
    found = atlantis_dml.train(
        trained.photos, preset="smoke", settings=settings, backbone="scratch", workspace=trained.workspace
    )
    assert json.loads(json.dumps(found)) == printed
    model = found["trials"][0]["id"]
    assert main(["evaluate", model, str(trained.photos), "--at", "1,5", *where]) == 0
    printed = json.loads(capsys.readouterr().out)
    measured = atlantis_dml.evaluate(model, trained.photos, at=(1, 5), workspace=trained.workspace)
    assert json.loads(json.dumps(measured)) | {"seconds": 0} == printed | {"seconds": 0}
    attacked = atlantis_dml.evaluate(model, trained.photos, attack="fgsm", epsilon=8, workspace=trained.workspace)
    assert attacked["robust"]["epsilon"] == 8
    exported = atlantis_dml.export(model, tmp_path / "new", workspace=trained.workspace)
    assert files(tmp_path / "new") == files(trained.out)
    assert exported["model"] == model


def test_arrays_are_filtered_like_files(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    labels = np.repeat([0, 1], 12)
    real = np.eye(2, 6)[labels] + 0.1 * draw.standard_normal((24, 6))
    made = real[[0, 12, 13]]
    np.savez(tmp_path / "real.npz", embeddings=real.astype(np.float32), labels=labels)
    np.savez(tmp_path / "made.npz", embeddings=made.astype(np.float32), labels=np.array([0, 1, 0]))
    found = atlantis_dml.filter_embeddings((real.tolist(), labels.tolist()), (made, [0, 1, 0]))
    assert found == atlantis_dml.filter_embeddings(tmp_path / "real.npz", str(tmp_path / "made.npz"))
    assert found["kept"] == [0, 1]


@pytest.mark.parametrize(
    ("real", "culprit"),
    [
        (3, "real takes .*tuple"),
        (([[1.0], [2.0, 3.0]], [0, 1]), "must be"),
        (([[1.0, 2.0]], [0, 1]), "'real' contains"),
        (([[1.0, float("nan")]], [0]), "contains NaN"),
        (([[1.0, 2.0]], ["tug"]), "use the same in both"),
        (([[1.0, 2.0]], [0.5]), "labels integers or strings"),
    ],
)
def test_what_cannot_be_filtered_is_said(real: Any, culprit: str) -> None:
    with pytest.raises(SetupError, match=culprit):
        atlantis_dml.filter_embeddings(real, ([[1.0, 2.0]], [0]))


def test_a_runs_model_is_told_beside_its_baseline(fabricated: Fabricated) -> None:
    session = Session(fabricated.workspace, fabricated.run_id, fabricated.workspace.runs.get(fabricated.run_id).spec)
    arms = read_final_arms(session)
    found = collect_evidence(session, arms["incumbent"][0])
    assert found is not None
    assert [row.name for row in found.figures] == ["this model", "baseline", "frozen"]
    assert [row.recall_at_1.value for row in found.figures[:2]] == [pytest.approx(20 / 24), pytest.approx(12 / 24)]
    assert (found.real, found.synthetic, found.classes, found.queries) == (12, 0, 2, 24)
    assert found.judged
    assert found.test is None
    alone = collect_evidence(session, arms["baseline"][0])
    assert alone is not None
    assert [row.name for row in alone.figures] == ["this model", "frozen"]
    one = {"recall_at": {"1": 0.5}, "map_at_r": 0.2, "r_precision": 0.3, "queries": 9, "per_class": {HOSTILE: 1}}
    session.write(0, JournalKind.TEST, {"frozen": one, "baseline": one, "final": one})
    opened = collect_evidence(session, arms["incumbent"][0])
    assert opened is not None
    assert HOSTILE not in json.dumps(as_json(opened))
    assert opened.test is not None
    assert opened.test["final"]["queries"] == 9
    of_baseline = collect_evidence(session, arms["baseline"][0])
    assert of_baseline is not None
    assert of_baseline.test is None, "the test split was opened for the final model, which this one is not"


def test_weights_that_are_gone_leave_the_model_to_be_told(fabricated: Fabricated) -> None:
    spec = replace(fabricated.workspace.runs.get(fabricated.run_id).spec, weights="/home/someone/gone.safetensors")
    session = Session(fabricated.workspace, fabricated.run_id, spec)
    found = collect_evidence(session, read_final_arms(session)["incumbent"][0])
    assert found is not None
    assert [row.name for row in found.figures] == ["this model", "baseline"]
    (reason,) = found.missing
    assert "someone" not in reason


def test_figures_of_some_queries_are_said_to_be_and_give_way_to_those_of_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ["--workspace", str(tmp_path / "w"), "--json"]
    photos = coloured_noise(tmp_path / "photos", CLASSES)
    pictures = sorted(photos.glob("*/*.png"))
    rows = [f"{path.relative_to(photos)},class {path.parent.name},{int(path.stem) % 2}" for path in pictures]
    (photos / "metadata.csv").write_text("\n".join(["file_name,label,side", *rows]))
    told = {}
    for pick in (["--query", "side=0"], []):
        assert main(["train", str(photos), *QUICK, *pick, *place]) == 0
        (trial,) = json.loads(capsys.readouterr().out)["trials"]
        out = tmp_path / f"out{len(pick)}"
        assert main(["export", trial["id"], str(out), *place]) == 0
        told[len(pick)] = json.loads(capsys.readouterr().out)
    assert told[2]["restricted"] == ["queries"]
    assert "Of the queries only those" in (tmp_path / "out2" / "README.md").read_text()
    assert told[0]["restricted"] == []
    assert told[0]["figures"][0]["recall_at_1"]["count"] > told[2]["figures"][0]["recall_at_1"]["count"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("architecture", ["x"]),
        ("architecture", "../x"),
        ("arguments", 3),
        ("input_px", "abc"),
        ("input_px", -3),
        ("input_px", 10**9),
        ("mean", [1]),
        ("std", [1, 2, float("nan")]),
        ("report", 3),
        ("recipe", 7),
        ("recipe", {"trainable_fraction": float("nan")}),
        ("head", {"kind": "evil"}),
        ("head", []),
        ("backbone", {}),
    ],
)
def test_a_strangers_description_is_a_line_at_worst(
    field: str, value: object, trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(trained.out, tmp_path / "odd")
    facts = json.loads((tmp_path / "odd" / "model.json").read_text()) | {field: value}
    (tmp_path / "odd" / "model.json").write_text(json.dumps(facts))
    assert trained.export(str(tmp_path / "odd"), tmp_path / "new") == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
def test_the_example_of_the_readme_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = (
        block for block in re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL) if ".train(" in block
    )
    monkeypatch.chdir(tmp_path)
    coloured_noise(tmp_path / "photos", CLASSES)
    said: dict[str, Any] = {}
    exec(
        code.replace('preset="full"', 'preset="smoke", backbone="scratch"').replace('"steps": 300', '"steps": 2'),
        said,
    )
    assert (tmp_path / "my-retriever" / "model.onnx").is_file()
    assert 0 <= said["recall"] <= 1
