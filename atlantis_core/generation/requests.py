"""Expand a protocol into requests, one per image: its source, prompt, seed and content hash."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from atlantis_core.base.errors import InvalidProtocol
from atlantis_core.generation.draws import derive_seed
from atlantis_core.records import Cell, CellRequest, GenerationRequest, LabelledImage, Protocol

if TYPE_CHECKING:
    from atlantis_core.generation.pool_matching import PoolMatch
    from atlantis_core.pool.pool_folder import PoolImage


def build_requests(
    protocol: Protocol,
    sources: Sequence[LabelledImage],
    generator: str | Callable[[Cell, str], str],
    seed: int,
    side_px: int = 0,
    backgrounds: Sequence[LabelledImage] = (),
) -> tuple[GenerationRequest, ...]:
    """Expand a protocol's cells and counts into requests, one per image, in the order of the cells.

    Prompts are cycled. In mode `edit` each image starts from a training image of the cell's class, if possible one
    outside the cell; the sources of a class are used about equally often over all its cells. Each image of a cell
    with a facet also gets a reference: a training image of any class that shows the facet value. The protocol's id
    has no effect: to get other images for the same cells, pass another seed.

    With `backgrounds`, which objects are to be pasted on, every image gets one of these as its reference instead: of
    other classes than the cell's, and with its facet value if any shows it.

    `generator` is name and version, e.g. `photometric/1`, or gives them by cell and prompt. `side_px` is the largest
    short side of a generated image: smaller sources are not enlarged, 0 keeps the source's size.

    Raises:
        InvalidProtocol: A count is negative, or a class to edit has no training image.
    """
    picker = _SourcePicker(protocol, sources, seed)
    requests: list[GenerationRequest] = []
    for wanted in protocol.cells:
        if wanted.count < 0:
            raise InvalidProtocol(f"cell {wanted.cell!r} has count {wanted.count}; it must be 0 or more")
        cell, chosen = wanted.cell, picker.pick_sources(wanted)
        shown = _find_backgrounds(backgrounds, cell, seed) if backgrounds else _find_references(sources, cell, seed)
        num_sources = max(1, len({image.id for image in chosen}))
        for index in range(wanted.count):
            prompt = protocol.objective
            if wanted.prompts:  # shifted by one after each pass over the sources, so that pairs do not repeat
                prompt = wanted.prompts[(index + index // num_sources) % len(wanted.prompts)]
            source, path = (chosen[index].id, chosen[index].path) if chosen else ("", "")
            reference = shown[index % len(shown)] if shown else None
            reference_id, reference_path = (reference.id, reference.path) if reference else ("", "")
            own_seed = derive_seed(seed, index, cell.class_name, cell.facet, cell.value, prompt, source)
            name = generator if isinstance(generator, str) else generator(cell, prompt)
            key = request_hash(name, source, reference_id, prompt, cell, own_seed, side_px)
            requests.append(
                GenerationRequest(key, cell, prompt, own_seed, source, path, side_px, reference_id, reference_path)
            )
    return tuple(requests)


def build_pool_requests(
    protocol: Protocol, pool: Sequence[PoolImage], chosen: Sequence[PoolMatch], generator: str, side_px: int
) -> tuple[GenerationRequest, ...]:
    """Build requests for the chosen images of a pool, in the same order.

    `side_px` is the largest short side; 0 keeps the image's own.
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


def _find_references(images: Sequence[LabelledImage], cell: Cell, seed: int) -> list[LabelledImage]:
    """Return the training images that show a cell's facet value, in an order that does not depend on file names."""
    train = [image for image in images if image.split == "train"]
    showing = [image for image in train if cell.facet and image.facets.get(cell.facet) == cell.value]
    return sorted(showing, key=lambda image: derive_seed(seed, cell.class_name, image.id))


def _find_backgrounds(images: Sequence[LabelledImage], cell: Cell, seed: int) -> list[LabelledImage]:
    """Return images of other classes, if possible with the cell's facet value, in an order free of file names."""
    others = [image for image in images if image.label != cell.class_name]
    showing = [image for image in others if cell.facet and image.facets.get(cell.facet) == cell.value]
    return sorted(showing or others, key=lambda image: derive_seed(seed, cell.class_name, image.id))
