"""Leave-out rules, cells and intervals against slow loops; robust figures of a real model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from atlantis_core.base.errors import SetupError
from atlantis_core.data.tasks import RetrievalTask
from atlantis_core.learning.attacks import Attack
from atlantis_core.learning.models.backbones import resolve_backbone
from atlantis_core.learning.retriever import Retriever, frozen_retriever
from atlantis_core.learning.robustness import measure_robustness
from atlantis_core.metrics.exclusions import exclude_by_column
from atlantis_core.metrics.intervals import bootstrap_means
from atlantis_core.metrics.measurement import recall_by_cell
from atlantis_core.metrics.ranking import NO_HIT, Ranking, rank_images
from atlantis_core.records import LabelledImage
from atlantis_core.workflows.evaluate import EvaluationRequest, evaluate_model


def image(number: int, label: str, **facets: str) -> LabelledImage:
    return LabelledImage(f"id{number}", f"{number}.png", label, "train", "both", facets)


@pytest.fixture
def drawn() -> tuple[list[LabelledImage], np.ndarray]:
    """Sixty images of five classes, three visits and two lights, on the sphere."""
    draw = np.random.default_rng(4)
    images = [
        image(n, f"class{draw.integers(5)}", visit=f"v{draw.integers(3)}", light=f"l{draw.integers(2)}")
        for n in range(60)
    ]
    points = draw.normal(size=(60, 6)).astype(np.float32)
    return images, points / np.linalg.norm(points, axis=1, keepdims=True)


def rank_leaving_out(
    queries: list[LabelledImage],
    query_points: np.ndarray,
    gallery: list[LabelledImage],
    gallery_points: np.ndarray,
    column: str,
) -> Ranking:
    rule = exclude_by_column(queries, gallery, column)
    return rank_images(queries, query_points, gallery, gallery_points, ignoring=[rule])


def test_leaving_out_is_what_a_slow_loop_says(drawn: tuple[list[LabelledImage], np.ndarray]) -> None:
    images, points = drawn
    found = rank_leaving_out(images, points, images, points, "visit")
    for row, query in enumerate(images):
        others = [c for c, i in enumerate(images) if i.id != query.id and i.facets["visit"] != query.facets["visit"]]
        order = sorted(others, key=lambda c: -float(points[row] @ points[c]))
        hits = [images[c].label == query.label for c in order]
        assert found.positives[row] == sum(hits)
        assert found.nearest[row] == order[0]
        assert found.first_hit[row] == (hits.index(True) if any(hits) else NO_HIT)
        partners = sum(hits)
        if partners:
            precisions = [sum(hits[: k + 1]) / (k + 1) for k in range(partners) if hits[k]]
            assert found.ap_at_r[row] == pytest.approx(sum(precisions) / partners)
            assert found.r_precision[row] == pytest.approx(sum(hits[:partners]) / partners)


def test_a_query_without_a_value_searches_everything(drawn: tuple[list[LabelledImage], np.ndarray]) -> None:
    images, points = drawn
    asked = [image(100, "class1"), images[0]]
    found = rank_leaving_out(asked, points[:2], images[2:], points[2:], "visit")
    whole = rank_images(asked[:1], points[:1], images[2:], points[2:])
    assert found.nearest[0] == whole.nearest[0]
    assert found.positives[0] == whole.positives[0]
    with pytest.raises(SetupError, match=r"'camera', which no query has; facets: light, visit"):
        rank_leaving_out(images, points, images, points, "camera")


def test_a_value_that_the_whole_gallery_shares_leaves_nothing() -> None:
    asked, searched = [image(1, "a", visit="v")], [image(2, "a", visit="v"), image(3, "b", visit="v")]
    points = np.eye(3, dtype=np.float32)
    found = rank_leaving_out(asked, points[:1], searched, points[1:], "visit")
    assert (found.positives[0], found.nearest[0], found.num_left_out) == (0, -1, 1)


def test_cells_are_what_a_slow_loop_says(drawn: tuple[list[LabelledImage], np.ndarray]) -> None:
    images, points = drawn
    ranking = rank_images(images, points, images, points)
    cells = recall_by_cell(ranking, images)
    assert set(cells) == {(i.label, name, value) for i in images for name, value in i.facets.items()}
    for (label, facet, value), found in cells.items():
        rows = [r for r, i in enumerate(images) if i.label == label and i.facets[facet] == value]
        assert found.count == len(rows)
        assert found.value == pytest.approx(np.mean([ranking.first_hit[r] == 0 for r in rows]))


def test_columns_are_resampled_together() -> None:
    values = np.random.default_rng(0).normal(size=(40, 3))
    intervals = bootstrap_means(values, seed=5, rounds=300)
    draw = np.random.default_rng(5)
    rows = [draw.integers(0, 40, 40) for _ in range(300)]
    for column, found in enumerate(intervals):
        means = sorted(np.mean([values[r, column] for r in row]) for row in rows)
        assert found.value == pytest.approx(values[:, column].mean())
        assert (found.low, found.high) == pytest.approx(tuple(np.quantile(means, (0.025, 0.975))))
        assert found.count == 40
    with pytest.raises(ValueError, match="no values"):
        bootstrap_means(np.zeros((0, 2)), 0)


@pytest.fixture(scope="module")
def retriever() -> Retriever:
    return frozen_retriever(resolve_backbone("scratch"))


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> RetrievalTask:
    """Three classes of coloured stripes, six pictures each, in two visits."""
    folder, draw = tmp_path_factory.mktemp("pictures"), np.random.default_rng(1)
    images = []
    for number in range(18):
        pixels = draw.integers(0, 60, (64, 64, 3))
        pixels[:: 2 + number % 3, :, number % 3] += 150
        path = folder / f"{number}.png"
        Image.fromarray(pixels.astype(np.uint8)).save(path)
        facets = {"visit": f"v{number // 9}"}
        images.append(LabelledImage(f"id{number}", str(path), f"class{number % 3}", "train", "both", facets))
    return RetrievalTask(tuple(images[9:]), tuple(images))


def test_every_question_has_its_answer(retriever: Retriever, task: RetrievalTask) -> None:
    found = evaluate_model(retriever, task, EvaluationRequest(at=(1, 3), nmi=True))
    assert found["recall_at"].keys() == {"1", "3"} == found["intervals"]["recall_at"].keys()
    for k in ("1", "3"):
        interval = found["intervals"]["recall_at"][k]
        assert interval["value"] == pytest.approx(found["recall_at"][k])
        assert interval["low"] <= interval["value"] <= interval["high"]
    assert found["intervals"]["map_at_r"]["value"] == pytest.approx(found["map_at_r"])
    assert found["intervals"]["r_precision"]["value"] == pytest.approx(found["r_precision"])
    assert [cell["facet"] for cell in found["per_cell"]] == ["visit"] * 3
    assert 0 <= found["nmi"] <= 1
    assert (found["distance"], found["left_out_by"]) == ("cosine", None)
    assert "robust" not in found
    euclidean = evaluate_model(retriever, task, EvaluationRequest(distance="euclidean"))
    assert euclidean["recall_at"]["1"] == found["recall_at"]["1"]
    assert evaluate_model(retriever, task, EvaluationRequest(leave_out="visit"))["left_out_by"] == "visit"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"distance": "manhattan"}, "manhattan"),
        ({"distance": "hyperbolic:4"}, "does not fit: embeddings"),
        ({"leave_out": "camera"}, "camera"),
    ],
)
def test_questions_that_have_no_answer_are_told(
    wrong: dict[str, str], words: str, retriever: Retriever, task: RetrievalTask
) -> None:
    with pytest.raises(SetupError, match=words):
        evaluate_model(retriever, task, EvaluationRequest(**wrong))  # type: ignore[arg-type]
    with pytest.raises(SetupError, match=r"\(at\)"):
        EvaluationRequest(at=(0, 1))


def test_an_attack_costs_recall_and_none_costs_nothing(retriever: Retriever, task: RetrievalTask) -> None:
    none = measure_robustness(retriever, task, Attack("pgd", 0.0))
    assert none.robust == none.clean
    assert none.flipped == 0
    strong = measure_robustness(retriever, task, Attack("pgd", 60.0, steps=15), at=(1, 5))
    attacked, clean = strong.robust.recall_at[1], strong.clean.recall_at[1]
    assert attacked is not None
    assert clean is not None
    assert attacked < clean
    assert strong.flipped == pytest.approx(clean - attacked)
    facts = strong.facts()
    assert facts["recall_at"].keys() == {"1", "5"}
    assert (facts["attack"], facts["epsilon"], facts["steps"]) == ("pgd", 60.0, 15)
    assert measure_robustness(retriever, task, Attack("pgd", 60.0, steps=15), at=(1, 5)).facts() == facts
    assert facts["clean"]["recall_at"]["1"] == strong.clean.recall_at[1]


def test_an_untargeted_attack_costs_recall_too(retriever: Retriever, tmp_path: Path) -> None:
    """Faint stripes in much noise: classes lie so near that getting away leads to another."""
    images, draw = [], np.random.default_rng(3)
    for number in range(30):
        pixels = draw.integers(40, 200, (64, 64, 3))
        pixels[:: 2 + number % 3, :, number % 3] += 30
        Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / f"{number}.png")
        label = f"class{number % 3}"
        images.append(LabelledImage(f"id{number}", str(tmp_path / f"{number}.png"), label, "train", "both", {}))
    task = RetrievalTask(tuple(images[15:]), tuple(images[:15]))
    found = measure_robustness(retriever, task, Attack("pgd", 16.0, steps=15), aim="away")
    assert found.facts()["aim"] == "away"
    attacked, clean = found.robust.scores["map_at_r"], found.clean.scores["map_at_r"]
    assert attacked is not None
    assert clean is not None
    assert attacked < clean
    with pytest.raises(SetupError, match="random start"):
        measure_robustness(retriever, task, Attack("fgsm"), aim="away")


def test_a_model_made_before_timms_settings_were_respected_is_told_as_one(task: RetrievalTask) -> None:
    for preprocessing, told in ((1, ["not with timm's settings of test_resnet (bilinear, crop_pct 0.95"]), (2, [])):
        model = frozen_retriever(resolve_backbone("scratch:test_resnet", preprocessing=preprocessing), side_px=32)
        notes = [line for line in evaluate_model(model, task, EvaluationRequest())["notes"] if "timm" in line]
        assert len(notes) == len(told)
        assert all(words in line for words, line in zip(told, notes, strict=True))
