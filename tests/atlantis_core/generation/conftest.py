"""Small real-looking photos, and requests for edits of them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from atlantis_core.generation.requests import request_hash
from atlantis_core.records import Cell, GenerationRequest, LabelledImage
from tests.atlantis_core.generation.diffusion_models import write_tiny_pipeline


def photo(seed: int, width: int = 80, height: int = 64) -> Image.Image:
    """A smooth scene: pale sky, darker ground, coloured things in the middle."""
    rng = np.random.default_rng(seed)
    rows = np.linspace(200, 90, height)[:, None, None] * np.array([0.9, 1.0, 1.1])
    scene = np.broadcast_to(rows, (height, width, 3)).copy()
    for _ in range(6):
        x, y = rng.integers(width // 5, width // 2), rng.integers(height // 5, height // 2)
        scene[y : y + height // 4, x : x + width // 4] = rng.integers(30, 230, 3)
    return Image.fromarray((scene + rng.normal(0, 3, scene.shape)).clip(0, 255).astype(np.uint8))


@pytest.fixture(scope="session")
def tiny_pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Stable Diffusion folder that draws 32 px noise in no time."""
    return write_tiny_pipeline(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def source(tmp_path: Path) -> LabelledImage:
    photo(0).save(tmp_path / "source.png")
    return LabelledImage("source0", str(tmp_path / "source.png"), "tug", "train")


@pytest.fixture
def ask(source: LabelledImage) -> Callable[..., GenerationRequest]:
    """Ask for an edit: `ask("night", seed=3)`."""

    def asked(
        value: str, seed: int = 0, prompt: str = "", side_px: int = 0, facet: str = "lighting"
    ) -> GenerationRequest:
        cell = Cell("tug", facet, value)
        key = request_hash("photometric/2", source.id, "", prompt, cell, seed, side_px)
        return GenerationRequest(key, cell, prompt, seed, source.id, source.path, side_px)

    return asked
