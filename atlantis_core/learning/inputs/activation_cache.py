"""Cache the outputs of the backbone's frozen lower part: computed once per image and kept on disk.

There is one file per image and kind of view, written atomically and found by content hash. Trials, rounds and
processes share them, so a new synthetic image costs only its own views. Each image is computed as its own batch, so
that a cached value never depends on the other images.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from atlantis_core.base.atomic_file import write_atomically
from atlantis_core.base.hashing import content_hash
from atlantis_core.base.parallel import map_on_cores
from atlantis_core.base.ports import Progress, no_progress
from atlantis_core.learning.inputs import augmentation, preprocessing
from atlantis_core.learning.inputs.augmentation import augmented_view, strength_of
from atlantis_core.learning.inputs.preprocessing import decode_image, resampling, to_batch, to_input

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from atlantis_core.learning.models.backbones import BackboneSpec
    from atlantis_core.learning.models.split_backbone import Stages

MEMORY_BYTES = 3 * 2**30
"""Activations up to this size in total stay in memory for later trainings and measurements."""


class IdentifiedImage(Protocol):
    """An image with an id, such as `LabelledImage` or `TrainingImage`."""

    @property
    def id(self) -> str:
        """Content hash; equal ids mean equal images."""
        ...

    @property
    def path(self) -> str:
        """Path of the image file."""
        ...


@dataclass(frozen=True, slots=True)
class ViewKind:
    """Which views of an image: the clean one, or a number of augmented ones."""

    side_px: int
    """Side of the square input."""
    views: int = 0
    """Number of augmented views; 0 means the clean one."""
    augmentation: str = ""
    """Name in `augmentation.STRENGTHS`; unused for the clean view."""

    @property
    def name(self) -> str:
        """Folder name of this kind in the cache."""
        clean = f"clean{preprocessing.VERSION}-{self.side_px}"
        return f"{clean}-{self.augmentation}{augmentation.VERSION}x{self.views}" if self.views else clean

    def make_views(self, image: Image, image_id: str, backbone: BackboneSpec) -> list[Image]:
        """Return the views of one image, as squares of `side_px`."""
        if not self.views:
            return [to_input(image, self.side_px, backbone)]
        strength, filtered = strength_of(self.augmentation), resampling(backbone)
        return [augmented_view(image, self.side_px, strength, image_id, n + 1, filtered) for n in range(self.views)]


class Views(Protocol):
    """The activations of one image's views."""

    def __getitem__(self, view: int, /) -> NDArray[Any]:
        """Return the activations of one view, counted from 0."""
        ...


@dataclass(frozen=True, slots=True)
class ViewsOnDisk:
    """Views that are read from disk at each access: keeping every file mapped would exhaust the file handles."""

    path: Path

    def __getitem__(self, view: int, /) -> NDArray[Any]:
        """Read one view."""
        mapped: NDArray[Any] = np.load(self.path, mmap_mode="r")
        return np.array(mapped[view])


class ActivationCache:
    """A folder of activations, safe to share between threads and processes."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._held: dict[Path, NDArray[Any]] = {}
        self._held_bytes = 0
        self._lock = threading.Lock()

    def load(
        self,
        images: Sequence[IdentifiedImage],
        kind: ViewKind,
        backbone: BackboneSpec,
        stages: Stages,
        progress: Progress = no_progress,
    ) -> list[Views]:
        """Return the activations of every image, computing the missing ones.

        Args:
            images: Images; repeated ids are computed once.
            kind: Which views.
            backbone: The backbone before any training; it and the cut are part of the content hash.
            stages: The split backbone, on the device that computes.
            progress: Reports computed images only.

        Returns:
            The views of every image, float16 (float32 if half precision would overflow), read-only. Whatever
            exceeds `MEMORY_BYTES` is read from disk at each access.

        Raises:
            SetupError: An image cannot be read.
        """
        root = self.folder / content_hash("lower", [backbone.fingerprint, stages.cut]) / kind.name
        paths = {image.id: _file_of(root, image.id) for image in images}
        views = {key: cached for key, path in paths.items() if (cached := self._read(path)) is not None}
        missing = list({image.id: image for image in images if image.id not in views}.values())

        def compute(image: IdentifiedImage) -> IdentifiedImage:
            _write(paths[image.id], _compute(image, kind, backbone, stages))
            return image

        for done, image in enumerate(map_on_cores(compute, missing)):
            progress("activations", done, len(missing))
            computed = self._read(paths[image.id])
            assert computed is not None  # it has just been written
            views[image.id] = computed
        if missing:
            progress("activations", len(missing), len(missing))
        return [views[image.id] for image in images]

    def _read(self, path: Path) -> Views | None:
        """Return the cached views of an image, from memory while there is room; None without an intact file."""
        with self._lock:
            if path in self._held:
                return self._held[path]
            mapped = _map_file(path)
            if mapped is None:
                return None
            if self._held_bytes + mapped.nbytes > MEMORY_BYTES:
                return ViewsOnDisk(path)
            held = np.array(mapped)
            held.flags.writeable = False
            self._held[path] = held
            self._held_bytes += held.nbytes
            return held


def _file_of(root: Path, image_id: str) -> Path:
    """Return the file of an image; ids are hashed, since they come from outside."""
    name = hashlib.sha256(image_id.encode()).hexdigest()[:24]
    return root / name[:2] / f"{name}.npy"


def _map_file(path: Path) -> NDArray[Any] | None:
    """Map a file into memory; None if it is missing or truncated (a power cut can leave an empty one)."""
    try:
        mapped: NDArray[Any] = np.load(path, mmap_mode="r")
    except FileNotFoundError:
        return None
    except (ValueError, EOFError):
        path.unlink(missing_ok=True)
        return None
    return mapped


def _compute(image: IdentifiedImage, kind: ViewKind, backbone: BackboneSpec, stages: Stages) -> NDArray[Any]:
    import torch

    views = kind.make_views(decode_image(image.path), image.id, backbone)
    with torch.inference_mode():
        outputs: NDArray[Any] = stages.lower(to_batch(views, backbone).to(stages.device)).cpu().numpy()
    with np.errstate(over="ignore"):
        half = outputs.astype(np.float16)
    return half if np.isfinite(half).all() else outputs


def _write(path: Path, array: NDArray[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_atomically(path) as part, part.open("wb") as file:
        np.save(file, array)
