"""Checking a protocol against the collection, the generator and the budget: in code, whoever drafted it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from atlantis_core.base.errors import InvalidProtocol
from atlantis_core.base.serialization import from_strict_json
from atlantis_core.data.facets import facet_value_lists
from atlantis_core.records import Cell, CellRequest, Collection, Protocol, Regime

MOST_IMAGES = 1_000_000
"""Images that can be asked for in one cell."""
MOST_PROMPTS = 1000
"""Of one cell."""
LONGEST_PROMPT = 1000
"""Letters of a prompt, or of an objective, which stands in for one; text encoders read a few hundred."""

_ECHOED = 60


def check_protocol(protocol: Protocol, collection: Collection, regime: Regime, images_left: float | None) -> None:
    """Refuse a protocol that the collection, the regime or the budget (`images_left`; None: no limit) rules out.

    Raises:
        InvalidProtocol: Names the first rule that is broken.
    """
    if not protocol.cells:
        raise InvalidProtocol("the protocol has no cells")
    _check_prompt(protocol.objective, "the objective")
    for request in protocol.cells:
        _check_cell(request.cell, collection, regime)
        _check_amounts(request)
    if images_left is not None and protocol.num_images > images_left:
        raise InvalidProtocol(f"{protocol.num_images} images asked for, {images_left:g} left in the budget")
    if not 0 < protocol.synthetic_weight <= 10:
        raise InvalidProtocol(f"synthetic_weight {protocol.synthetic_weight:g} is not in (0, 10]")
    if not math.isfinite(protocol.expected_gain):
        raise InvalidProtocol(f"expected_gain {protocol.expected_gain:g} is not a share of the queries")


def parse_edited_protocol(
    payload: Any, collection: Collection, regime: Regime, images_left: float | None
) -> Protocol:
    """Read a protocol that a person edited, and check it like any other.

    Raises:
        InvalidProtocol: It is not a protocol, or breaks a rule.
    """
    if not isinstance(payload, dict):
        raise InvalidProtocol(
            f"the edited protocol must be one JSON object with a protocol's fields, not {_short(repr(payload))}"
        )
    try:
        protocol = from_strict_json(Protocol, payload)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise InvalidProtocol(f"the edited protocol cannot be read: {_short(where)}: {first['msg']}") from error
    check_protocol(protocol, collection, regime, images_left)
    return protocol


def _check_cell(cell: Cell, collection: Collection, regime: Regime) -> None:
    training_classes = {image.label for image in collection.of_split("train")}
    if cell.class_name not in training_classes:
        kind = "a validation class" if cell.class_name in collection.classes else "not a class"
        where = "targeting it would leak" if regime == "unseen" else "nothing can be made from it"
        raise InvalidProtocol(f"{_short(cell.class_name)!r} is {kind} of this collection's training split: {where}")
    if not cell.facet and not cell.value:
        return
    values = facet_value_lists(collection)
    if cell.value not in values.get(cell.facet, ()):
        known = "; ".join(f"{name}: {', '.join(found)}" for name, found in values.items()) or "no facets"
        raise InvalidProtocol(f"{_name(cell)} is not a cell of this collection; known: {known}")


def _check_amounts(request: CellRequest) -> None:
    name = _name(request.cell)
    if not 1 <= request.count <= MOST_IMAGES:
        raise InvalidProtocol(f"{name}: count {_short(str(request.count))} is not from 1 to {MOST_IMAGES:,}")
    if len(request.prompts) > MOST_PROMPTS:
        raise InvalidProtocol(f"{name}: {len(request.prompts):,} prompts, at most {MOST_PROMPTS:,}")
    for prompt in request.prompts:
        _check_prompt(prompt, f"{name}: the prompt")


def _check_prompt(text: str, what: str) -> None:
    if len(text) > LONGEST_PROMPT:
        raise InvalidProtocol(f"{what} {_short(text)!r} has {len(text):,} letters, at most {LONGEST_PROMPT:,}")


def _name(cell: Cell) -> str:
    name = repr(_short(cell.class_name))
    return f"{name} x {_short(cell.facet)}={_short(cell.value)}" if cell.facet else name


def _short(text: str) -> str:
    """Return the beginning of what a person or a model wrote: a message does not repeat it whole."""
    return text if len(text) <= _ECHOED else f"{text[:_ECHOED]}..."


def scale_protocol(protocol: Protocol, images: int) -> Protocol:
    """Return a protocol that asks for exactly `images`, shared out as before; cells that get none are dropped.

    Shares are rounded by the largest remainder; of equal remainders the earlier cell's wins.

    Raises:
        InvalidProtocol: Fewer than one image, or there is no cell to scale.
    """
    if images < 1:
        raise InvalidProtocol(f"images must be at least 1, not {images}; to generate none, reject the protocol")
    total = protocol.num_images
    if total < 1:
        raise InvalidProtocol("the protocol has no images to scale")
    whole = [divmod(request.count * images, total) for request in protocol.cells]
    missing = images - sum(count for count, _ in whole)
    in_line = sorted(range(len(whole)), key=lambda place: -whole[place][1])
    more = set(in_line[:missing])
    counts = [count + (place in more) for place, (count, _) in enumerate(whole)]
    scaled = zip(protocol.cells, counts, strict=True)
    return replace(protocol, cells=tuple(replace(request, count=count) for request, count in scaled if count))
