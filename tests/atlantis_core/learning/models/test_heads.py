from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from atlantis_core.base.errors import SetupError
from atlantis_core.data.tasks import RetrievalTask
from atlantis_core.learning.evaluation import measure_retriever
from atlantis_core.learning.inputs.activation_cache import ActivationCache
from atlantis_core.learning.inputs.pk_sampler import TrainingImage
from atlantis_core.learning.models.backbones import BackboneSpec
from atlantis_core.learning.models.heads import (
    Hyperbolic,
    Sphere,
    head_facts,
    head_from_facts,
    make_head,
    make_pca_head,
)
from atlantis_core.learning.models.poincare import distances
from atlantis_core.learning.recipe import Recipe
from atlantis_core.learning.retriever import Retriever, load_retriever
from atlantis_core.learning.training.presets import parse_preset
from atlantis_core.learning.training.train import train
from atlantis_core.records import LabelledImage

HEAD = "hyperbolic:c=0.3,clip_radius=1.5"


@pytest.fixture
def hyperbolic(
    images: list[TrainingImage], backbone: BackboneSpec, recipe: Recipe, cache: ActivationCache, tmp_path: Path
) -> Retriever:
    chosen = replace(recipe, head=HEAD, loss="hyperbolic_pairs", temperature=0.2)
    return load_retriever(train(images, backbone, chosen, 0, tmp_path / "m", cache).path)


def test_the_checkpoint_says_how_to_search(hyperbolic: Retriever, tmp_path: Path) -> None:
    facts = json.loads((tmp_path / "m" / "model.json").read_text())
    assert facts["head"] == {
        "kind": "hyperbolic",
        "embed_dim": 16,
        "distance": "hyperbolic",
        "c": 0.3,
        "clip_radius": 1.5,
    }
    assert hyperbolic.space == Hyperbolic(c=0.3, clip_radius=1.5)


def test_a_sphere_is_searched_by_cosine(
    images: list[TrainingImage], backbone: BackboneSpec, recipe: Recipe, cache: ActivationCache, tmp_path: Path
) -> None:
    train(images, backbone, recipe, 0, tmp_path / "m", cache)
    facts_path = tmp_path / "m" / "model.json"
    facts = json.loads(facts_path.read_text())
    assert facts["head"] == {"kind": "sphere", "embed_dim": 16, "distance": "cosine"}
    before = load_retriever(tmp_path / "m").embed([images[0].path])
    del facts["head"]["distance"], facts["recipe"]["head"]  # as written before there were heads
    facts_path.write_text(json.dumps(facts))
    assert np.array_equal(load_retriever(tmp_path / "m").embed([images[0].path]), before)


def test_embeddings_are_points_of_the_clipped_ball(hyperbolic: Retriever, images: list[TrainingImage]) -> None:
    points = hyperbolic.embed([image.path for image in images])
    assert points.dtype == np.float32
    assert np.linalg.norm(points, axis=1).max() <= np.tanh(0.3**0.5 * 1.5) / 0.3**0.5 + 1e-5
    assert hyperbolic.embed([]).shape == (0, 16)


def test_evaluation_searches_by_geodesic_distance(hyperbolic: Retriever, images: list[TrainingImage]) -> None:
    queries = tuple(LabelledImage(image.id, image.path, image.label, "validation") for image in images)
    measured, _ = measure_retriever(hyperbolic, RetrievalTask(queries, queries))
    points = torch.from_numpy(hyperbolic.embed([image.path for image in images]))
    nearest = distances(points, points, 0.3).fill_diagonal_(torch.inf).argmin(dim=1).tolist()
    right = [images[near].label == image.label for near, image in zip(nearest, images, strict=True)]
    assert measured.recall_at[1] == pytest.approx(np.mean(right))


@pytest.mark.parametrize("head", [Sphere(), Hyperbolic()])
def test_a_fresh_head_keeps_the_cosines_of_the_features(head: Sphere | Hyperbolic) -> None:
    features = torch.randn(30, 12, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        placed = torch.nn.functional.normalize(make_pca_head(head, features, 12)(features), dim=1)
    unit = torch.nn.functional.normalize(features, dim=1)
    assert torch.allclose(placed @ placed.T, unit @ unit.T, atol=1e-5)


@pytest.mark.parametrize("text", ["sphere", "hyperbolic", HEAD])
def test_heads_come_back_from_their_facts(text: str) -> None:
    head = make_head(text)
    assert head_from_facts(json.loads(json.dumps(head_facts(head, 8)))) == head


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"kind": "torus"}, "unknown head 'torus'"),
        ({"kind": "hyperbolic", "c": 0}, r"c must be above 0\.000001"),
        ({"kind": "sphere", "distance": "hyperbolic"}, "has distance 'cosine'"),
    ],
)
def test_foreign_heads_are_reported(facts: dict[str, object], words: str) -> None:
    with pytest.raises(SetupError, match=words):
        head_from_facts(facts)


def test_recipes_from_before_there_were_heads_keep_their_address() -> None:
    assert parse_preset("cpu").key == "7199edf9b0a2ef3b8f92273fa6b20310"
    assert parse_preset("cpu", head="hyperbolic").key != parse_preset("cpu").key
