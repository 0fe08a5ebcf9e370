"""An index is filled, searched, filtered and changed as a slow loop would; other models and damage are noticed."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from atlantis_core.base.errors import SetupError
from atlantis_core.searching.filters import parse_filters
from atlantis_core.searching.image_search import ImageSearch
from atlantis_core.searching.index import SearchIndex
from atlantis_core.searching.index_building import BATCH, IndexSource, fill_index, prepare_index
from atlantis_core.searching.index_folders import (
    check_name,
    find_index_folder,
    list_damaged_indexes,
    list_indexes,
    lock_index,
    read_facts,
    write_facts,
)
from atlantis_core.searching.index_writing import drop_index, remove_images
from atlantis_core.searching.recall_check import record_recall
from tests.atlantis_core.searching.rows import DIMS, IMAGES, Ball, Numbers, collection


@pytest.fixture
def made(tmp_path: Path) -> tuple[Path, Numbers, IndexSource]:
    folder, model, source = tmp_path / "index" / "photos", Numbers(), IndexSource(collection(tmp_path / "photos"))
    prepare_index(folder, "numbers", model)
    filled = fill_index(folder, model, source)
    assert (filled.added, filled.there) == (IMAGES, 0)
    return folder, model, source


def test_it_finds_what_a_slow_loop_finds(made) -> None:
    folder, model, _ = made
    index = SearchIndex(folder)
    queries = model.rows[IMAGES : IMAGES + 20]
    for exact in (False, True):
        found = index.query(queries, 10, exact=exact)
        for query, hits in zip(queries, found, strict=True):
            far = {f"id{n}": 1 - float(query @ model.rows[n]) for n in range(IMAGES)}
            truth = sorted(far, key=lambda name: far[name])[:10]
            assert [hit.id for hit in hits] == truth
            assert [hit.distance for hit in hits] == pytest.approx([far[name] for name in truth], abs=1e-5)
    assert record_recall(folder) == 1.0
    index.close()


def test_filters_meet_all_columns_and_any_of_their_values(made) -> None:
    folder, model, _ = made
    index = SearchIndex(folder)
    rules = parse_filters(["light=night", "label=class 1", "label=class 2"])
    for exact in (False, True):
        (hits,) = index.query(model.rows[0], 1000, rules, exact=exact)
        numbers = {int(hit.id[2:]) for hit in hits}
        assert numbers == {n for n in range(IMAGES) if n % 2 and n % 3}
        assert {hit.facets["light"] for hit in hits} == {"night"}
    for wrong, telling in (("light=noon", "no image has light=noon"), ("smell=x", "smell"), ("light", "not COL=V")):
        with pytest.raises(SetupError, match=telling):
            index.query(model.rows[0], 5, parse_filters([wrong]))
    index.close()


def test_a_rare_value_is_found_however_far_it_is(tmp_path: Path) -> None:
    """Among the nearest there is none of it, and the walk through the graph may not meet it either."""
    folder, model, everything = tmp_path / "index" / "photos", Numbers(), collection(tmp_path / "photos")
    queries = model.rows[IMAGES]
    farthest = set(np.argsort(model.rows[:IMAGES] @ queries)[:4].tolist())
    images = [replace(i, facets={"light": "dusk" if int(i.id[2:]) in farthest else "day"}) for i in everything.images]
    prepare_index(folder, "numbers", model)
    fill_index(folder, model, IndexSource(replace(everything, images=tuple(images))))
    index = SearchIndex(folder)
    found, day = index.query(queries, 10, {"light": "dusk"})[0], index.query(queries, 10, {"light": "day"})[0]
    assert {int(hit.id[2:]) for hit in found} == farthest
    assert [hit.distance for hit in found] == sorted(hit.distance for hit in found)
    assert [hit.id for hit in day] == [hit.id for hit in index.query(queries, 10, {"light": "day"}, exact=True)[0]]
    index.close()


def test_filling_again_embeds_only_what_is_new_and_takes_out_what_is_gone(made, tmp_path: Path) -> None:
    folder, model, _ = made
    model.embedded = 0
    open_before = SearchIndex(folder)
    open_before.query(model.rows[0])
    filled = fill_index(folder, model, IndexSource(collection(tmp_path / "photos", range(10, IMAGES + 10))))
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
        lambda: prepare_index(folder, "numbers", Numbers(1)),
        lambda: fill_index(folder, Numbers(1), source),
    ):
        with pytest.raises(SetupError, match="was made by model"):
            attempt()


def test_an_index_made_anew_by_another_model_is_not_searched_with_the_old_one(made) -> None:
    """A server keeps indexes open for days."""
    folder, model, source = made
    images = ImageSearch(folder, model)
    assert images.search("3", 1)[0].id == "id3"
    other = Numbers(1)
    drop_index(folder)
    prepare_index(folder, "numbers", other)
    fill_index(folder, other, source)
    for ask in (lambda: images.search("3", 1), lambda: images.index.query(model.rows[3], made_by=model.model_hash)):
        with pytest.raises(SetupError, match="was made by model"):
            ask()
    assert ImageSearch(folder, other).search("3", 1)[0].id == "id3"


def test_a_damaged_index_is_named_and_hides_no_other(made) -> None:
    folder, _, _ = made
    broken = folder.with_name("broken")
    broken.mkdir()
    (broken / "index.json").write_text("{")
    assert [facts.name for facts in list_indexes(folder.parent)] == ["photos"]
    (line,) = list_damaged_indexes(folder.parent)
    assert "broken" in line
    with pytest.raises(SetupError, match="damaged"):
        SearchIndex(find_index_folder("broken", folder.parent))


@pytest.mark.parametrize("part", ["chroma.sqlite3", "data_level0.bin", "header.bin", "index_metadata.pickle"])
def test_damaged_files_of_chroma_are_one_line(made, part: str) -> None:
    """The graph's files would take the process with them."""
    folder, model, source = made
    (file,) = (folder / "chroma").rglob(part)
    file.write_bytes(b"x" * file.stat().st_size)
    for attempt in (
        lambda: SearchIndex(folder).query(model.rows[0]),
        lambda: remove_images(folder, ["id0"]),
        lambda: fill_index(folder, model, source),
    ):
        with pytest.raises(SetupError, match=r"cannot be used|is damaged") as caught:
            attempt()
        assert "\n" not in str(caught.value)
    drop_index(folder)
    prepare_index(folder, "numbers", model)
    assert fill_index(folder, model, source).added == IMAGES


