"""An index: filled, asked, filtered, changed; against a slow loop; other models and cut-off fillings are noticed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from atlantis_core.errors import SetupError
from atlantis_core.records import Collection, LabelledImage
from atlantis_core.searching.asking import ImageSearch
from atlantis_core.searching.checking import check_recall
from atlantis_core.searching.filling import Source, fill
from atlantis_core.searching.filters import read_filters
from atlantis_core.searching.index import SearchIndex
from atlantis_core.searching.places import check_name, index_folder, list_indexes, read_facts, write_facts
from atlantis_core.searching.preparing import prepare
from atlantis_core.searching.removing import drop, remove

IMAGES, DIMS = 300, 16


class Numbers:
    """Stands in for a model: image number n gets row n."""

    distance, embedding = "cosine", ""

    def __init__(self, seed: int = 0) -> None:
        rows = np.random.default_rng(seed).normal(size=(IMAGES * 2, DIMS))
        self.rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
        self.dims, self.model_hash = DIMS, f"{seed:032x}"
        self.embedded = 0

    def embed(self, images: Sequence[Any]) -> np.ndarray:
        self.embedded += len(images)
        return self.rows[[int(Path(image).name) for image in images]]

    def embed_text(self, texts: Sequence[str]) -> np.ndarray:
        raise SetupError("knows no words")


def collection(root: Path, numbers: Sequence[int] = range(IMAGES)) -> Collection:
    images = tuple(
        LabelledImage(
            f"id{n}",
            str(root / str(n)),
            f"class {n % 3}",
            "train" if n % 5 else "validation",
            "both",
            {"light": "night"} if n % 2 else {},
        )
        for n in numbers
    )
    return Collection("photos", str(root), images, ("light",), {}, (), True, 7)


@pytest.fixture
def made(tmp_path: Path) -> tuple[Path, Numbers, Source]:
    folder, model, source = tmp_path / "index" / "photos", Numbers(), Source(collection(tmp_path / "photos"))
    prepare(folder, "numbers", model)
    filled = fill(folder, model, source)
    assert (filled.added, filled.there) == (IMAGES, 0)
    return folder, model, source


def test_it_finds_what_a_slow_loop_finds(made) -> None:
    folder, model, _ = made
    index = SearchIndex(folder)
    asked = model.rows[IMAGES : IMAGES + 20]
    for exact in (False, True):
        found = index.query(asked, 10, exact=exact)
        for query, hits in zip(asked, found, strict=True):
            far = {f"id{n}": 1 - float(query @ model.rows[n]) for n in range(IMAGES)}
            truth = sorted(far, key=lambda name: far[name])[:10]
            assert [hit.id for hit in hits] == truth
            assert [hit.distance for hit in hits] == pytest.approx([far[name] for name in truth], abs=1e-5)
    assert check_recall(folder) == 1.0
    index.close()


def test_filters_meet_all_columns_and_any_of_their_values(made) -> None:
    folder, model, _ = made
    index = SearchIndex(folder)
    rules = read_filters(["light=night", "label=class 1", "label=class 2"])
    for exact in (False, True):
        (hits,) = index.query(model.rows[0], 1000, rules, exact=exact)
        numbers = {int(hit.id[2:]) for hit in hits}
        assert numbers == {n for n in range(IMAGES) if n % 2 and n % 3}
        assert {hit.facets["light"] for hit in hits} == {"night"}
    for wrong, telling in (("light=noon", "no image has light=noon"), ("smell=x", "smell"), ("light", "not COL=V")):
        with pytest.raises(SetupError, match=telling):
            index.query(model.rows[0], 5, read_filters([wrong]))
    index.close()


def test_filling_again_embeds_only_what_is_new_and_takes_out_what_is_gone(made, tmp_path: Path) -> None:
    folder, model, _ = made
    model.embedded = 0
    open_before = SearchIndex(folder)
    open_before.query(model.rows[0])
    filled = fill(folder, model, Source(collection(tmp_path / "photos", range(10, IMAGES + 10))))
    assert (filled.added, filled.there, filled.removed) == (10, IMAGES - 10, 10)
    assert model.embedded == 10
    (hits,) = open_before.query(model.rows[IMAGES + 5], 1)  # a change is seen by whoever has it open
    assert hits[0].id == f"id{IMAGES + 5}"
    assert open_before.query(model.rows[3], 1)[0][0].id != "id3"
    open_before.close()


def test_another_model_is_refused(made) -> None:
    folder, _, source = made
    for attempt in (
        lambda: ImageSearch(folder, Numbers(1)),
        lambda: prepare(folder, "numbers", Numbers(1)),
        lambda: fill(folder, Numbers(1), source),
    ):
        with pytest.raises(SetupError, match="was made by model"):
            attempt()


def test_an_index_that_was_cut_off_says_so_and_goes_on(made) -> None:
    folder, model, source = made
    write_facts(folder, replace(read_facts(folder), complete=False))
    with pytest.raises(SetupError, match="not complete"):
        SearchIndex(folder).query(model.rows[0])
    model.embedded = 0
    fill(folder, model, source)
    assert model.embedded == 0
    assert SearchIndex(folder).query(model.rows[0], 1)[0][0].id == "id0"


def test_images_are_taken_out_by_id_and_by_filter(made) -> None:
    folder, model, _ = made
    count, facts = remove(folder, ["id0"], {})
    assert (count, facts.images) == (1, IMAGES - 1)
    assert SearchIndex(folder).query(model.rows[0], 1)[0][0].id != "id0"
    count, facts = remove(folder, [], {"split": ["validation"]})
    assert facts.images == sum(1 for n in range(IMAGES) if n % 5)
    with pytest.raises(SetupError):
        remove(folder, ["nowhere"], {})
    drop(folder)
    assert list_indexes(folder.parent) == []


def test_the_test_split_is_not_indexed(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="sealed"):
        Source(collection(tmp_path), ("train", "test"))


def test_another_collection_needs_to_be_asked_for(made, tmp_path: Path) -> None:
    folder, model, _ = made
    other = Source(collection(tmp_path / "others", range(IMAGES, IMAGES + 5)))
    with pytest.raises(SetupError, match="--add"):
        fill(folder, model, other)
    assert fill(folder, model, other, add=True).added == 5
    (hits,) = SearchIndex(folder).query(model.rows[IMAGES], 1)
    assert hits[0].path == str(tmp_path / "others" / str(IMAGES))


@pytest.mark.parametrize("name", ["", "..", "a/b", "a..b", "-a", "x" * 80, "a\n"])
def test_names_that_are_paths_or_odd_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(SetupError):
        check_name(name)
    with pytest.raises(SetupError):
        index_folder(name, tmp_path)


@pytest.mark.parametrize("vector", [[1.0] * (DIMS + 1), [float("nan")] * DIMS, "text", []])
def test_vectors_that_do_not_fit_are_refused(made, vector: object) -> None:
    with pytest.raises(SetupError):
        SearchIndex(made[0]).query(vector)
