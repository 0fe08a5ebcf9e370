"""Real images instead of made ones: the rival arm that every generator must beat.

Retrieved real images match or beat synthetic ones in every setting of *The Unmet Promise of Synthetic Training
Images* (Geng et al., NeurIPS 2024), so a run that has a pool of unlabelled photos should try them. Which photo goes
where is decided by `nearest`; here the chosen one is opened.
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
    """First 16 hex digits of the SHA-256 of its bytes."""
    path: str


class RetrieveGenerator:
    """Hands out real photos of a pool.

    Args:
        address: The pool's folder; images in folders below it count too, their names mean nothing.

    Raises:
        SetupError: There is no such folder, or no image in it.
    """

    name = "retrieve"
    modes: tuple[GenerationMode, ...] = ("retrieve",)
    notice = ""

    def __init__(self, address: str) -> None:
        self._folder = Path(address).expanduser().resolve()
        if not self._folder.is_dir():
            raise SetupError(f"there is no pool folder {address!r}; name one: --generator retrieve:FOLDER")
        self._files = sorted(
            path for path in self._folder.rglob("*") if path.suffix.lower() in USUAL_SUFFIXES and path.is_file()
        )
        if not self._files:
            raise SetupError(f"the pool folder {address!r} holds no images")

    @cached_property
    def version(self) -> str:
        """Content address of the pool's files by name and size: another pool gives other images."""
        listed = [f"{path.relative_to(self._folder)}:{path.stat().st_size}" for path in self._files]
        return hashlib.sha256("\n".join(listed).encode()).hexdigest()[:16]

    @cached_property
    def pool(self) -> tuple[PoolImage, ...]:
        """The usable images, each once; what is damaged, no image or a near-copy of another is left out.

        Raises:
            SetupError: None is of use.
        """
        entries = [Entry(path, str(path.relative_to(self._folder)), "", None) for path in self._files]
        found, problems = inspect_files(entries)
        if not found:
            raise SetupError(f"no image of the pool {str(self._folder)!r} is of use: {summarize_problems(problems)}")
        return tuple(PoolImage(photo.id, str(photo.entry.path)) for photo in found)

    def settings(self, request: GenerationRequest) -> Mapping[str, Any]:
        """Return which photo it is."""
        return {"pool": str(self._folder), "file": str(Path(request.source_path).relative_to(self._folder))}

    def generate(self, requests: Iterable[GenerationRequest]) -> Iterator[Image]:
        """Yield the chosen photos, in order; the short side is at most `side_px` (0: the photo's own).

        Raises:
            ToolError: A request without a photo, or with one that cannot be read.
            SetupError: The photo is gone.
        """
        for request in requests:
            if not request.source_path:
                raise ToolError(f"request {request.key!r} names no photo of the pool; use the `retrieve` arm")
            yield shrink(open_image(request.source_path, 2 * request.side_px), request.side_px)
