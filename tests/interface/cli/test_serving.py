"""`--serving` of evaluate, index and search, through the commands themselves, on a trained model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import atlantis_dml
from atlantis_dml.cli.main import main
from tests.interface.measured import Trained, train_photos

pytestmark = pytest.mark.slow  # a model is trained once for all


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train_photos(tmp_path_factory.mktemp("trained"))


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unsorted photos of the same look."""
    folder, draw = tmp_path_factory.mktemp("pool"), np.random.default_rng(7)
    for number in range(12):
        pixels = draw.integers(0, 90, (40, 48, 3)) + draw.integers(0, 120, 3)
        pixels[..., number % 3] += 40
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def ask(trained: Trained, capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    """Run a command and return its JSON."""

    def asked(*words: str) -> dict[str, Any]:
        capsys.readouterr()
        assert main([*words, "--workspace", str(trained.workspace), "--json"]) == 0
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found

    return asked


def _csls_recall(trained: Trained, pool: Path, k: int) -> float:
    """Return Recall@1 of class means with CSLS, by direct numpy."""
    from atlantis_dml.app.find_model import find_retriever

    task, paths = trained.task(), sorted(pool.iterdir())
    queries, gallery = trained.embeddings(None, task)
    others = find_retriever(trained.model, trained.workspace).embed(paths)
    labels = np.array([image.label for image in task.gallery])
    names = sorted(set(labels))
    means = np.array([gallery[labels == name].mean(axis=0) for name in names])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    hubs = np.sort(means @ others.T, axis=1)[:, -k:].mean(axis=1)
    found = (2 * queries @ means.T - hubs).argmax(axis=1)
    return float(np.mean([names[row] == image.label for row, image in zip(found, task.queries, strict=True)]))


def test_evaluate_measures_a_serving_fitted_on_a_pool(trained, pool, ask) -> None:
    words = ["evaluate", trained.model, str(trained.photos), "--serving", "csls:k=4+prototypes"]
    found = ask(*words, "--pool", str(pool))
    assert found["recall_at"]["1"] == pytest.approx(_csls_recall(trained, pool, 4))
    assert (found["serving"], found["pool"]) == ("prototypes+csls:k=4", str(pool))
    assert any("3 entries were ranked in place of 21 photos" in line for line in found["notes"])


def test_what_is_shown_names_the_serving(trained, pool, capsys) -> None:
    words = ["evaluate", trained.model, str(trained.photos), "--workspace", str(trained.workspace)]
    assert main([*words, "--serving", "csls", "--pool", str(pool)]) == 0
    assert "Searched with the serving csls, fitted on the photos of" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--serving", "hubs"], "unknown serving 'hubs'"),
        (["--serving", "csls", "--distance", "euclidean"], "leave out --serving csls"),
        (["--serving", "prototypes", "--leave-out", "camera"], "--leave-out is measured with the nearest photo only"),
        (["--serving", "csls", "--attack", "fgsm"], "--attack is measured with the nearest photo only"),
        (["--serving", "centring:facet=style"], "no gallery photo has the facet 'style'; facets: camera"),
        (["--pool", "."], "has no effect without --serving"),
        (["--pool", ".", "--serving", "prototypes"], "has no effect with --serving prototypes"),
        (["--serving", "csls", "--pool", "/nowhere"], "pool folder '/nowhere' does not exist"),
        (["--serving", "spread"], "training photos all have labels"),
    ],
)
def test_a_serving_that_cannot_be_measured_is_refused_in_one_line(words, message, trained, capsys) -> None:
    given = ["evaluate", trained.model, str(trained.photos), "--workspace", str(trained.workspace), *words]
    assert main(given) == 2
    told = capsys.readouterr().err
    assert message in " ".join(told.split())
    assert "Traceback" not in told


@pytest.mark.parametrize(
    "serving", ["csls:k=4+prototypes", "csls:k=3", "local_scaling", "rerank:k1=5,k2=2", "spread", "query_expansion"]
)
def test_search_finds_first_what_evaluate_measures(serving, trained, pool, ask) -> None:
    """The class of the first hit of every validation image is the one that evaluate counts."""
    parts = {part.partition(":")[0] for part in serving.split("+")}
    fitted = ["--pool", str(pool)] if parts & {"csls", "local_scaling", "spread"} else []
    name = serving.partition(":")[0].replace("_", "-")
    words = [trained.model, str(trained.photos), "--serving", serving, *fitted]
    indexed = ask("index", *words, "--name", name, "--split", "train")
    assert (indexed["serving"], indexed["recall_at_10"]) == (ask("evaluate", *words)["serving"], 1.0)
    opened = atlantis_dml.open_index(name, trained.workspace)
    queries = trained.task().queries
    right = [opened.search(image.path, top=1)[0].label == image.label for image in queries]
    opened.close()
    assert np.mean(right) == pytest.approx(ask("evaluate", *words)["recall_at"]["1"])


