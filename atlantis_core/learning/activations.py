"""Outputs of the frozen lower trunk, computed once per picture and kept on disk.

One file per picture and kind of view, written atomically and found by content address: trials, rounds and
processes share them, and a made picture costs only its own views. Each picture is a batch of its own, so that
a cached value does not depend on what else was computed beside it, before or after a crash.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from atlantis_core.learning import augmentation, pictures
from atlantis_core.learning.augmentation import strength_of, view
from atlantis_core.learning.pictures import as_batch, open_picture, square
from atlantis_core.learning.recipe import content_key
from atlantis_core.ports import Progress, no_progress

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from atlantis_core.learning.backbones import Backbone
    from atlantis_core.learning.stages import Stages

MEMORY_BYTES = 3 * 2**30
"""Activations of one training up to this size are read into memory; larger ones stay on disk, mapped."""


class Identified(Protocol):
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
        clean = f"clean{pictures.VERSION}-{self.side_px}"
        return f"{clean}-{self.augmentation}{augmentation.VERSION}x{self.views}" if self.views else clean

    def pictures(self, picture: Image, image_id: str) -> list[Image]:
        """Return the views of one picture, all squares of `side_px`."""
        if not self.views:
            return [square(picture, self.side_px)]
        strength = strength_of(self.augmentation)
        return [view(picture, self.side_px, strength, image_id, n + 1) for n in range(self.views)]


class ActivationCache:
    """Activations on disk under one folder; safe to share between processes."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def load(
        self,
        images: Sequence[Identified],
        kind: ViewKind,
        backbone: Backbone,
        stages: Stages,
        progress: Progress = no_progress,
    ) -> list[NDArray[Any]]:
        """Return the activations of every picture, computing those that are not there yet.

        Args:
            images: Pictures; repeated ids are computed once.
            kind: Which views.
            backbone: The trunk as it was before any training; it and the cut are part of the address.
            stages: The trunk cut in two, on the device that is to compute.
            progress: Told of computed pictures only.

        Returns:
            One array (V, ...) per picture, float16 (float32 where half precision would overflow), read-only
            and mapped from disk where all of them would not fit into `MEMORY_BYTES`.

        Raises:
            SetupError: A picture cannot be read.
        """
        root = self.folder / content_key([backbone.fingerprint, stages.cut]) / kind.name
        paths = {image.id: _file_of(root, image.id) for image in images}
        missing = list({image.id: image for image in images if not _is_whole(paths[image.id])}.values())
        for done, image in enumerate(missing):
            progress("activations", done, len(missing))
            _write(paths[image.id], _compute(image, kind, backbone, stages))
        if missing:
            progress("activations", len(missing), len(missing))
        in_memory = sum(path.stat().st_size for path in paths.values()) <= MEMORY_BYTES
        arrays = {key: np.load(path, mmap_mode=None if in_memory else "r") for key, path in paths.items()}
        return [arrays[image.id] for image in images]


def _file_of(root: Path, image_id: str) -> Path:
    """Return the file of a picture; ids are hashed, since they come from outside."""
    name = hashlib.sha256(image_id.encode()).hexdigest()[:24]
    return root / name[:2] / f"{name}.npy"


def _is_whole(path: Path) -> bool:
    """Tell whether a file is there and not cut short (a power cut can leave an empty one)."""
    try:
        np.load(path, mmap_mode="r")
    except FileNotFoundError:
        return False
    except (ValueError, EOFError, OSError):
        path.unlink(missing_ok=True)
        return False
    return True


def _compute(image: Identified, kind: ViewKind, backbone: Backbone, stages: Stages) -> NDArray[Any]:
    import torch

    views = kind.pictures(open_picture(image.path), image.id)
    device = next(stages.trunk.parameters()).device
    with torch.inference_mode():
        outputs: NDArray[Any] = stages.lower(as_batch(views, backbone).to(device)).cpu().numpy()
    with np.errstate(over="ignore"):
        half = outputs.astype(np.float16)
    return half if np.isfinite(half).all() else outputs


def _write(path: Path, array: NDArray[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
    with os.fdopen(handle, "wb") as file:
        np.save(file, array)
    Path(temporary).replace(path)
