"""Making a protocol smaller or larger as a whole: `approve with 50 instead of 100`."""

from __future__ import annotations

from dataclasses import replace

from atlantis_core.errors import BadProtocol
from atlantis_core.records import CellRequest, Protocol


def with_total(protocol: Protocol, images: int) -> Protocol:
    """Return a protocol that asks for exactly `images`, shared out as before; cells that get none are dropped.

    Shares are rounded by the largest remainder; of equal remainders the earlier cell's wins.

    Args:
        protocol: Any with cells.
        images: The new sum over all cells.

    Raises:
        BadProtocol: Fewer than one image, or there is no cell to scale.
    """
    if images < 1:
        raise BadProtocol(f"{images} images are none; reject the protocol instead")
    total = protocol.num_images
    if total < 1:
        raise BadProtocol("the protocol asks for nothing: there is nothing to scale")
    whole = [divmod(request.count * images, total) for request in protocol.cells]
    missing = images - sum(count for count, _ in whole)
    in_line = sorted(range(len(whole)), key=lambda place: -whole[place][1])
    more = set(in_line[:missing])
    counts = [count + (place in more) for place, (count, _) in enumerate(whole)]
    scaled = zip(protocol.cells, counts, strict=True)
    cells: list[CellRequest] = [replace(request, count=count) for request, count in scaled if count]
    return replace(protocol, cells=tuple(cells))
