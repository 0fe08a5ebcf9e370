"""A figure where there is none: without a query that counts, nothing is measured, and no seal is spent on it."""

from __future__ import annotations

import csv
import json
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import atlantis_dml
from atlantis_core.base.errors import SetupError
from atlantis_core.base.serialization import as_json, from_json
from atlantis_core.data.lookalikes import find_lookalikes
from atlantis_core.data.near_duplicates import LENGTH
from atlantis_core.data.reading import read_collection
from atlantis_core.data.sealed import SealedSplit
from atlantis_core.data.tasks import RetrievalTask, check_measurable, check_test_images
from atlantis_core.learning.attacks import Attack
from atlantis_core.learning.models.heads import Sphere
from atlantis_core.learning.robustness import compare_attacked
from atlantis_core.metrics import METRICS
from atlantis_core.metrics.measurement import average_measurements, mean_and_sd, measure_ranking
from atlantis_core.metrics.nmi import nmi
from atlantis_core.metrics.ranking import rank_images
from atlantis_core.records import Cell, Collection, Comparison, Decision, Goal, LabelledImage, Measurement
from atlantis_core.records.round import NO_TARGETED_QUERY, SealOpening
from atlantis_core.run.diagnosis import describe_unmeasured_goal
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.measurements import find_trial_session
from atlantis_core.run.seal import count_seen_images, list_earlier_openings, open_seal, read_opening_times
from atlantis_core.run.session import Session
from atlantis_core.store.workspace import Workspace
from atlantis_dml.cli.main import main
from atlantis_dml.views.measurements import show_test, show_trial_test

Capture = pytest.CaptureFixture[str]

MODEL = "harbor-student"
NAMES = ("ant", "bee", "cat", "dog")
QUICK = ["--backbone", "scratch", "--preset", "smoke", "--set", "steps=4", "--set", "classes_per_batch=3"]


