"""Real images from an unlabelled pool: the baseline that every generator has to beat.

Retrieved real images match or beat synthetic ones in every setting of *The Unmet Promise of Synthetic Training
Images* (Geng et al., NeurIPS 2024), so a run with a pool should try them. `pool_matching` chooses the images; this
generator only opens them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import SetupError, ToolError
from atlantis_core.data.entries import Entry
from atlantis_core.data.image_io import open_image
from atlantis_core.data.inspection import USUAL_SUFFIXES, inspect_files, summarize_problems
from atlantis_core.generation.sizes import shrink

if TYPE_CHECKING:
    from PIL.Image import Image

    from atlantis_core.records import GenerationMode, GenerationRequest


@dataclass(frozen=True, slots=True)
class PoolImage:
    """One usable image of the pool."""

    id: str
    """First 16 hex digits of the SHA-256 of the file."""
    path: str


class RetrieveGenerator:
    """Returns real images of a pool.

    Args:
        folder: The pool's folder, searched recursively; the names of subfolders have no meaning.

    Raises:
        SetupError: The folder does not exist, or has no image.
    """

    name = "retrieve"
    modes: tuple[GenerationMode, ...] = ("retrieve",)
    notice = ""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder).expanduser().resolve()
        if not self._folder.is_dir():
            raise SetupError(f"pool folder {folder!r} does not exist; check --generator retrieve:FOLDER")
        self._files = sorted(
            path for path in self._folder.rglob("*") if path.suffix.lower() in USUAL_SUFFIXES and path.is_file()
        )
        if not self._files:
            raise SetupError(f"pool folder {folder!r} contains no images; check --generator retrieve:FOLDER")

    @cached_property
    def version(self) -> str:
        """Content hash of the names and sizes of the pool's files."""
        listed = [f"{path.relative_to(self._folder)}:{path.stat().st_size}" for path in self._files]
        return hashlib.sha256("\n".join(listed).encode()).hexdigest()[:16]

    @cached_property
    def pool(self) -> tuple[PoolImage, ...]:
        """The usable images; damaged files, other files and near-duplicates are left out.

        Raises:
            SetupError: No image is usable.
        """
        entries = [Entry(path, str(path.relative_to(self._folder)), "", None) for path in self._files]
        found, problems = inspect_files(entries)
        if not found:
            raise SetupError(f"no image of pool {str(self._folder)!r} is usable: {summarize_problems(problems)}")
        return tuple(PoolImage(photo.id, str(photo.entry.path)) for photo in found)

    def settings(self, request: GenerationRequest) -> Mapping[str, Any]:
        """Return which image of the pool it is."""
        return {"pool": str(self._folder), "file": str(Path(request.source_path).relative_to(self._folder))}

    def generate(self, requests: Iterable[GenerationRequest]) -> Iterator[Image]:
        """Yield the chosen images, in order; the short side is at most `side_px` (0: the image's own).

        Raises:
            ToolError: A request names no image, or one that cannot be read.
            SetupError: The image no longer exists.
        """
        for request in requests:
            if not request.source_path:
                raise ToolError(f"request {request.key!r} names no image of the pool; use mode `retrieve`")
            yield shrink(open_image(request.source_path, 2 * request.side_px), request.side_px)
