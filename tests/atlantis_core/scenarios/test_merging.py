"""Made photos among the training photos: how many join, and that they neither ask nor are searched."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from atlantis_core.base.errors import SetupError
from atlantis_core.data.reading import read_collection
from atlantis_core.data.tasks import retrieval_task
from atlantis_core.learning.attacks import Attack
from atlantis_core.learning.retriever import Retriever
from atlantis_core.scenarios.adversarial import write_adversarial
from atlantis_core.scenarios.merging import Quotas, merge_synthetic
from atlantis_core.scenarios.scenario_source import ScenarioSource
from atlantis_core.searching.index_building import IndexSource as Indexed
from tests.atlantis_core.scenarios.conftest import draw_image, table


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """Twenty synthetic images of two classes, and one of an unknown class."""
    for label in ("a.x", "c.x"):
        for number in range(20):
            draw_image(tmp_path / "made" / label / f"{number}.png", 9000 + ord(label[0]) * 50 + number)
    draw_image(tmp_path / "made" / "stranger" / "0.png", 1)
    return tmp_path / "made"


@pytest.mark.parametrize(
    ("quotas", "taken"),
    [
        (Quotas(), 20),
        (Quotas(per_class=3), 3),
        (Quotas(fill_to=12), 4),
        (Quotas(fill_to=5), 0),
        (Quotas(ratio=0.5), 4),
        (Quotas(per_class=6, fill_to=12, ratio=2.0), 4),
    ],
)
def test_synthetic_images_join_training_within_quotas(
    quotas: Quotas, taken: int, source: Path, made: Path, tmp_path: Path
) -> None:
    _, story = merge_synthetic(ScenarioSource(source), made, tmp_path / "out", quotas)
    rows = table(tmp_path / "out")
    joined = Counter(row["label"] for row in rows if row["origin"] == "synthetic")
    assert dict(joined) == ({"a.x": taken, "c.x": taken} if taken else {})
    assert {row["split"] for row in rows if row["origin"] == "synthetic"} <= {"train"}
    assert sum(row["origin"] == "real" for row in rows) == 72
    assert story["made"] == {
        "offered": 41,
        "of_other_classes": 1,
        "held_out": 0,
        "copies": 0,
        "taken": 2 * taken,
    }


def test_synthetic_images_are_marked_and_origin_is_no_facet(source: Path, made: Path, tmp_path: Path) -> None:
    merge_synthetic(ScenarioSource(source), made, tmp_path / "out", Quotas(per_class=2))
    collection = read_collection(tmp_path / "out").collection
    assert collection.facets == ("light",)
    assert collection.not_facets["origin"] == "marks synthetic training images"
    marked = [image for image in collection.images if image.facets.get("origin") == "synthetic"]
    assert len(marked) == 4
    assert {image.split for image in marked} == {"train"}


def test_synthetic_images_are_neither_queries_nor_gallery(
    retriever: Retriever, source: Path, made: Path, tmp_path: Path
) -> None:
    written, _ = merge_synthetic(ScenarioSource(source), made, tmp_path / "merged", Quotas())
    write_adversarial(
        retriever, ScenarioSource(tmp_path / "merged"), tmp_path / "out", Attack("fgsm"), attacked="train"
    )
    before = retrieval_task(read_collection(source).collection)
    for folder, trained_on in (("merged", 48 + 40), ("out", 2 * (48 + 40))):
        collection = read_collection(tmp_path / folder).collection
        assert len(collection.of_split("train")) == trained_on
        after = retrieval_task(collection)
        for part, clean in ((after.queries, before.queries), (after.gallery, before.gallery)):
            assert [image.id for image in part] == [image.id for image in clean]
        assert len(Indexed(collection, ("train",)).wanted) == 48
    assert any("queries and gallery are real photos" in note for note in written.notes)


def test_only_unknown_classes_are_refused(source: Path, tmp_path: Path) -> None:
    draw_image(tmp_path / "made" / "stranger" / "0.png", 1)
    with pytest.raises(SetupError, match="classes there: stranger"):
        merge_synthetic(ScenarioSource(source), tmp_path / "made", tmp_path / "out", Quotas())
    with pytest.raises(SetupError, match="ratio must be 0 or more"):
        Quotas(ratio=-1.0)


def test_near_duplicates_of_held_out_images_never_join(source: Path, tmp_path: Path) -> None:
    for name, split in (("a.8", "validation"), ("a.9", "test"), ("a.0", "train")):
        assert next(r["split"] for r in table(source) if r["file_name"] == f"photos/{name}.png") in {split, "test"}
        with Image.open(source / f"photos/{name}.png") as image:
            (tmp_path / "made" / "a.x").mkdir(parents=True, exist_ok=True)
            image.resize((80, 88)).save(tmp_path / "made" / "a.x" / f"{name}.png")
    shutil.copyfile(source / "photos" / "a.1.png", tmp_path / "made" / "a.x" / "same.png")
    _, story = merge_synthetic(ScenarioSource(source), tmp_path / "made", tmp_path / "out", Quotas())
    assert story["made"] == {"offered": 4, "of_other_classes": 0, "held_out": 2, "copies": 1, "taken": 1}
    joined = [row["file_name"] for row in table(tmp_path / "out") if row["origin"] == "synthetic"]
    assert joined == ["made/a.x/a.0.png"]


def test_merging_again_counts_what_joined_before(source: Path, made: Path, tmp_path: Path) -> None:
    merge_synthetic(ScenarioSource(source), made, tmp_path / "once", Quotas(per_class=3))
    _, story = merge_synthetic(ScenarioSource(tmp_path / "once"), made, tmp_path / "twice", Quotas(per_class=5))
    origins = Counter((row["label"], row["origin"]) for row in table(tmp_path / "twice"))
    assert origins["a.x", "synthetic"] == origins["c.x", "synthetic"] == 5
    assert sum(count for (_, origin), count in origins.items() if origin == "real") == 72
    assert (story["made"]["copies"], story["made"]["taken"]) == (6, 4)


def test_a_column_origin_with_another_meaning_is_not_lost(source: Path, made: Path, tmp_path: Path) -> None:
    text = (source / "metadata.csv").read_text().replace("light", "origin", 1)
    (source / "metadata.csv").write_text(text)
    with pytest.raises(SetupError, match="a column 'origin' of its own"):
        merge_synthetic(ScenarioSource(source), made, tmp_path / "out", Quotas())
