"""Build a generator by name and options."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlantis_core.base.ports import GENERATORS, FittableGenerator, Generator, Progress
from atlantis_core.base.registry import build_part

if TYPE_CHECKING:
    from pathlib import Path

    from atlantis_core.records import Collection


def build_generator(text: str, collection: Collection, workspace: Path, progress: Progress) -> Generator:
    """Build a generator; one that can be fitted gets the collection's training photos.

    What is learned of them is kept in the folder `adapters` of the workspace.

    Raises:
        SetupError: The generator or an option is unknown, or a value is invalid.
    """
    built: Generator = build_part(GENERATORS, text, "generator", Generator)
    if isinstance(built, FittableGenerator):
        built.use_photos(collection.of_split("train"), workspace / "adapters", progress)
    return built
