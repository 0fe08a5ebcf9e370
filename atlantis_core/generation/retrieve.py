"""Real images from an unlabelled pool: the baseline that every generator has to beat.

Retrieved real images match or beat synthetic ones in every setting of *The Unmet Promise of Synthetic Training
Images* (Geng et al., NeurIPS 2024), so a run with a pool should try them. `pool_matching` chooses the images; this
generator only opens them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import ToolError
from atlantis_core.base.ports import Capabilities
from atlantis_core.data.image_io import open_image
from atlantis_core.generation.sizes import shrink
from atlantis_core.pool.pool_folder import PoolFolder, PoolImage

if TYPE_CHECKING:
    from PIL.Image import Image

    from atlantis_core.records import GenerationMode, GenerationRequest


class RetrieveGenerator:
    """Returns real images of a folder, searched recursively; the names of subfolders have no meaning.

    Raises:
        SetupError: The folder does not exist, or has no image.
    """

    name = "retrieve"
    modes: tuple[GenerationMode, ...] = ("retrieve",)
    notice = ""
    capabilities = Capabilities(
        "what the photos of its folder show", "anything that no photo of the folder shows", reads="nothing"
    )

    def __init__(self, folder: str) -> None:
        self._pool = PoolFolder(folder, "--generator retrieve:FOLDER")

    @property
    def version(self) -> str:
        """Content hash of the names and sizes of the pool's files."""
        return self._pool.version

    @property
    def pool(self) -> tuple[PoolImage, ...]:
        """The usable images; see `PoolFolder.images`.

        Raises:
            SetupError: No image is usable.
        """
        return self._pool.images

    def settings(self, request: GenerationRequest) -> Mapping[str, Any]:
        """Return which image of the pool it is."""
        return {"pool": str(self._pool.path), "file": str(Path(request.source_path).relative_to(self._pool.path))}

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
