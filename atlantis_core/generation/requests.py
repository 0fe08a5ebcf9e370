"""From a protocol to single images to make: which source, which prompt, which seed, under which key."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

from atlantis_core.errors import BadProtocol
from atlantis_core.generation.draws import derived_seed
from atlantis_core.records import Cell, CellRequest, GenerationRequest, LabelledImage, Protocol


def requests_for(
    protocol: Protocol,
    sources: Sequence[LabelledImage],
    generator: str,
    seed: int,
    side_px: int = 0,
) -> tuple[GenerationRequest, ...]:
    """Expand a protocol's cells and counts into requests.

    Prompts are cycled. Each image to edit starts from a training image of the cell's class, one not already in
    the cell where there is any; every source of a class is used about equally often, over all its cells. The
    protocol's id enters nothing: to get other images for the same cells, give another seed.

    Args:
        protocol: What to make.
        sources: Real images that may be edited; only those of the train split are used.
        generator: Name and version, e.g. `photometric/1`.
        seed: Base seed; the seed of each image is derived from it.
        side_px: Short side of the images to make; 0 keeps the source's.

    Returns:
        One request per image, in the order of the cells.

    Raises:
        BadProtocol: A negative count, or a class to edit that has no training image.
    """
    spread = _Spread(protocol, sources, seed)
    made: list[GenerationRequest] = []
    for wanted in protocol.cells:
        if wanted.count < 0:
            raise BadProtocol(f"cell {wanted.cell!r} asks for {wanted.count} images; ask for 0 or more")
        chosen = spread.sources_for(wanted)
        for index in range(wanted.count):
            prompt = _prompt(wanted.prompts, index, len({image.id for image in chosen}), protocol.objective)
            source = chosen[index] if chosen else None
            made.append(_request(wanted.cell, prompt, source, generator, (seed, index), side_px))
    return tuple(made)


def request_key(generator: str, source_id: str, prompt: str, cell: Cell, seed: int, side_px: int) -> str:
    """Return the content address of an image to make: 64 hex digits (SHA-256)."""
    parts = (generator, source_id, prompt, cell.class_name, cell.facet, cell.value, str(seed), str(side_px))
    # Lengths keep ("a", "bc") apart from ("ab", "c").
    return hashlib.sha256("".join(f"{len(part)}:{part};" for part in parts).encode()).hexdigest()


def _request(
    cell: Cell,
    prompt: str,
    source: LabelledImage | None,
    generator: str,
    seed_and_index: tuple[int, int],
    side_px: int,
) -> GenerationRequest:
    source_id, source_path = (source.id, source.path) if source else ("", "")
    seed = derived_seed(*seed_and_index, cell.class_name, cell.facet, cell.value, prompt, source_id)
    key = request_key(generator, source_id, prompt, cell, seed, side_px)
    return GenerationRequest(key, cell, prompt, seed, source_id, source_path, side_px)


def _prompt(prompts: Sequence[str], index: int, num_sources: int, objective: str) -> str:
    """Cycle the prompts, shifted by one each time the sources have all been used, so that pairs do not repeat."""
    if not prompts:
        return objective
    return prompts[(index + index // max(1, num_sources)) % len(prompts)]


_FEWEST_ORDINARY = 3
"""Fewer sources than this would give too much of the same."""


class _Spread:
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
        for image in sorted(usable.values(), key=lambda image: derived_seed(seed, image.id)):
            self._of_class.setdefault(image.label, []).append(image)

    def sources_for(self, wanted: CellRequest) -> list[LabelledImage]:
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
            raise BadProtocol(
                f"class {cell.class_name!r} has no training image to edit; drop the cell or use another arm"
            )
        outside = [image for image in of_class if image.facets.get(cell.facet, "") != cell.value]
        if not cell.facet or not outside:
            return of_class
        usual = Counter(image.facets.get(cell.facet, "") for image in outside).most_common(1)[0][0]
        ordinary = [image for image in outside if image.facets.get(cell.facet, "") == usual]
        return ordinary if len(ordinary) >= _FEWEST_ORDINARY else outside
