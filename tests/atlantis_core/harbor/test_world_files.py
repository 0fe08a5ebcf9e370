import csv
import json

import numpy as np
import pytest
from PIL import Image

from atlantis_core.base.errors import SetupError
from atlantis_core.harbor.world_files import is_bundled, list_world_images, write_bundled_collection, write_world
from atlantis_core.harbor.worlds import planted_gap_world, tiny_world


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_world(tiny_world(1), tmp_path_factory.mktemp("worlds") / "tiny")


def rows_of(folder):
    with (folder / "metadata.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_folder_holds_what_the_world_declares(written):
    world, rows = tiny_world(1), rows_of(written)
    assert list(rows[0]) == ["file_name", "label", "split", "condition", "vessel", "hull", "trim"]
    for cell in world.cells:
        for split in ("train", "validation", "test"):
            found = [
                r for r in rows if (r["label"], r["condition"], r["split"]) == (cell.label, cell.condition, split)
            ]
            assert len(found) == cell.num_images(split)


def test_every_picture_is_readable_and_there_is_no_other(written):
    names = {row["file_name"] for row in rows_of(written)}
    assert names == {str(p.relative_to(written)) for p in written.rglob("*.png")}
    for name in names:
        with Image.open(written / name) as image:
            assert np.asarray(image).shape == (64, 64, 3)


def test_vessel_hull_and_trim_are_functions_of_the_label(written):
    assert all(f"{r['vessel']}-{r['hull']}-{r['trim']}" == r["label"] for r in rows_of(written))


def test_captions_stand_beside_the_table_not_in_it(written):
    lines = [json.loads(line) for line in (written / "captions.jsonl").read_text("utf-8").splitlines()]
    assert [line["file_name"] for line in lines] == [row["file_name"] for row in rows_of(written)]
    assert any(line["caption"].endswith("at night") for line in lines)


def test_world_json_says_what_was_planted(written):
    world = json.loads((written / "world.json").read_text("utf-8"))
    assert world["planted"] == [{"planted": "gap", "vessel": "trawler", "condition": "night"}]
    assert world["pictures"] == {"train": 81, "validation": 64, "test": 64}


def test_equal_seeds_write_equal_bytes(written, tmp_path):
    assert contents(write_world(tiny_world(1), tmp_path / "again")) == contents(written)
    assert contents(write_world(tiny_world(2), tmp_path / "other")) != contents(written)


def refuse_progress(step, done, total):
    raise KeyboardInterrupt


def test_writing_again_renders_nothing(written):
    assert write_world(tiny_world(1), written, refuse_progress) == written


def test_a_writing_cut_short_leaves_nothing_behind(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        write_world(tiny_world(1), tmp_path / "tiny", refuse_progress)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_something_else_is_refused_and_kept(written, tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(SetupError, match="something else"):
        write_world(tiny_world(1), tmp_path)
    assert (tmp_path / "letter.txt").read_text() == "dear"
    with pytest.raises(SetupError, match="harbor-tiny:2"):
        write_world(tiny_world(2), written)


def test_no_two_pictures_of_a_world_share_a_scene():
    seeds = [image.scene.seed for image in list_world_images(planted_gap_world(0))]
    assert len(set(seeds)) == len(seeds)


def test_training_pictures_are_ordinary_where_queries_are_hard():
    world = planted_gap_world(0)
    hard = next(g for g in world.planted if g.planted == "missed_not_scarce")
    scales = {"train": [], "validation": [], "test": []}
    for image in list_world_images(world):
        if hard.contains(image.scene.vessel_class, image.scene.condition):
            scales[image.split].append(image.scene.scale)
    assert min(scales["train"]) > max(scales["validation"] + scales["test"])


def test_bundled_names(tmp_path):
    first = write_bundled_collection("harbor-tiny", tmp_path)
    assert write_bundled_collection("harbor-tiny:0", tmp_path) == first
    assert write_bundled_collection("harbor-tiny:3", tmp_path) != first
    assert is_bundled("harbor:3")
    assert not is_bundled("./harbor")


@pytest.mark.parametrize("name", ["habour", "harbor:x", "harbor:-1"])
def test_an_unknown_name_is_answered_with_the_known_ones(name, tmp_path):
    with pytest.raises(SetupError, match="harbor-balanced") as raised:
        write_bundled_collection(name, tmp_path)
    assert repr(name) in str(raised.value)