def write_photos(folder: Path, test_label: Callable[[str], str] = str, tests: int = 4) -> Path:
    """Write noisy photos: of each class four to train on, two to validate, and `tests` with labels as written."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [("file_name", "label", "split", "camera")]
    parts = ["train"] * 4 + ["validation"] * 2 + ["test"] * tests
    for label, name in enumerate(NAMES):
        for number, part in enumerate(parts):
            draw = np.random.default_rng(100 * label + number)
            pixels = draw.integers(0, 200, (32, 32, 3)) + np.array([label * 13, 50 - label * 11, 20])
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / f"{label}-{number}.png")
            written = test_label(name) if part == "test" else name
            rows.append((f"{label}-{number}.png", written, part, "ab"[number % 2]))
    with (folder / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return folder


def image(number: int, label: str, split: Any = "validation", **facets: str) -> LabelledImage:
    return LabelledImage(f"{number:016x}", f"/photos/{number}.png", label, split, "both", facets)


def task(queries: str, gallery: str) -> RetrievalTask:
    """Return a task of one image a letter, its class; a letter of both is two images."""
    return RetrievalTask(
        tuple(image(number, label) for number, label in enumerate(queries)),
        tuple(image(100 + number, label) for number, label in enumerate(gallery)),
    )


def embeddings(count: int, seed: int = 0) -> Any:
    points = np.random.default_rng(seed).normal(size=(count, 4))
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)


def measure(some: RetrievalTask) -> Measurement:
    queries, gallery = embeddings(len(some.queries)), embeddings(len(some.gallery), 1)
    return measure_ranking(rank_images(some.queries, queries, some.gallery, gallery), some.queries)


def refused(words: Sequence[str], capsys: Capture) -> str:
    """Run a command that must end with exit code 2; return its one line, the same with and without --json."""
    assert main([*words, "--json"]) == 2
    told: str = json.loads(capsys.readouterr().out)["error"]
    assert main([*words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert told in captured.err
    return told


# Metrics


@pytest.mark.parametrize("some", [task("aa", "bb"), task("", "bb"), task("aa", ""), task("", "")])
def test_without_a_query_every_figure_is_null(some: RetrievalTask) -> None:
    found = as_json(measure(some))
    assert set(found["recall_at"].values()) == {None}
    assert [found[name] for name in METRICS] == [None] * len(METRICS)
    assert (found["queries"], found["left_out"]) == (0, len(some.queries))
    assert (found["per_class"], found["per_facet"]) == ({}, {})


def test_a_class_or_facet_value_without_a_query_has_no_row() -> None:
    queries = (image(0, "a", camera="x"), image(1, "b", camera="y"))
    found = measure(RetrievalTask(queries, (image(2, "a"), image(3, "c"))))
    assert list(found.per_class) == ["a"]
    assert list(found.per_facet["camera"]) == ["x"]
    assert (found.queries, found.left_out) == (1, 1)


def test_the_mean_over_seeds_of_no_figure_is_none() -> None:
    nothing = measure(task("aa", "bb"))
    assert average_measurements([nothing, nothing]) == nothing
    assert mean_and_sd([]) == mean_and_sd([None, None]) == mean_and_sd([0.5, None]) == {"mean": None, "sd": None}
    assert mean_and_sd([0.25, 0.75]) == {"mean": 0.5, "sd": pytest.approx(np.std([0.25, 0.75], ddof=1))}


def test_a_stored_measurement_of_no_query_loads_without_its_zeros() -> None:
    stored = {"recall_at": {"1": 0.0, "2": 0.0}, "map_at_r": 0.0, "r_precision": 0.0, "queries": 0, "left_out": 9}
    found = from_json(Measurement, stored | {"per_class": {}, "per_facet": {}})
    assert found.recall_at == {1: None, 2: None}
    assert found.scores == {"map_at_r": None, "r_precision": None}
    real = stored | {"queries": 4, "per_class": {}, "per_facet": {}}
    assert as_json(from_json(Measurement, real)) == real, "a measured 0 stays 0"


def test_an_attack_on_no_query_has_no_share_of_lost_ones() -> None:
    some = task("aa", "bb")
    pair = embeddings(2), embeddings(2, 1)
    found = compare_attacked(Sphere(), some, pair, pair[0], Attack("pgd"), "wrong").facts()
    assert found["flipped"] is None
    assert set(found["recall_at"].values()) == set(found["clean"]["recall_at"].values()) == {None}


def test_clusters_of_one_class_have_no_nmi() -> None:
    assert nmi(embeddings(6), np.zeros(6, np.int64), seed=0) is None


def test_a_round_without_a_query_in_its_cells_has_no_figure_on_them() -> None:
    overall = Comparison(0.5, 0.6, 0.1, 0.05, 0.15, 0.01, 40, 2)
    stored = as_json(Decision(True, "proven: +0.100 on the targeted cells", overall, overall, overall))
    assert from_json(Decision, stored).targeted == overall
    assert from_json(Decision, stored | {"reason": f"proven: +0.100 {NO_TARGETED_QUERY}"}).targeted is None


def test_printed_figures_are_a_dash_where_there_are_none(capsys: Capture) -> None:
    nothing = as_json(measure(task("aa", "bb")))
    of_run = {"frozen": nothing, "baseline": nothing, "final": nothing, "kept_nothing": True, "planted_gap": None}
    show_test(of_run)
    means = {"recall_at_1": mean_and_sd([None]), "map_at_r": mean_and_sd([None])}
    show_trial_test(
        {
            "frozen": nothing,
            "trials": [nothing | {"id": "t"}],
            "queries": 0,
            "gallery": None,
            "regime": "seen",
            **means,
        }
    )
    printed = capsys.readouterr().out
    assert "0.000" not in printed
    assert "Recall@1 - on 0 test queries" in printed


# Tasks


@pytest.mark.parametrize(
    ("some", "why"),
    [
        (task("aa", "bbc"), "queries are of 'a', the gallery of 'b', 'c'; they need a common class"),
        (task("0", "1"), "queries are of '0'"),
        (
            RetrievalTask((image(1, "a"),), (image(1, "a"), image(2, "b"))),
            "no class of the queries has another image",
        ),
        (RetrievalTask((image(1, "0.0"),), (image(2, "0"), image(3, "1"))), r"another spelling\? '0.0' and '0'"),
    ],
)
def test_a_task_that_measures_nothing_is_refused_with_a_reason(some: RetrievalTask, why: str) -> None:
    with pytest.raises(SetupError, match=why):
        check_measurable(some)


def test_a_task_with_one_query_that_counts_is_measured() -> None:
    check_measurable(task("abc", "ad"))
    check_measurable(RetrievalTask((image(1, "a"),), (image(1, "a"), image(2, "a"), image(3, "b"))))


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("0.0", "0"),
        ("4", "4.0"),
        ("007", "7"),
        ("-1.0", "-1"),
        ("2.50", "2.5"),
        ("Cat", "cat"),
        ("STRASSE", "straße"),
        ("red  car", "red car"),
        ("red_car", "Red-Car"),
        ("redcar", "red car"),
        (" cat ", "cat"),
        ("'cat'", "cat"),
        (unicodedata.normalize("NFD", "café"), "café"),
        ("ca\u200bt", "cat"),
        ("cat\u00a0food", "cat food"),
        ("\uff11", "1"),
    ],
)
def test_other_spellings_of_a_class_are_found(name: str, known: str) -> None:
    assert find_lookalikes([name, known], [known, "other"]) == {name: known}
    assert find_lookalikes([known], [name]) == {known: name}


def test_different_classes_do_not_look_alike() -> None:
    distinct = ["1", "10", "1.5", "-1", "11", "1-1", "A1", "A11", "cat", "cats", "", "00000000000000000001x"]
    distinct += ["12345678901234567890", "12345678901234567891"]
    for name in distinct:
        assert find_lookalikes([name], [other for other in distinct if other != name]) == {}
    assert find_lookalikes(["a", "A"], ["a", "A"]) == {}, "both are trained on: letters of two cases, say"


def collection_of(images: Sequence[LabelledImage]) -> Collection:
    return Collection("photos", "/photos", tuple(images), (), {}, (), True, 1)


@pytest.mark.parametrize(
    ("regime", "tested", "why"),
    [
        ("seen", ["0.0", "1.0"], "'0.0' and '0', '1.0' and '1'"),
        ("seen", ["0", "1.0"], "another spelling: '1.0' and '1'"),
        ("seen", ["x", "y"], "no test class has training images.*use --regime unseen"),
        ("unseen", ["0.0", "0.0", "2", "2"], "another spelling: '0.0' and '0'"),
        ("unseen", ["0", "0", "2", "2"], "not trained on, but 1 are, the first '0'"),
        ("unseen", ["2", "3"], "no class of the queries has another image"),
        ("unseen", ["2", "2"], "every retrieval is correct for any model"),
    ],
)
def test_test_classes_are_compared_with_training_classes(regime: Any, tested: list[str], why: str) -> None:
    train = [image(number, label, "train") for number, label in enumerate("0011")]
    images = [image(50 + number, label, "test") for number, label in enumerate(tested)]
    with pytest.raises(SetupError, match=why):
        check_test_images(collection_of(train), images, regime)


def test_test_classes_that_fit_are_not_refused() -> None:
    train = [image(number, label, "train") for number, label in enumerate("0011")]
    check_test_images(collection_of(train), [image(50, "1", "test"), image(51, "new", "test")])
    unseen = [image(50 + number, label, "test") for number, label in enumerate("2233")]
    check_test_images(collection_of(train), unseen, "unseen")


def test_a_rule_sees_no_file_of_a_sealed_split() -> None:
    seen: list[str] = []
    SealedSplit([image(1, "a", "test")], [bytes(LENGTH)]).check(lambda images: seen.extend(i.path for i in images))
    assert seen == [""]


# Commands


def test_evaluate_says_why_there_is_no_figure(tmp_path: Path, capsys: Capture) -> None:
    photos = str(write_photos(tmp_path / "photos"))
    words = ["evaluate", MODEL, photos, "--query", "label=ant", "--gallery"]
    assert "queries are of 'ant', the gallery of 'bee'" in refused([*words, "label=bee"], capsys)
    assert main([*words, "label=ant", "--json"]) == 0
    notes = json.loads(capsys.readouterr().out)["notes"]
    assert "the gallery has only images of 'ant', so every retrieval is correct for any model" in notes
    with pytest.raises(SetupError, match="no query has a positive"):
        atlantis_dml.evaluate(MODEL, photos, query=("label", "ant"), gallery=("label", "bee"))


@pytest.mark.parametrize("words", [["train", *QUICK], ["diagnose", "--frozen"], ["run", "--goal", "x", "--auto"]])
def test_nothing_is_trained_or_made_for_a_task_without_a_figure(
    words: list[str], tmp_path: Path, capsys: Capture
) -> None:
    photos = write_photos(tmp_path / "photos")
    told = refused([words[0], str(photos), *words[1:], "--query", "label=ant", "--gallery", "label=bee"], capsys)
    assert told.startswith("no query has a positive in the gallery, so there is no figure")
    assert not list(tmp_path.rglob("*.safetensors"))


def test_validation_classes_of_one_image_are_no_unseen_task(tmp_path: Path, capsys: Capture) -> None:
    photos = write_photos(tmp_path / "photos", tests=0)
    table = photos / "metadata.csv"
    lone = [f"{label}-{number}.png,new {label},validation,a" for label, number in ((0, 4), (1, 4))]
    rows = [row for row in table.read_text().splitlines() if "validation" not in row]
    table.write_text("\n".join([*rows, *lone]))
    assert "has another image in the gallery" in refused(
        ["evaluate", MODEL, str(photos), "--regime", "unseen"], capsys
    )


def test_one_query_has_figures_but_no_interval(tmp_path: Path, capsys: Capture) -> None:
    photos = write_photos(tmp_path / "photos")
    table = photos / "metadata.csv"
    table.write_text("".join(row for row in table.read_text().splitlines(True) if not row.startswith("0-5")))
    assert main(["evaluate", MODEL, str(photos), "--query", "label=ant", "--nmi", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["queries"], found["intervals"]) == (1, {})
    assert found["recall_at"]["1"] in {0, 1}
    assert found["notes"] == []
    assert main(["evaluate", MODEL, str(photos), "--query", "label=ant", "--at", "1,16,20", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["recall_at"]["16"], found["recall_at"]["20"]) == (1, 1)
    assert found["notes"] == ["R@16, R@20: 1 for any model, as the gallery has 16 images"]
    assert main(["evaluate", MODEL, str(photos), "--query", "label=ant"]) == 0


def test_facets_that_no_query_has_are_not_free_of_gaps(tmp_path: Path, capsys: Capture) -> None:
    photos = write_photos(tmp_path / "photos", tests=0)
    table = photos / "metadata.csv"
    table.write_text("\n".join(row[:-1] if "validation" in row else row for row in table.read_text().splitlines()))
    assert main(["diagnose", str(photos), "--frozen", "--backbone", MODEL]) == 0
    printed = capsys.readouterr().out
    assert "no query has a value of camera" in printed
    assert "No gaps" not in printed


def test_reading_says_that_a_test_split_cannot_be_tested(tmp_path: Path) -> None:
    notes = read_collection(write_photos(tmp_path / "photos", str.title)).notes
    (note,) = (note for note in notes if note.startswith("`atlantis test` will not open this test split"))
    assert "'Ant' and 'ant'" in note
    assert read_collection(write_photos(tmp_path / "photos")).notes == ()


def test_a_goal_in_whose_cells_no_query_is_says_so() -> None:
    goal, queries = Goal("ants at night", (Cell("ant", "light", "night"),)), [image(1, "ant", light="day")]
    assert "no gain can be measured on them" in describe_unmeasured_goal(goal, queries)
    assert describe_unmeasured_goal(goal, [*queries, image(2, "ant", light="night")]) == ""
    assert describe_unmeasured_goal(Goal("find more"), queries) == ""


# The seal


def train(photos: Path, capsys: Capture, *more: str) -> str:
    assert main(["train", str(photos), *QUICK, *more, "--json"]) == 0
    (trial,) = json.loads(capsys.readouterr().out)["trials"]
    return str(trial["id"])


def open_test(trial: str, capsys: Capture) -> tuple[dict[str, Any], str]:
    assert main(["test", trial, "--json"]) == 0
    captured = capsys.readouterr()
    return json.loads(captured.out), captured.err


def session_of(tmp_path: Path, trial: str) -> Session:
    workspace = Workspace(tmp_path / "workspace")
    session = find_trial_session(workspace, trial)
    assert session is not None
    return Session(workspace, trial, session.spec)


def recall_at_1(trial: str, photos: Path) -> float:
    """Compute Recall@1 of the test photos among the training photos from the embeddings alone."""
    queries, gallery = ([p for p in sorted(photos.glob("*.png")) if p.stem[2:] in s] for s in ("6789", "0123"))
    retriever = atlantis_dml.load_retriever(trial)
    nearest = (retriever.embed(queries) @ retriever.embed(gallery).T).argmax(axis=1)
    return float(np.mean([gallery[row].name[0] == one.name[0] for row, one in zip(nearest, queries, strict=True)]))


@pytest.mark.slow
def test_a_seal_is_not_spent_on_labels_of_another_spelling(tmp_path: Path, capsys: Capture) -> None:
    photos = write_photos(tmp_path / "photos", str.title)
    trial = train(photos, capsys)
    told = refused(["test", trial], capsys)
    assert "'Ant' and 'ant', 'Bee' and 'bee', 'Cat' and 'cat' (4 in all)" in told
    assert read_opening_times(session_of(tmp_path, trial)) == ()

    write_photos(photos)
    assert train(photos, capsys) == trial, "only labels of test photos changed"
    found, said = open_test(trial, capsys)
    assert "is open now, once and for all; this is recorded\n" in said
    assert found["queries"] == 16
    assert found["recall_at_1"]["mean"] == pytest.approx(recall_at_1(trial, photos))
    assert len(found["trials"][0]["opened"]) == 1
    assert found["trials"][0]["earlier"] == []


@pytest.mark.slow
def test_a_seal_that_was_opened_over_other_labels_opens_again_on_the_record(tmp_path: Path, capsys: Capture) -> None:
    photos = write_photos(tmp_path / "photos", str.title)
    trial = train(photos, capsys)
    session = session_of(tmp_path, trial)
    zeros = dict.fromkeys(("1", "2"), 0.0)
    nothing = {"recall_at": zeros, "map_at_r": 0.0, "r_precision": 0.0, "queries": 0, "left_out": 16}
    session.write(0, JournalKind.TEST, {"opened": [1.0], "trained": nothing, "frozen": nothing})  # as version 0.1 did
    session.write(0, JournalKind.SEAL_OPENING, SealOpening("test", (1.0,), session.loaded.sealed.address))
    assert "is not opened" in refused(["test", trial], capsys), (
        "still nothing to measure, and not 'the figures from then'"
    )

    write_photos(photos)
    assert train(photos, capsys) == trial
    found, said = open_test(trial, capsys)
    assert "over other labels, with 0 queries, so this is not a first look)" in said
    (row,) = found["trials"]
    assert (found["queries"], len(row["opened"]), row["opened"][0], row["earlier"][0]["time"]) == (16, 2, 1.0, 1.0)
    assert row["earlier"][0]["why"] == "over other labels, with 0 queries"
    assert found["recall_at_1"]["mean"] == pytest.approx(recall_at_1(trial, photos))
    again, said = open_test(trial, capsys)
    assert "these are the figures from then" in said
    assert again["trials"][0] | {"opened_before": False} == row


@pytest.mark.slow
def test_a_look_at_the_same_photos_is_told_after_photos_were_added(tmp_path: Path, capsys: Capture) -> None:
    photos = write_photos(tmp_path / "photos")
    first = train(photos, capsys)
    open_test(first, capsys)
    write_photos(photos, tests=5)
    second = train(photos, capsys, "--seed", "7")
    found, said = open_test(second, capsys)
    assert (found["opened_by"], found["seen_images"], found["images"]) == ([first], {first: 16}, 20)
    assert f"({first} opened 16 of its 20 images before, so this is not a first look)" in said

    assert train(photos, capsys) == first
    found, said = open_test(first, capsys)
    assert "over other images" in said
    assert (found["queries"], found["seen_images"]) == (20, {second: 20})


@pytest.mark.slow
def test_all_trials_are_checked_before_the_first_seal_is_opened(tmp_path: Path, capsys: Capture) -> None:
    photos = write_photos(tmp_path / "photos")
    first, second = train(photos, capsys), train(photos, capsys, "--seed", "7")
    (photos / "2-7.png").unlink()
    assert "1 of 16 test images are gone, the first" in refused(["test", first, second], capsys)
    write_photos(photos)
    for file in (tmp_path / "workspace" / "models" / second).iterdir():
        file.unlink()
    assert refused(["test", first, second], capsys)
    assert read_opening_times(session_of(tmp_path, first)) == ()


@pytest.mark.slow
def test_an_opening_that_was_cut_short_is_on_the_record(tmp_path: Path, capsys: Capture) -> None:
    trial = train(write_photos(tmp_path / "photos"), capsys)
    assert len(open_seal(session_of(tmp_path, trial))) == 16
    _, said = open_test(trial, capsys)
    assert "cut short before its figures were stored" in said
    session = session_of(tmp_path, trial)
    assert [one.why for one in list_earlier_openings(session)] == ["cut short before its figures were stored"]


@pytest.mark.slow
def test_an_opening_of_the_first_versions_is_found_by_its_collection(tmp_path: Path, capsys: Capture) -> None:
    photos = write_photos(tmp_path / "photos")
    first, second = train(photos, capsys), train(photos, capsys, "--seed", "7")
    old = session_of(tmp_path, first)
    old.write(0, JournalKind.SEAL_OPENING, SealOpening("test", (1.0,)))
    later = session_of(tmp_path, second)
    assert count_seen_images(later) == {first: 16}
    other = Session(later.workspace, "other", replace(later.spec))
    assert count_seen_images(other) == {first: 16}