def test_a_class_is_shown_by_its_nearest_image_that_the_filter_allows(trained, pool, ask) -> None:
    words = ["index", trained.model, str(trained.photos), "--name", "means", "--serving", "prototypes"]
    ask(*words, "--split", "train")
    image = next(image for image in trained.task().queries)
    asked = ["search", "means", image.path]
    found = ask(*asked)["results"]
    assert len({hit["label"] for hit in found}) == len(found) == 3
    distances = [hit["distance"] for hit in found]
    assert distances == sorted(distances)
    assert {hit["facets"]["camera"] for hit in ask(*asked, "--where", "camera=b")["results"]} == {"b"}
    again = ask("index", trained.model, str(trained.photos), "--name", "means", "--split", "train")
    assert (again["serving"], again["added"]) == ("prototypes", 0)
    plain = ask("index", trained.model, str(trained.photos), "--name", "means", "--split", "train", "--serving", "")
    assert plain["serving"] is None
    assert len(ask(*asked)["results"]) == 10
    ask("unindex", "means", "--everything")
    assert not (trained.workspace / "index" / "means").exists()


def test_an_index_without_its_serving_file_says_what_to_do(trained, pool, ask, capsys) -> None:
    words = ["index", trained.model, str(trained.photos), "--name", "lost", "--split", "train"]
    ask(*words, "--serving", "csls", "--pool", str(pool))
    (trained.workspace / "index" / "lost" / "serving.npz").write_bytes(b"PK")
    image = trained.task().queries[0]
    assert main(["search", "lost", image.path, "--workspace", str(trained.workspace)]) == 2
    assert "does not contain a serving" in capsys.readouterr().err


def test_an_export_has_its_serving_and_is_searched_by_it(trained, tmp_path, ask) -> None:
    """The serving of a run's final model: fitted on training photos, whose class names are not published."""
    from atlantis_core.exporting.model_export import ExportedModel, export_model
    from atlantis_core.run.measurements import find_trial_session, find_trials, measure_trial
    from atlantis_core.store.workspace import Workspace

    session = find_trial_session(Workspace(trained.workspace), trained.model)
    assert session is not None
    (trial,) = find_trials(session, [trained.model])
    served = measure_trial(session, trial, "prototypes+csls:k=3")
    assert served is not None
    model = ExportedModel(trial.path, trial.id, serving="prototypes+csls:k=3")
    found = export_model(model, tmp_path / "out", session)
    assert found["figures"][0]["recall_at"]["1"] == served[0].recall_at[1]
    assert {file["name"] for file in found["files"]} >= {"serving.npz", "model.safetensors", "README.md"}
    card = (tmp_path / "out" / "README.md").read_text("utf-8")
    assert "The figures below are of the serving `prototypes+csls:k=3`" in card
    assert b"green" not in (tmp_path / "out" / "serving.npz").read_bytes()
    indexed = ask("index", str(tmp_path / "out"), str(trained.photos), "--name", "exported", "--split", "train")
    assert indexed["serving"] == "prototypes+csls:k=3"
    opened = atlantis_dml.open_index("exported", trained.workspace)
    returned = [opened.search(image.path, top=1)[0].label for image in session.task.queries]
    opened.close()
    assert returned == list(served[1].returned)


def test_photos_that_a_run_added_to_the_gallery_are_exported_and_indexed(trained, tmp_path, ask) -> None:
    """A photo that only the run's gallery has is found by search, from an index of the export."""
    from atlantis_core.exporting.model_export import ExportedModel, export_model
    from atlantis_core.records import Candidate, Cell
    from atlantis_core.run.gallery import add_photos, to_gallery_photos
    from atlantis_core.run.measurements import find_trial_session, find_trials
    from atlantis_core.store.workspace import Workspace

    store = Workspace(trained.workspace)
    session = find_trial_session(store, trained.model)
    assert session is not None
    (trial,) = find_trials(session, [trained.model])
    path = store.objects / "fe" / "added.png"
    path.parent.mkdir(exist_ok=True)
    Image.new("RGB", (40, 48), (250, 10, 200)).save(path)
    cell = Cell("magenta")
    added = Candidate("fe" * 16, str(path), "", cell, "an object", "", "cut_paste", {}, 0, "protocol", 1, 0.0)
    store.candidates.add(added)
    serving = add_photos(session, "prototypes", to_gallery_photos([added]))
    found = export_model(ExportedModel(trial.path, trial.id, serving=serving), tmp_path / "out", session)
    assert found["gallery_photos"] == 1
    assert "1 photo that the run added to the gallery" in (tmp_path / "out" / "README.md").read_text("utf-8")
    words = ["index", str(tmp_path / "out"), str(trained.photos), "--name", "with-added", "--split", "train"]
    assert ask(*words)["added"] == len(trained.task().gallery) + 1
    (first, *_) = ask("search", "with-added", str(path))["results"]
    assert (first["label"], first["distance"]) == ("magenta", pytest.approx(0, abs=1e-5))
    assert ask(*words)["added"] == 0
