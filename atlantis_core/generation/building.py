"""Build a generator by name and options."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlantis_core.base.ports import GENERATORS, FittableGenerator, Generator, Progress
from atlantis_core.base.registry import build_part
from atlantis_core.generation.cut_paste.generator import add_masks

if TYPE_CHECKING:
    from pathlib import Path

    from atlantis_core.records import Collection


def make_generator(text: str, masks: str | None) -> Generator:
    """Build a generator by name and options; one that cuts objects out gets a folder of masks.

    Raises:
        SetupError: The generator or an option is unknown, or a value is invalid.
    """
    built: Generator = build_part(GENERATORS, add_masks(text, masks), "generator", Generator)
    return built


def build_generator(
    text: str, masks: str | None, collection: Collection, workspace: Path, progress: Progress
) -> Generator:
    """Build a generator as `make_generator` does; one that can be fitted gets the collection's training photos.

    What is learned of them is kept in the folder `adapters` of the workspace.

    Raises:
        SetupError: As `make_generator`.
    """
    built = make_generator(text, masks)
    if isinstance(built, FittableGenerator):
        built.use_photos(collection.of_split("train"), workspace / "adapters", progress)
    return built
