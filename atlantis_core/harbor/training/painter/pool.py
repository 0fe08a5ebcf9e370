"""The painter's training images, rendered once and saved in its work folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from atlantis_core.base.atomic_file import write_atomically
from atlantis_core.base.ports import Progress
from atlantis_core.harbor.canvas import SIDE_PX
from atlantis_core.harbor.renderer import render
from atlantis_core.harbor.scene import Scene
from atlantis_core.harbor.training.painter.curriculum import combinations, training_scene

_ON_VESSEL = 3.0


@dataclass(frozen=True, slots=True)
class Pool:
    """Training images in a fixed random order."""

    images: npt.NDArray[np.uint8]
    """(N, 64, 64, 3)."""
    shown: npt.NDArray[np.int64]
    """(N, 2): indexes of class and condition."""
    boxes: npt.NDArray[np.float32]
    """(N, 4): left, top, right, bottom of the vessel as fractions of the image."""


def load_pool(folder: Path, per_combination: int, progress: Progress) -> Pool:
    """Load the pool; the first time, render `per_combination` images of every combination."""
    file = folder / f"pool-{per_combination}.npz"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        pool = _render_pool(per_combination, progress)
        with write_atomically(file) as part, part.open("wb") as stream:
            np.savez(stream, images=pool.images, shown=pool.shown, boxes=pool.boxes)
    with np.load(file) as found:
        return Pool(found["images"], found["shown"], found["boxes"])


def vessel_weights(boxes: npt.NDArray[np.float32], side: int) -> npt.NDArray[np.float32]:
    """Return loss weights (N, 1, side, side): three times as high in the vessel's box as outside, 1 on average.

    The vessel covers a tenth of the image, but determines its class. Boxes are in fractions of the image.
    """
    middle = (np.arange(side, dtype=np.float32) + 0.5) / side
    left, top, right, bottom = (boxes[:, column, None] for column in range(4))
    across, down = (middle >= left) & (middle <= right), (middle >= top) & (middle <= bottom)
    weight = np.where(down[:, None, :, None] & across[:, None, None, :], _ON_VESSEL, 1.0)
    weight /= weight.mean(axis=(2, 3), keepdims=True)
    return weight.astype(np.float32)


def _render_pool(per_combination: int, progress: Progress) -> Pool:
    jobs = [(*pair, index) for pair in combinations() for index in range(per_combination)]
    order = np.random.default_rng(0).permutation(len(jobs))
    images = np.empty((len(jobs), SIDE_PX, SIDE_PX, 3), np.uint8)
    shown = np.empty((len(jobs), 2), np.int64)
    boxes = np.empty((len(jobs), 4), np.float32)
    for row, job in enumerate(order):
        scene = training_scene(*jobs[job])
        images[row], shown[row], boxes[row] = render(scene), jobs[job][:2], _vessel_box(scene)
        progress("rendering", row + 1, len(jobs))
    return Pool(images, shown, boxes)


def _vessel_box(scene: Scene) -> tuple[float, float, float, float]:
    """Return the vessel's approximate box: as high as long, mostly above the horizon."""
    half = scene.scale / 2
    return scene.x - half, scene.horizon - 0.8 * scene.scale, scene.x + half, scene.horizon + 0.25 * scene.scale
