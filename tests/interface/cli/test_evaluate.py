"""`atlantis evaluate`, through the command itself, against slow loops over the embeddings of a trained model."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from atlantis_core.data.columns import values_of_column
from atlantis_core.data.file_listing import ReadOptions
from atlantis_core.data.reading import read_collection
from atlantis_core.learning.models.checkpoint import FACTS_NAME, WEIGHTS_NAME
from atlantis_core.metrics.intervals import wilson_interval
from atlantis_dml.cli.main import main
from tests.interface.measured import C, Trained, slow_rows, train

pytestmark = pytest.mark.slow  # a model is trained once for all


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train(tmp_path_factory.mktemp("trained"))


def evaluated(trained: Trained, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main(["evaluate", trained.model, str(trained.photos), "--workspace", str(trained.workspace), *words]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("words", "embedding", "distance", "hides"),
    [
        ([], "head", "hyperbolic", None),
        (["--distance", "euclidean"], "head", "euclidean", None),
        (["--distance", "cosine"], "head", "cosine", None),
        (["--embedding", "body"], "body", "cosine", None),
        (["--embedding", "body", "--distance", f"hyperbolic:{C}"], "body", "hyperbolic", None),
        (["--leave-out", "camera"], "head", "hyperbolic", ("camera", False)),
        (["--junk", "camera"], "head", "hyperbolic", ("camera", True)),
        (["--leave-out", "object"], "head", "hyperbolic", ("object", False)),
    ],
)
def test_every_figure_agrees_with_a_slow_loop(words, embedding, distance, hides, trained, capsys):
    found = evaluated(trained, capsys, *words, "--at", "3,1,7,3", "--json")
    task = trained.task()
    collection = read_collection(trained.photos).collection
    values = values_of_column(collection, ReadOptions(), hides[0]) if hides else {}

    def hidden(query, other) -> bool:
        shares = bool(hides) and values[query.id] == values[other.id]
        return shares and (not hides[1] or query.label == other.label)

    rows = slow_rows(task, trained.embeddings(embedding, task), distance, hidden)
    assert (found["queries"], found["left_out"]) == (len(rows), len(task.queries) - len(rows))
    assert found["embedding"] == embedding
    assert found["distance"] == (f"hyperbolic:{C}" if distance == "hyperbolic" else distance)
    figures = {f"recall {k}": [float(row["first"] < k) for row in rows] for k in (1, 3, 7)}
    figures |= {"map_at_r": [row["ap"] for row in rows], "r_precision": [row["rp"] for row in rows]}
    assert list(found["recall_at"]) == ["1", "3", "7"]
    drawn = np.random.default_rng(0).integers(0, len(rows), (2000, len(rows)))
    for name, of_queries in figures.items():
        k = name.removeprefix("recall ")
        value = found["recall_at"][k] if k != name else found[name]
        interval = found["intervals"]["recall_at"][k] if k != name else found["intervals"][name]
        assert value == interval["value"] == pytest.approx(sum(of_queries) / len(rows))
        means = [sum(of_queries[row] for row in sample) / len(rows) for sample in drawn.tolist()]
        assert (interval["low"], interval["high"]) == pytest.approx(tuple(np.quantile(means, (0.025, 0.975))))
    cells, classes = defaultdict(list), defaultdict(list)
    for row in rows:
        classes[row["image"].label].append(row["first"] == 0)
        cells[row["image"].label, "camera", row["image"].facets["camera"]].append(row["first"] == 0)
    listed = {(one["class"], one["facet"], one["value"]): one for one in found["per_cell"]}
    assert listed.keys() == cells.keys()
    for cell, hits in cells.items():
        own, expected = listed[cell], wilson_interval(sum(hits), len(hits))
        assert (own["recall_at_1"], own["queries"]) == (expected.value, len(hits))
        assert (own["low"], own["high"]) == (expected.low, expected.high)
    assert {name: one["value"] for name, one in found["per_class"].items()} == {
        name: sum(hits) / len(hits) for name, hits in classes.items()
    }


def changed(trained: Trained, folder: Path, head: float, **facts: float) -> Trained:
    """Copy the model with its head multiplied and facts of the head replaced."""
    source = checkpoint_of(trained)
    folder.mkdir()
    state = load_file(source / WEIGHTS_NAME)
    state["head.linear.weight"] = state["head.linear.weight"] * head
    save_file(state, folder / WEIGHTS_NAME)
    told = json.loads((source / FACTS_NAME).read_text())
    told["head"] |= facts
    (folder / FACTS_NAME).write_text(json.dumps(told))
    return dataclasses.replace(trained, model=str(folder))


def checkpoint_of(trained: Trained) -> Path:
    return trained.workspace / "models" / trained.model


def test_embeddings_at_the_border_of_the_ball_are_ranked_exactly(trained, tmp_path, capsys):
    border = changed(trained, tmp_path / "border", 1e6, clip_radius=1e9)
    task = border.task()
    queries, gallery = border.embeddings("head", task)
    assert (np.linalg.norm(np.concatenate([queries, gallery]), axis=1) * C**0.5).min() > 0.9989
    rows = slow_rows(task, (queries, gallery), "hyperbolic", lambda *_: False)
    found = evaluated(border, capsys, "--json")
    assert found["map_at_r"] == pytest.approx(sum(row["ap"] for row in rows) / len(rows))
    assert found["recall_at"]["1"] == pytest.approx(sum(row["first"] == 0 for row in rows) / len(rows))


@pytest.mark.parametrize("words", [["evaluate"], ["plot", "map"], ["plot", "heatmap"]])
def test_a_diverged_model_is_told_as_such(words, trained, tmp_path, capsys):
    broken = changed(trained, tmp_path / "broken", math.nan)
    out = [] if words == ["evaluate"] else ["--out", str(tmp_path / "p.svg")]
    assert main([*words, broken.model, str(broken.photos), *out, "--json"]) == 2
    assert "not finite; it diverged" in json.loads(capsys.readouterr().out)["error"]
    assert not (tmp_path / "p.svg").exists()


def test_the_question_changes_the_answer(trained, capsys):
    """Else the comparison above would show nothing."""
    kinds = (
        [],
        ["--distance", "euclidean"],
        ["--embedding", "body"],
        ["--leave-out", "camera"],
        ["--junk", "camera"],
    )
    assert len({evaluated(trained, capsys, *words, "--json")["map_at_r"] for words in kinds}) == len(kinds)


def test_queries_and_gallery_are_chosen_by_a_column_that_is_no_facet(trained, capsys):
    whole = evaluated(trained, capsys, "--json")
    for part in ("--query", "--gallery"):
        found = evaluated(trained, capsys, part, "object=0/3", "--json")
        assert (found["queries"], found["left_out"]) == ((1, 0) if part == "--query" else (7, 14))
    assert "object" not in whole["per_facet"]


def test_nmi_is_measured_when_asked_for_and_repeats(trained, capsys):
    plain, once, again = (evaluated(trained, capsys, *words, "--json") for words in ([], ["--nmi"], ["--nmi"]))
    assert "nmi" not in plain
    assert 0 <= once["nmi"] == again["nmi"] <= 1
    for one in (plain, once, again):
        one.pop("seconds"), one.pop("nmi", None)
    assert plain == once == again


def test_a_person_reads_intervals_rules_and_the_weakest_cells(trained, capsys):
    words = [
        "evaluate",
        trained.model,
        str(trained.photos),
        "--workspace",
        str(trained.workspace),
        "--junk",
        "camera",
    ]
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert "(head, hyperbolic:0.1)" in shown
    assert "Each query's gallery excludes images of its class with the same camera" in shown
    assert "95 % intervals: bootstrap over queries in brackets, Wilson in tables" in shown
    assert "weakest cells" in shown
    assert ", camera=" in shown


@pytest.mark.parametrize(
    ("words", "culprit"),
    [
        (["--at", "1,x"], "--at '1,x' is not a list of whole numbers"),
        (["--at", "0"], "--at '0'"),
        (["--at", ","], "--at ','"),
        (["--distance", "far"], "unknown distance 'far'; known: cosine, euclidean, hyperbolic"),
        (["--distance", "hyperbolic:x"], "write it like hyperbolic:0.1"),
        (["--distance", "hyperbolic:50"], "use a C below"),
        (["--embedding", "tail"], "head, body, not 'tail'"),
        (["--leave-out", "wheel"], "there is no metadata column 'wheel'; columns: 'camera', 'object'"),
        (["--junk", "label"], "there is no metadata column 'label'"),
    ],
)
def test_a_mistake_is_one_line(words, culprit, trained, capsys):
    asked = ["evaluate", trained.model, str(trained.photos), "--workspace", str(trained.workspace), *words, "--json"]
    assert main(asked) == 2
    answered = capsys.readouterr()
    assert culprit in json.loads(answered.out)["error"]
    assert "Traceback" not in answered.err


def test_a_column_that_follows_from_the_class_leaves_nothing_to_find(trained, tmp_path, capsys):
    photos = tmp_path / "photos"
    photos.mkdir()
    for path in trained.photos.glob("*.png"):
        shutil.copy(path, photos)
    lines = (trained.photos / "metadata.csv").read_text().splitlines()
    kinds = ["kind", *("warm" if line.split(",")[1] == "red" else "cold" for line in lines[1:])]
    (photos / "metadata.csv").write_text("\n".join(f"{line},{kind}" for line, kind in zip(lines, kinds, strict=True)))
    asked = ["evaluate", trained.model, str(photos), "--workspace", str(trained.workspace), "--leave-out", "kind"]
    assert main([*asked, "--json"]) == 2
    assert "all images of a class share its value" in json.loads(capsys.readouterr().out)["error"]


def test_a_model_without_head_has_no_head_embedding(trained, capsys):
    asked = ["evaluate", "harbor-student", str(trained.photos), "--embedding", "head", "--json"]
    assert main(asked) == 2
    assert "has no head" in json.loads(capsys.readouterr().out)["error"]
