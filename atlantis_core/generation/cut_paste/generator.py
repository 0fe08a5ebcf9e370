"""The generator for classes that have hardly a photo: their objects on backgrounds where others were photographed.

No online augmentation takes an object off its ground. Every image is new: layout, scale, angle, light and background
are drawn for each request; see `layouts`, `light` and `compositing`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

from atlantis_core.base.errors import SetupError, ToolError
from atlantis_core.base.option_strings import make_with, name_and_options
from atlantis_core.base.ports import Capabilities
from atlantis_core.data.image_io import open_image
from atlantis_core.generation.cut_paste.compositing import paste
from atlantis_core.generation.cut_paste.sources import Cutter, UsableSources, list_files, open_folder
from atlantis_core.generation.edits import EDITS
from atlantis_core.generation.medium_words import MEDIA
from atlantis_core.generation.sizes import shrink

if TYPE_CHECKING:
    from PIL.Image import Image

    from atlantis_core.records import GenerationMode, GenerationRequest, LabelledImage

_RECIPE = "1"
"""Raised when the same request would give another image."""


@dataclass(frozen=True, slots=True)
class CutPasteOptions:
    """What follows `?` in `cut_paste:BACKGROUNDS?masks=MASKS`."""

    masks: str = ""
    """Folder with a mask for each photo, named like it; white is object. Others are cut as usual."""


def add_masks(generator: str, masks: str | None) -> str:
    """Return the text of `--generator` with the folder of `--masks`; any that does not cut out is left as it is.

    Raises:
        SetupError: It names masks already.
    """
    name, _, spec = generator.partition(":")
    if masks is None or name != CutPasteGenerator.name:
        return generator
    if "masks" in name_and_options(spec, "?", "generator cut_paste:", decode=True)[1]:
        raise SetupError(f"--generator {generator!r} names masks already; leave out --masks {masks!r}")
    return f"{name}:{spec}{'&' if '?' in spec else '?'}masks={quote_plus(masks)}"


class CutPasteGenerator:
    """Cuts the object out of a training photo and pastes it on another background.

    `spec` is `BACKGROUNDS?masks=MASKS`, and both folders may be left out. Without BACKGROUNDS, the background is the
    reference image of the request: a training photo of another class (`requests.build_requests`).

    Raises:
        SetupError: A folder does not exist or has no image, or an option is unknown.
    """

    name = "cut_paste"
    modes: tuple[GenerationMode, ...] = ("edit",)
    notice = ""
    capabilities = Capabilities(
        "objects of the class, cut out of its photos, at other scales and angles on the backgrounds and in the light "
        "of other photos",
        "light or weather that no training photo shows, another medium, pose or side",
        frozenset({"background", "background_clutter", "viewpoint"}),
        borrows=frozenset({*EDITS}) - frozenset(MEDIA),
        reads="nothing",
    )

    def __init__(self, spec: str = "") -> None:
        folder, given = name_and_options(spec, "?", "generator cut_paste:", decode=True)
        options: CutPasteOptions = make_with(CutPasteOptions, given, "generator 'cut_paste'")
        self._folder = open_folder(folder, "backgrounds") if folder else None
        self._masks = open_folder(options.masks, "masks") if options.masks else None
        self._backgrounds = list_files(self._folder) if self._folder else []
        self._cutter = Cutter(self._masks)

    @cached_property
    def version(self) -> str:
        """The recipe's number; with folders, a content hash of it and of the names and sizes of their files too."""
        folders = [folder for folder in (self._folder, self._masks) if folder]
        if not folders:
            return _RECIPE
        files = [
            f"{path.relative_to(folder)}:{path.stat().st_size}" for folder in folders for path in list_files(folder)
        ]
        listed = [_RECIPE, "backgrounds" if self._folder else "masks", *files]
        return hashlib.sha256("\n".join(listed).encode()).hexdigest()[:16]

    def choose_sources(self, images: Iterable[LabelledImage]) -> UsableSources:
        """Choose the photos that an object can be cut out of; see `sources.Cutter.choose_sources`."""
        return self._cutter.choose_sources(images)

    def settings(self, request: GenerationRequest) -> Mapping[str, Any]:
        """Return which background is used, and where masks come from."""
        if background := self._pick(request):
            shown = {"folder": str(self._folder), "file": str(background.relative_to(self._folder or background))}
        else:
            shown = {"id": request.reference_id}
        return {"background": shown, "masks": str(self._masks) if self._masks else None}

    def generate(self, requests: Iterable[GenerationRequest]) -> Iterator[Image]:
        """Yield one RGB image per request, in order: the background's proportions, the short side `side_px`.

        The short side is at most that of the source, which it is with a `side_px` of 0.

        Raises:
            ToolError: A request names no source or background, or one that cannot be read, or the source's object
                cannot be cut out.
            SetupError: The source or background no longer exists.
        """
        import numpy as np
        from PIL import Image as Pillow

        for request in requests:
            if not request.source_path:
                raise ToolError(
                    f"request {request.key!r} names no source image; `cut_paste` cuts one out: use mode `edit`"
                )
            source = open_image(request.source_path, 2 * request.side_px)
            side_px = min(request.side_px or source.width, *source.size)
            background = shrink(open_image(self._background_path(request), 2 * side_px), 2 * side_px)
            pixels = paste(self._cutter.cut(request.source_path), np.asarray(background), side_px, request.seed)
            yield Pillow.fromarray(pixels)

    def _pick(self, request: GenerationRequest) -> Path | None:
        return self._backgrounds[request.seed % len(self._backgrounds)] if self._backgrounds else None

    def _background_path(self, request: GenerationRequest) -> str:
        path = self._pick(request) or request.reference_path
        if not path:
            raise ToolError(
                f"request {request.key!r} names no background; the collection has no photo of another class, so name "
                "a folder: --generator cut_paste:FOLDER"
            )
        return str(path)
