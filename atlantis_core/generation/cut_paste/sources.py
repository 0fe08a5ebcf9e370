"""Which photos an object can be cut out of: those with a mask or on plain ground, before those that need GrabCut."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.base.errors import SetupError
from atlantis_core.data.image_io import open_image
from atlantis_core.data.inspection import USUAL_SUFFIXES
from atlantis_core.generation.cut_paste.cutting import Cutout, cut_out
from atlantis_core.generation.cut_paste.masks import BadMask, ObjectMask, find_mask
from atlantis_core.records import LabelledImage

if TYPE_CHECKING:
    from PIL.Image import Image

FEW_PHOTOS = 4
"""A class with fewer training photos than this cannot be learnt from them, nor its synthetic images be scored."""
_SIDE_PX = 512
"""Masks are found at this short side at most: GrabCut needs seconds for more."""
_MOST_CUTOUTS = 256


@dataclass(frozen=True, slots=True)
class UsableSources:
    """The photos whose object can be pasted, and why others cannot."""

    images: tuple[LabelledImage, ...]
    refused: tuple[str, ...]
    """A line per refused photo of a class, with its file name and the reason."""
    without: tuple[str, ...]
    """Classes that have photos, but none that can be used."""


def list_files(folder: Path) -> list[Path]:
    """Return the images of a folder and of those below it, sorted."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in USUAL_SUFFIXES and path.is_file())


def open_folder(text: str, what: str) -> Path:
    """Return a folder with images.

    Raises:
        SetupError: It does not exist or holds none; `what` says what the images are for.
    """
    folder = Path(text).expanduser().resolve()
    if not folder.is_dir():
        raise SetupError(
            f"folder {text!r} of {what} does not exist; check --generator cut_paste:BACKGROUNDS?masks=MASKS"
        )
    if not list_files(folder):
        raise SetupError(f"folder {text!r} of {what} contains no images; check what is in it")
    return folder


@dataclass(slots=True)
class Cutter:
    """Cuts objects out, each photo once."""

    masks: Path | None = None
    """Folder with a mask (white is object) named like its photo: `tea/1.png` or `1.png` for `.../tea/1.jpg`."""
    _cutouts: dict[str, Cutout] = field(default_factory=dict)

    def cut(self, path: str) -> Cutout:
        """Cut the object out of a photo.

        Raises:
            BadMask: There is no trustworthy mask; the message names the file.
            ToolError: The photo or its mask cannot be read.
            SetupError: The photo is gone.
        """
        if path not in self._cutouts:
            pixels = _shrink(open_image(path, 2 * _SIDE_PX))
            while len(self._cutouts) >= _MOST_CUTOUTS:
                del self._cutouts[next(iter(self._cutouts))]
            self._cutouts[path] = cut_out(pixels, self._find(path, pixels))
        return self._cutouts[path]

    def choose_sources(self, images: Iterable[LabelledImage]) -> UsableSources:
        """Choose among training photos: of each class those with a mask or plain ground, else those GrabCut can do.

        Raises:
            SetupError: A photo is gone.
        """
        of_class: dict[str, list[LabelledImage]] = {}
        for image in images:
            of_class.setdefault(image.label, []).append(image)
        usable: list[LabelledImage] = []
        refused: list[str] = []
        without: list[str] = []
        for label, members in of_class.items():
            found, reasons = self._choose(members)
            usable += found
            refused += reasons
            if not found:
                without.append(label)
        return UsableSources(tuple(usable), tuple(refused), tuple(without))

    def _choose(self, images: Sequence[LabelledImage]) -> tuple[list[LabelledImage], list[str]]:
        how: dict[str, list[LabelledImage]] = {}
        reasons = []
        for image in images:
            try:
                pixels = _shrink(open_image(image.path, 2 * _SIDE_PX))
                how.setdefault(self._find(image.path, pixels).how, []).append(image)
            except BadMask as error:
                reasons.append(str(error))
        sure = [*how.get("given", ()), *how.get("plain ground", ())]
        return sure or how.get("GrabCut", []), reasons

    def _find(self, path: str, pixels: np.ndarray) -> ObjectMask:
        given = self._given(path)
        try:
            if given is None:
                return find_mask(pixels)
            size = pixels.shape[1], pixels.shape[0]
            return find_mask(pixels, np.asarray(given.convert("L").resize(size)))
        except BadMask as error:
            raise BadMask(f"{Path(path).name!r}: {error}; leave it out, or give a mask of it") from None

    def _given(self, path: str) -> Image | None:
        if self.masks is None:
            return None
        photo = Path(path)
        for stem in (self.masks / photo.parent.name / photo.stem, self.masks / photo.stem):
            for suffix in (".png", *sorted(USUAL_SUFFIXES)):
                if (found := stem.parent / f"{stem.name}{suffix}").is_file():
                    return open_image(str(found))
        return None


def _shrink(image: Image) -> np.ndarray:
    from atlantis_core.generation.sizes import shrink

    return np.asarray(shrink(image, _SIDE_PX))
