"""Models that stand in for real ones: image number n gets row n."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from atlantis_core.base.errors import SetupError
from atlantis_core.records import Collection, LabelledImage

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


class Ball(Numbers):
    """Points of the Poincare ball of curvature -0.1, out to its rim."""

    distance = "hyperbolic:0.1"

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        reach = np.random.default_rng(3).uniform(0.2, 0.98, (len(self.rows), 1)) * 0.1**-0.5
        self.rows = (self.rows * reach).astype(np.float32)
