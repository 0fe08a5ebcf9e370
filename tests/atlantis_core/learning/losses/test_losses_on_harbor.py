"""Every loss improves the bundled student on the bundled world, in seconds."""

from __future__ import annotations

from pathlib import Path

import pytest

from atlantis_core.data.reading import read_collection
from atlantis_core.data.tasks import RetrievalTask
from atlantis_core.harbor.world_files import write_bundled_collection
from atlantis_core.learning.evaluation import measure_retriever
from atlantis_core.learning.inputs.activation_cache import ActivationCache
from atlantis_core.learning.inputs.pk_sampler import TrainingImage
from atlantis_core.learning.losses.losses import LOSSES
from atlantis_core.learning.models.backbones import HARBOR_STUDENT, resolve_backbone
from atlantis_core.learning.retriever import Retriever, frozen_retriever, load_retriever
from atlantis_core.learning.training.presets import parse_preset
from atlantis_core.learning.training.train import train

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("harbor")
    collection = read_collection(write_bundled_collection("harbor-tiny", folder / "world")).collection
    images = [TrainingImage(image.id, image.path, image.label) for image in collection.of_split("train")]
    shown = collection.of_split("validation")
    return images, RetrievalTask(shown, shown), ActivationCache(folder / "cache")


def map_at_r(retriever: Retriever, world) -> float:
    found = measure_retriever(retriever, world[1], world[2])[0].scores["map_at_r"]
    assert found is not None
    return found


@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_every_loss_learns(world, tmp_path: Path, loss: str) -> None:
    backbone = resolve_backbone(HARBOR_STUDENT)
    hyperbolic = loss == "hyperbolic_pairs"
    chosen = {
        "loss": loss,
        "head": "hyperbolic" if hyperbolic else "sphere",
        "temperature": 0.2 if hyperbolic else 0.1,
    }
    recipe = parse_preset("harbor", steps=60, classes_per_batch=8, views=2, embed_dim=64, **chosen)
    report = train(world[0], backbone, recipe, 0, tmp_path / "m", world[2])
    assert report.last_loss < report.first_loss
    start = map_at_r(frozen_retriever(backbone, recipe.trainable_fraction), world)
    assert map_at_r(load_retriever(report.path), world) > start + 0.1
