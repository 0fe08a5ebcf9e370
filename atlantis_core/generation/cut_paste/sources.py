"""Which photos an object can be cut out of: those with a mask or on plain ground, before those that need GrabCut."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.base.errors import SetupError, ToolError
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
_SAME_PROPORTIONS = 0.05
"""A mask whose proportions differ by more is of another photo."""


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
            f"folder {text!r} of {what} does not exist; check --masks, or --generator cut_paste:FOLDER?masks=MASKS"
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
        try:
            given = self._given(path)
            if given is None:
                return find_mask(pixels)
            size = pixels.shape[1], pixels.shape[0]
            if abs(given.width / given.height * size[1] / size[0] - 1) > _SAME_PROPORTIONS:
                raise BadMask(
                    f"its mask has {given.width} x {given.height} px, other proportions than {size[0]} x {size[1]}"
                )
            return find_mask(pixels, np.asarray(given.convert("L").resize(size)))
        except BadMask as error:
            raise BadMask(f"{Path(path).name!r}: {error}; leave it out, or give a mask of it") from None

    def _given(self, path: str) -> Image | None:
        found = None if self.masks is None else find_mask_file(self.masks, path)
        if found is None:
            return None
        try:
            return open_image(str(found))
        except ToolError as error:
            raise BadMask(f"its mask cannot be read ({error})") from None


def find_mask_file(masks: Path, photo_path: str) -> Path | None:
    """Return the mask of a photo: `tea/1.png` or `1.png` for `.../tea/1.jpg`; None without one."""
    photo = Path(photo_path)
    for stem in (masks / photo.parent.name / photo.stem, masks / photo.stem):
        for suffix in (".png", *sorted(USUAL_SUFFIXES)):
            if (found := stem.parent / f"{stem.name}{suffix}").is_file():
                return found
    return None


def check_masks(text: str, photos: Iterable[LabelledImage]) -> None:
    """Refuse a folder of masks of which none belongs to a photo.

    Raises:
        SetupError: It does not exist, or none of its images is named like a photo.
    """
    masks, photos = open_folder(text, "masks"), list(photos)
    if photos and not any(find_mask_file(masks, photo.path) for photo in photos):
        photo = Path(photos[0].path)
        raise SetupError(
            f"no mask in {text!r} is named like a training photo; name that of {photo.name!r} "
            f"'{photo.parent.name}/{photo.stem}.png' or '{photo.stem}.png'"
        )


def _shrink(image: Image) -> np.ndarray:
    from atlantis_core.generation.sizes import shrink

    return np.asarray(shrink(image, _SIDE_PX))
