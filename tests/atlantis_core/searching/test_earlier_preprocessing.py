"""An index built before a model's own crop was respected is searched with images prepared as they were then."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from atlantis_core.learning.models.backbones import resolve_backbone
from atlantis_core.learning.retriever import frozen_retriever
from atlantis_core.searching.embedder import RetrieverEmbedder, load_embedder
from atlantis_core.searching.image_search import ImageSearch
from atlantis_core.searching.index_building import IndexSource, fill_index, prepare_index
from tests.atlantis_core.searching.rows import collection

NAME = "scratch:test_resnet"


def test_each_index_is_searched_as_it_was_built(tmp_path: Path) -> None:
    before = RetrieverEmbedder(frozen_retriever(resolve_backbone(NAME, preprocessing=1)))
    new = load_embedder(NAME)
    assert before.model_hash != new.model_hash
    shown = Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8))
    for made in (before, new):
        again = load_embedder(NAME, made_by=made.model_hash)
        assert again.model_hash == made.model_hash
        assert np.array_equal(again.embed([shown]), made.embed([shown]))
    assert load_embedder(NAME, made_by="of another model").model_hash == new.model_hash


def test_an_index_made_before_finds_what_it_holds(tmp_path: Path) -> None:
    root, folder = tmp_path / "photos", tmp_path / "index" / "old"
    root.mkdir()
    for number in range(6):
        pixels = np.random.default_rng(number).integers(0, 256, (90, 120, 3), np.uint8)
        Image.fromarray(pixels).save(root / str(number), "PNG")
    before = RetrieverEmbedder(frozen_retriever(resolve_backbone(NAME, preprocessing=1)))
    prepare_index(folder, NAME, before)
    fill_index(folder, before, IndexSource(collection(root, range(6))))
    search = ImageSearch(folder)  # loads the model by its name
    assert search.embedder.model_hash == before.model_hash
    with Image.open(root / "3") as shown:
        found = search.search(shown.convert("RGB"), 1)
    assert [hit.id for hit in found] == ["id3"]
    assert abs(found[0].distance) < 1e-5