@pytest.mark.parametrize("numbers", [[], [5]])
def test_an_index_of_none_or_one_answers(tmp_path: Path, numbers: list[int]) -> None:
    folder, model = tmp_path / "index" / "photos", Numbers()
    prepare_index(folder, "numbers", model)
    fill_index(folder, model, IndexSource(collection(tmp_path / "photos", numbers)))
    assert record_recall(folder) is None
    for exact in (False, True):
        assert [hit.id for hit in SearchIndex(folder).query(model.rows[0], exact=exact)[0]] == [
            f"id{n}" for n in numbers
        ]


def test_a_hyperbolic_model_is_searched_by_geodesic_distance(tmp_path: Path) -> None:
    folder, model = tmp_path / "index" / "photos", Ball()
    prepare_index(folder, "numbers", model)
    fill_index(folder, model, IndexSource(collection(tmp_path / "photos")))
    (hits,) = SearchIndex(folder).query(model.rows[IMAGES], 5)
    queries, rows = (part.astype(np.float64) for part in (model.rows[IMAGES], model.rows[:IMAGES]))
    room = (1 - 0.1 * queries @ queries) * (1 - 0.1 * np.square(rows).sum(1))
    far = np.arccosh(1 + 0.2 * np.square(rows - queries).sum(1) / room) / 0.1**0.5
    assert [hit.id for hit in hits] == [f"id{n}" for n in np.argsort(far)[:5]]
    assert [hit.distance for hit in hits] == pytest.approx(np.sort(far)[:5].tolist(), rel=1e-5)
    assert record_recall(folder) == 1.0


def test_rows_changed_in_the_metadata_are_brought_up_to_date(made, tmp_path: Path) -> None:
    folder, model, _ = made
    changed = collection(tmp_path / "photos")
    images = (replace(changed.images[0], label="renamed", facets={"light": "dusk"}), *changed.images[1:])
    model.embedded = 0
    filled = fill_index(folder, model, IndexSource(replace(changed, images=images)))
    assert (filled.refreshed, model.embedded) == (1, 0)
    (hit,) = SearchIndex(folder).query(model.rows[0], 1, {"light": "dusk"})[0]
    assert (hit.id, hit.label) == ("id0", "renamed")


