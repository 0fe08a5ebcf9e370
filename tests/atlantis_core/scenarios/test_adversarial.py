"""Adversarial images: which photos they replace, and how many the model takes for another class."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from atlantis_core.data.reading import read_collection
from atlantis_core.data.tasks import retrieval_task
from atlantis_core.learning.attacks import Attack
from atlantis_core.learning.evaluation import measure_retriever
from atlantis_core.learning.inputs.preprocessing import centre_crop, decode_image, to_input
from atlantis_core.learning.models.backbones import resolve_backbone
from atlantis_core.learning.retriever import Retriever, frozen_retriever
from atlantis_core.learning.robustness import measure_robustness
from atlantis_core.scenarios.adversarial import Aim, write_adversarial
from atlantis_core.scenarios.scenario_source import ScenarioSource
from tests.atlantis_core.scenarios.conftest import table, train_counts


def test_attacked_validation_images_replace_clean_ones(retriever: Retriever, source: Path, tmp_path: Path) -> None:
    _, story = write_adversarial(retriever, ScenarioSource(source), tmp_path / "out", Attack("pgd", 2.0, 3))
    rows = [row for row in table(tmp_path / "out") if row["split"] == "validation"]
    assert len(rows) == story["attacked"] == 12
    assert {Path(row["file_name"]).suffix for row in rows} == {".png"}
    assert len({row["file_name"] for row in rows}) == 12
    clean = {Path(row["file_name"]).name: row for row in table(source)}
    for row in rows:
        name = Path(row["file_name"]).name
        origin = clean[name.rsplit("-", 1)[0] + ".png"]
        assert (origin["label"], origin["light"]) == (row["label"], row["light"])
        attacked = np.asarray(Image.open(tmp_path / "out" / row["file_name"]), dtype=int)
        square_of = np.asarray(centre_crop(decode_image(source / origin["file_name"]), retriever.side_px), dtype=int)
        assert 0 < np.abs(attacked - square_of).max() <= 2
    tests = [row for row in table(tmp_path / "out") if row["split"] == "test"]
    assert sorted(row["file_name"] for row in tests) == sorted(
        row["file_name"] for row in table(source) if row["split"] == "test"
    )


def test_what_a_cropping_model_is_shown_of_a_written_photo_is_what_was_attacked(source: Path, tmp_path: Path) -> None:
    model = frozen_retriever(resolve_backbone("scratch:test_resnet"), side_px=48)
    assert model.backbone.crop["crop_pct"] < 1
    _, story = write_adversarial(model, ScenarioSource(source), tmp_path / "out", Attack("pgd", 8.0, 3))
    task = retrieval_task(read_collection(tmp_path / "out").collection)
    assert measure_retriever(model, task)[0].recall_at[1] == story["robust"]["recall_at"]["1"]
    row = next(row for row in table(tmp_path / "out") if row["split"] == "validation")
    [clean] = (p for p in source.rglob("*.png") if p.stem == Path(row["file_name"]).stem.rsplit("-", 1)[0])
    shown = [
        np.asarray(to_input(decode_image(p), 48, model.backbone), int)
        for p in (clean, tmp_path / "out" / row["file_name"])
    ]
    assert 0 < np.abs(shown[0] - shown[1]).max() <= 8


@pytest.mark.parametrize("aim", ["drawn", "wrong"])
def test_the_share_taken_for_another_class_is_reported(
    aim: Aim, retriever: Retriever, source: Path, tmp_path: Path
) -> None:
    written, story = write_adversarial(
        retriever, ScenarioSource(source), tmp_path / "out", Attack("pgd", 8.0, 5), aim=aim
    )
    robust = json.loads((tmp_path / "out" / "scenario.json").read_text())["robust"]
    assert story["robust"] == robust
    assert (robust["aim"], robust["attack"]) == (aim, "pgd")
    tasks = [retrieval_task(read_collection(folder).collection) for folder in (source, tmp_path / "out")]
    clean, attacked = (measure_retriever(retriever, task)[0].recall_at[1] for task in tasks)
    assert (robust["clean"]["recall_at"]["1"], robust["recall_at"]["1"]) == (clean, attacked)
    assert f"Recall@1 {clean:.3f} -> {attacked:.3f}" in written.notes[-1]
    assert written.notes[-1].startswith(f"pgd, epsilon 8 of 255, aim {aim}: ")


def test_it_misleads_as_many_queries_as_evaluate_reports(retriever: Retriever, source: Path, tmp_path: Path) -> None:
    attack = Attack("pgd", 8.0, 5)
    _, story = write_adversarial(retriever, ScenarioSource(source), tmp_path / "out", attack)
    there = measure_robustness(retriever, retrieval_task(read_collection(source).collection), attack).facts()
    assert story["robust"]["recall_at"] == there["recall_at"]
    assert story["robust"]["flipped"] == there["flipped"]


def test_attacked_training_images_are_added_as_synthetic(retriever: Retriever, source: Path, tmp_path: Path) -> None:
    write_adversarial(retriever, ScenarioSource(source), tmp_path / "out", Attack("fgsm", 1.0), attacked="train")
    rows = table(tmp_path / "out")
    assert Counter(row["origin"] for row in rows) == {"": 72, "synthetic": 48}
    assert train_counts(tmp_path / "out") == {f"{c}.x": 16 for c in "abcdef"}


def test_an_attack_that_fails_leaves_nothing(retriever: Retriever, source: Path, tmp_path: Path) -> None:
    def stop(what: str, done: int, total: int) -> None:
        if what == "attacking":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_adversarial(retriever, ScenarioSource(source), tmp_path / "out", Attack("fgsm"), progress=stop)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source"]
