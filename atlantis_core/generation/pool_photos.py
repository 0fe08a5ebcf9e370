"""Photos of the run's pool, with what is known about each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from atlantis_core.generation.retrieve import RetrieveGenerator
from atlantis_core.pool.pool_folder import PoolFolder

if TYPE_CHECKING:
    from atlantis_core.records import GenerationMode, GenerationRequest


class PoolPhotos(RetrieveGenerator):
    """Returns the photos that requests name; their notes are kept in the candidates' settings.

    Raises:
        SetupError: The folder does not exist, or has no image.
    """

    name = "pool"
    modes: tuple[GenerationMode, ...] = ("retrieve", "edit", "text_to_image")
    """A draft of any mode: the photos do not depend on it."""

    def __init__(self, folder: str) -> None:
        self._pool = PoolFolder(folder)

    def settings(self, request: GenerationRequest) -> Mapping[str, Any]:
        """Return which photo of the pool it is, and the request's notes."""
        return {**super().settings(request), **request.notes}
