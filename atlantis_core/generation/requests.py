"""From a protocol to single images to make: which source, which prompt, which seed, under which key."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from atlantis_core.base.errors import InvalidProtocol
from atlantis_core.generation.draws import derive_seed
from atlantis_core.records import Cell, CellRequest, GenerationRequest, LabelledImage, Protocol

if TYPE_CHECKING:
    from atlantis_core.generation.pool_matching import PoolMatch
    from atlantis_core.generation.retrieve import PoolImage


def build_requests(
    protocol: Protocol,
    sources: Sequence[LabelledImage],
    generator: str,
    seed: int,
    side_px: int = 0,
) -> tuple[GenerationRequest, ...]:
    """Expand a protocol's cells and counts into requests.

    Prompts are cycled. Each image to edit starts from a training image of the cell's class, one not already in
    the cell where there is any; every source of a class is used about equally often, over all its cells. The
    protocol's id enters nothing: to get other images for the same cells, give another seed. Each image of a cell
    with a facet also gets a reference: a training image of any class that shows the facet value already.

    Args:
        protocol: What to make.
        sources: Real images that may be edited; only those of the train split are used.
        generator: Name and version, e.g. `photometric/1`.
        seed: Base seed; the seed of each image is derived from it.
        side_px: Largest short side of an image to make; smaller sources are not enlarged, 0 keeps the source's.

    Returns:
        One request per image, in the order of the cells.

    Raises:
        InvalidProtocol: A negative count, or a class to edit that has no training image.
    """
    spread = _SourcePicker(protocol, sources, seed)
    references = _ReferencePool(sources, seed)
    made: list[GenerationRequest] = []
    for wanted in protocol.cells:
        if wanted.count < 0:
            raise InvalidProtocol(f"cell {wanted.cell!r} asks for {wanted.count} images; ask for 0 or more")
        chosen, shown = spread.pick_sources(wanted), references.of(wanted.cell)
        for index in range(wanted.count):
            prompt = _pick_prompt(wanted.prompts, index, len({image.id for image in chosen}), protocol.objective)
            source = chosen[index] if chosen else None
            reference = shown[index % len(shown)] if shown else None
            made.append(_build_request(wanted.cell, prompt, source, reference, generator, (seed, index), side_px))
    return tuple(made)


def build_pool_requests(
    protocol: Protocol, pool: Sequence[PoolImage], chosen: Sequence[PoolMatch], generator: str, side_px: int
) -> tuple[GenerationRequest, ...]:
    """Ask for the chosen images of a pool, in the order in which they were chosen.

    Args:
        protocol: Its prompts go along, as what the image should show.
        pool: The images.
        chosen: Cells and rows of the pool.
        generator: Name and version.
        side_px: Largest short side; 0 keeps the photo's.
    """
    prompts = {wanted.cell: wanted.prompts[0] if wanted.prompts else protocol.objective for wanted in protocol.cells}
    return tuple(
        _build_pool_request(found.cell, prompts[found.cell], pool[found.row], generator, side_px) for found in chosen
    )


def _build_pool_request(cell: Cell, prompt: str, image: PoolImage, generator: str, side_px: int) -> GenerationRequest:
    key = request_hash(generator, image.id, "", prompt, cell, 0, side_px)
    return GenerationRequest(key, cell, prompt, 0, image.id, image.path, side_px)


def request_hash(
    generator: str, source_id: str, reference_id: str, prompt: str, cell: Cell, seed: int, side_px: int
) -> str:
    """Return the content address of an image to make: 64 hex digits (SHA-256)."""
    where = (cell.class_name, cell.facet, cell.value)
    parts = (generator, source_id, reference_id, prompt, *where, str(seed), str(side_px))
    # Lengths keep ("a", "bc") apart from ("ab", "c").
    return hashlib.sha256("".join(f"{len(part)}:{part};" for part in parts).encode()).hexdigest()


def _build_request(
    cell: Cell,
    prompt: str,
    source: LabelledImage | None,
    reference: LabelledImage | None,
    generator: str,
    seed_and_index: tuple[int, int],
    side_px: int,
) -> GenerationRequest:
    source_id, source_path = (source.id, source.path) if source else ("", "")
    reference_id, reference_path = (reference.id, reference.path) if reference else ("", "")
    seed = derive_seed(*seed_and_index, cell.class_name, cell.facet, cell.value, prompt, source_id)
    key = request_hash(generator, source_id, reference_id, prompt, cell, seed, side_px)
    return GenerationRequest(key, cell, prompt, seed, source_id, source_path, side_px, reference_id, reference_path)


def _pick_prompt(prompts: Sequence[str], index: int, num_sources: int, objective: str) -> str:
    """Cycle the prompts, shifted by one each time the sources have all been used, so that pairs do not repeat."""
    if not prompts:
        return objective
    return prompts[(index + index // max(1, num_sources)) % len(prompts)]


_FEWEST_USUAL_SOURCES = 3
"""Fewer sources than this would give too much of the same."""


class _SourcePicker:
    """Hands out the source images of each class evenly.

    Sources show the class's most usual value of the facet where there are enough of them: fog edited into night
    shows neither.
    """

    def __init__(self, protocol: Protocol, sources: Sequence[LabelledImage], seed: int) -> None:
        self._edits = protocol.arm == "edit"
        self._used: Counter[str] = Counter()
        self._of_class: dict[str, list[LabelledImage]] = {}
        usable = {image.id: image for image in sources if image.split == "train"}
        # A hash, not the file's name, decides who comes first: names are sorted by visit, shop or hour.
        for image in sorted(usable.values(), key=lambda image: derive_seed(seed, image.id)):
            self._of_class.setdefault(image.label, []).append(image)

    def pick_sources(self, wanted: CellRequest) -> list[LabelledImage]:
        """Return one source per image wanted; empty where the arm edits nothing."""
        if not self._edits or not wanted.count:
            return []
        eligible = self._eligible(wanted.cell)
        chosen = []
        for _ in range(wanted.count):
            image = min(eligible, key=lambda image: self._used[image.id])
            self._used[image.id] += 1
            chosen.append(image)
        return chosen

    def _eligible(self, cell: Cell) -> list[LabelledImage]:
        of_class = self._of_class.get(cell.class_name, [])
        if not of_class:
            raise InvalidProtocol(
                f"class {cell.class_name!r} has no training image to edit; drop the cell or use another arm"
            )
        outside = [image for image in of_class if image.facets.get(cell.facet, "") != cell.value]
        if not cell.facet or not outside:
            return of_class
        usual = Counter(image.facets.get(cell.facet, "") for image in outside).most_common(1)[0][0]
        ordinary = [image for image in outside if image.facets.get(cell.facet, "") == usual]
        return ordinary if len(ordinary) >= _FEWEST_USUAL_SOURCES else outside


class _ReferencePool:
    """Training images by facet value, in an order that no file name decides."""

    def __init__(self, images: Sequence[LabelledImage], seed: int) -> None:
        self._seed = seed
        self._train = [image for image in images if image.split == "train"]

    def of(self, cell: Cell) -> list[LabelledImage]:
        """Return the images that show a cell's facet value; none where the cell has no facet."""
        showing = [image for image in self._train if cell.facet and image.facets.get(cell.facet) == cell.value]
        return sorted(showing, key=lambda image: derive_seed(self._seed, cell.class_name, image.id))
