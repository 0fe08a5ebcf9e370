"""Real images from a pool: which are chosen for a cell, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from atlantis_core.base.errors import SetupError
from atlantis_core.base.ports import GENERATORS, Generator
from atlantis_core.base.registry import build_part
from atlantis_core.generation.pool_matching import match_pool
from atlantis_core.generation.retrieve import RetrieveGenerator
from atlantis_core.records import Cell, CellRequest, LabelledImage
from tests.atlantis_core.generation.conftest import photo

CLASSES = ("tug", "sloop", "ferry", "trawler")
WIDTH = 16


def vectors(shown: list[tuple[str, str]], seed: int) -> np.ndarray:
    """Unit vectors: an axis per class, one for night, and a little noise."""
    rng = np.random.default_rng(seed)
    points = rng.normal(0, 0.05, (len(shown), WIDTH))
    for row, (name, light) in enumerate(shown):
        points[row, CLASSES.index(name)] += 1
        points[row, WIDTH - 1] += 1.2 * (light == "night")
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)


def world(nights: tuple[str, ...]) -> tuple[list[LabelledImage], np.ndarray]:
    """Five day images of every class, three night images of some."""
    shown = [(name, "day") for name in CLASSES for _ in range(5)] + [(n, "night") for n in nights for _ in range(3)]
    images = [
        LabelledImage(f"i{row}", f"/{row}", name, "train", facets={"light": light})
        for row, (name, light) in enumerate(shown)
    ]
    return images, vectors(shown, 0)


@pytest.mark.parametrize(
    "nights", [CLASSES, CLASSES[:3]], ids=["with an example", "with none: from the other classes"]
)
def test_images_of_the_class_under_the_condition_are_chosen(nights: tuple[str, ...]) -> None:
    pool = [(name, light) for light in ("day", "night") for name in CLASSES for _ in range(4)]
    train, embeddings = world(nights)
    wanted = [CellRequest(Cell("trawler", "light", "night"), 4)]
    found = match_pool(wanted, vectors(pool, 1), train, embeddings)
    assert [pool[one.row][0] for one in found] == ["trawler"] * 4
    assert [pool[one.row][1] for one in found] == ["night"] * 4
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


def test_what_does_not_show_the_condition_is_not_taken_to_fill_up() -> None:
    pool = [("trawler", "day")] * 6 + [("trawler", "night")] * 2
    train, embeddings = world(CLASSES[:3])
    found = match_pool([CellRequest(Cell("trawler", "light", "night"), 5)], vectors(pool, 1), train, embeddings)
    assert sorted(one.row for one in found) == [6, 7]


def test_an_image_serves_one_cell_and_a_small_pool_gives_less() -> None:
    pool = [("tug", "night")] * 3 + [("sloop", "night")] * 2
    train, embeddings = world(CLASSES)
    cells = [Cell("tug", "light", "night"), Cell("sloop", "light", "night"), Cell("ferry")]
    found = match_pool([CellRequest(cell, 2) for cell in cells], vectors(pool, 1), train, embeddings)
    assert len({one.row for one in found}) == len(found) == 4, "no ferry is in the pool, and none is made up"
    assert [one.cell for one in found] == [cells[0], cells[0], cells[1], cells[1]]


def test_of_a_pool_each_usable_photo_counts_once(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    photo(1).save(tmp_path / "a.png")
    photo(1).save(tmp_path / "deep" / "copy.png")
    photo(2).save(tmp_path / "deep" / "b.png")
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    generator = RetrieveGenerator(str(tmp_path))
    assert sorted(Path(image.path).name for image in generator.pool) == ["a.png", "b.png"]
    before = generator.version
    photo(3).save(tmp_path / "new.png")
    assert RetrieveGenerator(str(tmp_path)).version != before


def test_a_pool_of_no_use_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="contains no images"):
        RetrieveGenerator(str(tmp_path))
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    with pytest.raises(SetupError, match="is usable: 1 file left out"):
        _ = RetrieveGenerator(str(tmp_path)).pool
    with pytest.raises(SetupError, match="does not exist"):
        RetrieveGenerator(str(tmp_path / "nowhere"))
    with pytest.raises(SetupError, match="retrieve:NAME"):
        build_part(GENERATORS, "retrieve", "generator", Generator)
