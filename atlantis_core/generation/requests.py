"""Expand a protocol into requests, one per image: its source, prompt, seed and content hash."""

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

    Prompts are cycled. In mode `edit` each image starts from a training image of the cell's class, if possible one
    outside the cell; the sources of a class are used about equally often over all its cells. Each image of a cell
    with a facet also gets a reference: a training image of any class that shows the facet value. The protocol's id
    has no effect: to get other images for the same cells, pass another seed.

    Args:
        protocol: What to generate.
        sources: Real images to edit; only those of the train split are used.
        generator: Name and version, e.g. `photometric/1`.
        seed: Base seed, from which the seed of each image is derived.
        side_px: Largest short side of a generated image; smaller sources are not enlarged, 0 keeps the source's size.

    Returns:
        One request per image, in the order of the cells.

    Raises:
        InvalidProtocol: A count is negative, or a class to edit has no training image.
    """
    spread = _SourcePicker(protocol, sources, seed)
    references = _ReferencePool(sources, seed)
    requests: list[GenerationRequest] = []
    for wanted in protocol.cells:
        if wanted.count < 0:
            raise InvalidProtocol(f"cell {wanted.cell!r} has count {wanted.count}; it must be 0 or more")
        chosen, shown = spread.pick_sources(wanted), references.of(wanted.cell)
        for index in range(wanted.count):
            prompt = _pick_prompt(wanted.prompts, index, len({image.id for image in chosen}), protocol.objective)
            source = chosen[index] if chosen else None
            reference = shown[index % len(shown)] if shown else None
            requests.append(_build_request(wanted.cell, prompt, source, reference, generator, (seed, index), side_px))
    return tuple(requests)


def build_pool_requests(
    protocol: Protocol, pool: Sequence[PoolImage], chosen: Sequence[PoolMatch], generator: str, side_px: int
) -> tuple[GenerationRequest, ...]:
    """Build requests for the chosen images of a pool, in the same order.

    Args:
        protocol: Gives each request its prompt, what the image should show.
        pool: The images of the pool.
        chosen: Cells and rows of the pool.
        generator: Name and version.
        side_px: Largest short side; 0 keeps the image's own.
    """
    prompts = {wanted.cell: wanted.prompts[0] if wanted.prompts else protocol.objective for wanted in protocol.cells}
    requests = []
    for match in chosen:
        image, prompt = pool[match.row], prompts[match.cell]
        key = request_hash(generator, image.id, "", prompt, match.cell, 0, side_px)
        requests.append(GenerationRequest(key, match.cell, prompt, 0, image.id, image.path, side_px))
    return tuple(requests)


def request_hash(
    generator: str, source_id: str, reference_id: str, prompt: str, cell: Cell, seed: int, side_px: int
) -> str:
    """Return the content hash of a request: 64 hex digits (SHA-256)."""
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
    """Cycle the prompts, shifted by one after each pass over the sources, so that pairs do not repeat."""
    if not prompts:
        return objective
    return prompts[(index + index // max(1, num_sources)) % len(prompts)]


_FEWEST_USUAL_SOURCES = 3
"""With fewer sources than this the images would look too much alike."""


class _SourcePicker:
    """Picks the source images of each class evenly.

    Prefers sources with the class's most common other value of the facet: fog edited into night shows neither.
    """

    def __init__(self, protocol: Protocol, sources: Sequence[LabelledImage], seed: int) -> None:
        self._edits = protocol.arm == "edit"
        self._used: Counter[str] = Counter()
        self._of_class: dict[str, list[LabelledImage]] = {}
        usable = {image.id: image for image in sources if image.split == "train"}
        # Order by hash, not by file name: names are often sorted by visit, shop or hour.
        for image in sorted(usable.values(), key=lambda image: derive_seed(seed, image.id)):
            self._of_class.setdefault(image.label, []).append(image)

    def pick_sources(self, wanted: CellRequest) -> list[LabelledImage]:
        """Return one source per wanted image; empty unless the mode is `edit`."""
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
                f"class {cell.class_name!r} has no training image to edit; drop the cell or use another mode"
            )
        outside = [image for image in of_class if image.facets.get(cell.facet, "") != cell.value]
        if not cell.facet or not outside:
            return of_class
        usual = Counter(image.facets.get(cell.facet, "") for image in outside).most_common(1)[0][0]
        ordinary = [image for image in outside if image.facets.get(cell.facet, "") == usual]
        return ordinary if len(ordinary) >= _FEWEST_USUAL_SOURCES else outside


class _ReferencePool:
    """Training images by facet value, in an order that is independent of file names."""

    def __init__(self, images: Sequence[LabelledImage], seed: int) -> None:
        self._seed = seed
        self._train = [image for image in images if image.split == "train"]

    def of(self, cell: Cell) -> list[LabelledImage]:
        """Return the images that show a cell's facet value; empty if the cell has no facet."""
        showing = [image for image in self._train if cell.facet and image.facets.get(cell.facet) == cell.value]
        return sorted(showing, key=lambda image: derive_seed(self._seed, cell.class_name, image.id))
