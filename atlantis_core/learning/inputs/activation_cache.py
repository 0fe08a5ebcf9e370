"""Outputs of the frozen lower trunk, computed once per picture and kept on disk.

One file per picture and kind of view, written atomically and found by content address: trials, rounds and
processes share them, and a made picture costs only its own views. Each picture is a batch of its own, so that
a cached value does not depend on what else was computed beside it, before or after a crash.
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
"""Activations up to this size are held in memory for the trainings and measurements to come; the rest is mapped."""


class IdentifiedImage(Protocol):
    """A picture known by its content: `LabelledImage`, `TrainingImage` and the like."""

    @property
    def id(self) -> str:
        """Content address; two pictures with one id are one picture."""
        ...

    @property
    def path(self) -> str:
        """Where its file is."""
        ...


@dataclass(frozen=True, slots=True)
class ViewKind:
    """Which views of a picture: the clean one, or a number of augmented ones."""

    side_px: int
    """Side of the square input."""
    views: int = 0
    """Augmented views; 0 stands for the clean one."""
    augmentation: str = ""
    """Name in `augmentation.STRENGTHS`; unused for the clean view."""

    @property
    def name(self) -> str:
        """Folder name of this kind."""
        clean = f"clean{preprocessing.VERSION}-{self.side_px}"
        return f"{clean}-{self.augmentation}{augmentation.VERSION}x{self.views}" if self.views else clean

    def pictures(self, picture: Image, image_id: str, backbone: BackboneSpec) -> list[Image]:
        """Return the views of one picture, all squares of `side_px`."""
        if not self.views:
            return [to_input(picture, self.side_px, backbone)]
        strength, filtered = strength_of(self.augmentation), resampling(backbone)
        return [augmented_view(picture, self.side_px, strength, image_id, n + 1, filtered) for n in range(self.views)]


class Views(Protocol):
    """The activations of one picture's views."""

    def __getitem__(self, view: int, /) -> NDArray[Any]:
        """Return the activations of one view, counted from 0."""
        ...


@dataclass(frozen=True, slots=True)
class ViewsOnDisk:
    """Views that are read when they are asked for: a mapping kept for each picture would exhaust file handles."""

    path: Path

    def __getitem__(self, view: int, /) -> NDArray[Any]:
        """Read one view."""
        mapped: NDArray[Any] = np.load(self.path, mmap_mode="r")
        return np.array(mapped[view])


class ActivationCache:
    """Activations on disk under one folder; safe to share between threads and processes."""

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
        """Return the activations of every picture, computing those that are not there yet.

        Args:
            images: Pictures; repeated ids are computed once.
            kind: Which views.
            backbone: The trunk as it was before any training; it and the cut are part of the address.
            stages: The trunk cut in two, on the device that is to compute.
            progress: Told of computed pictures only.

        Returns:
            The views of every picture, float16 (float32 where half precision would overflow), read-only; what
            does not fit into `MEMORY_BYTES` is read from disk whenever it is asked for.

        Raises:
            SetupError: A picture cannot be read.
        """
        root = self.folder / content_hash("lower", [backbone.fingerprint, stages.cut]) / kind.name
        paths = {image.id: _file_of(root, image.id) for image in images}
        arrays = {key: self._read(path) for key, path in paths.items()}
        missing = list({image.id: image for image in images if arrays[image.id] is None}.values())

        def compute(image: IdentifiedImage) -> IdentifiedImage:
            _write(paths[image.id], _compute(image, kind, backbone, stages))
            return image

        for done, image in enumerate(map_on_cores(compute, missing)):
            progress("activations", done, len(missing))
            arrays[image.id] = self._read(paths[image.id])
        if missing:
            progress("activations", len(missing), len(missing))
        return [_is_complete(arrays[image.id]) for image in images]

    def _read(self, path: Path) -> Views | None:
        """Return a picture's views, held in memory while there is room; None where there is no whole file."""
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


def _is_complete(views: Views | None) -> Views:
    assert views is not None  # they were read, or computed and then read
    return views


def _file_of(root: Path, image_id: str) -> Path:
    """Return the file of a picture; ids are hashed, since they come from outside."""
    name = hashlib.sha256(image_id.encode()).hexdigest()[:24]
    return root / name[:2] / f"{name}.npy"


def _map_file(path: Path) -> NDArray[Any] | None:
    """Map a file; None where it is not there or cut short (a power cut can leave an empty one)."""
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

    views = kind.pictures(decode_image(image.path), image.id, backbone)
    device = next(stages.trunk.parameters()).device
    with torch.inference_mode():
        outputs: NDArray[Any] = stages.lower(to_batch(views, backbone).to(device)).cpu().numpy()
    with np.errstate(over="ignore"):
        half = outputs.astype(np.float16)
    return half if np.isfinite(half).all() else outputs


def _write(path: Path, array: NDArray[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_atomically(path) as part, part.open("wb") as file:
        np.save(file, array)