KILLED = """
import os, sys
from pathlib import Path
from atlantis_core.searching.index_building import IndexSource, fill_index, prepare_index
from rows import Numbers, collection
class Dying(Numbers):
    def embed(self, images):
        if self.embedded: os.kill(os.getpid(), 9)
        return super().embed(images)
folder, model = Path(sys.argv[1]) / "index" / "photos", Dying()
prepare_index(folder, "numbers", model)
fill_index(folder, model, IndexSource(collection(Path(sys.argv[1]) / "photos")))
"""


def test_a_filling_that_was_killed_goes_on(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -9, done.stderr
    folder, model = tmp_path / "index" / "photos", Numbers()
    with pytest.raises(SetupError, match="not complete"):
        SearchIndex(folder).query(model.rows[0])
    filled = fill_index(folder, model, IndexSource(collection(tmp_path / "photos")))
    assert (filled.there, filled.added) == (BATCH, IMAGES - BATCH)
    assert record_recall(folder) == 1.0


def test_an_index_that_another_process_writes_is_not_searched(made) -> None:
    folder, model, _ = made
    with lock_index(folder, writing=True), pytest.raises(SetupError, match="being written by another process"):
        SearchIndex(folder).query(model.rows[0])


def test_an_index_that_was_cut_off_says_so_and_goes_on(made) -> None:
    folder, model, source = made
    write_facts(folder, replace(read_facts(folder), complete=False))
    with pytest.raises(SetupError, match="not complete"):
        SearchIndex(folder).query(model.rows[0])
    model.embedded = 0
    fill_index(folder, model, source)
    assert model.embedded == 0
    assert SearchIndex(folder).query(model.rows[0], 1)[0][0].id == "id0"


def test_images_are_taken_out_by_id_and_by_filter(made) -> None:
    folder, model, _ = made
    count, facts = remove_images(folder, ["id0"], {})
    assert (count, facts.images) == (1, IMAGES - 1)
    assert SearchIndex(folder).query(model.rows[0], 1)[0][0].id != "id0"
    count, facts = remove_images(folder, [], {"split": ["validation"]})
    assert facts.images == sum(1 for n in range(IMAGES) if n % 5)
    with pytest.raises(SetupError):
        remove_images(folder, ["nowhere"], {})
    drop_index(folder)
    assert list_indexes(folder.parent) == []


def test_the_test_split_is_not_indexed(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="sealed"):
        IndexSource(collection(tmp_path), ("train", "test"))


def test_another_collection_needs_add(made, tmp_path: Path) -> None:
    folder, model, _ = made
    other = IndexSource(collection(tmp_path / "others", range(IMAGES, IMAGES + 5)))
    with pytest.raises(SetupError, match="--add"):
        fill_index(folder, model, other)
    assert fill_index(folder, model, other, add=True).added == 5
    (hits,) = SearchIndex(folder).query(model.rows[IMAGES], 1)
    assert hits[0].path == str(tmp_path / "others" / str(IMAGES))


@pytest.mark.parametrize("name", ["", "..", "a/b", "a..b", "-a", "x" * 80, "a\n"])
def test_names_that_are_paths_or_odd_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(SetupError):
        check_name(name)
    with pytest.raises(SetupError):
        find_index_folder(name, tmp_path)


@pytest.mark.parametrize("vector", [[1.0] * (DIMS + 1), [float("nan")] * DIMS, "text", []])
def test_vectors_that_do_not_fit_are_refused(made, vector: object) -> None:
    with pytest.raises(SetupError):
        SearchIndex(made[0]).query(vector)


def test_taking_an_index_away_leaves_the_files_of_others(made) -> None:
    folder = made[0]
    foreign = folder / "notes" / "keep.txt"
    foreign.parent.mkdir()
    foreign.write_text("precious")
    drop_index(folder)
    assert foreign.read_text() == "precious"
    assert [path.name for path in folder.iterdir()] == ["notes"]
