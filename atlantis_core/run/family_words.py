"""Words for the edits of cells whose facet value says nothing: found by trial, and written into their prompts.

A person then reads, approves or changes them like any other prompt, and the generator needs no other channel.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from atlantis_core.generation.edit_words import find_requested_edits, name_edit
from atlantis_core.generation.photometric import PhotometricGenerator
from atlantis_core.run.measurements import load_model

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from atlantis_core.records import CellRequest, Protocol
    from atlantis_core.run.family_choice import Embed, FamilyChoice
    from atlantis_core.run.session import Session


@dataclass(frozen=True, slots=True)
class FamilyWords:
    """What was found for the values of a protocol whose words name no edit."""

    choices: tuple[FamilyChoice, ...]
    cells: tuple[CellRequest, ...]
    """The protocol's cells, with the words of the chosen edits in their prompts."""


def add_family_words(session: Session, protocol: Protocol, find_model: Callable[[], str]) -> FamilyWords:
    """Try edits for each facet value of a protocol that names none, in the embedding space of a model of an arm.

    Nothing is tried where the generator does not edit photos by words. Only training photos are read.
    """
    if not isinstance(session.generator, PhotometricGenerator):
        return FamilyWords((), protocol.cells)
    pairs = {(one.cell.facet, one.cell.value) for one in protocol.cells if one.cell.facet}
    silent = sorted(pair for pair in pairs if not find_requested_edits(*pair, "", ""))
    embed = _embed_by(session, find_model)
    choices = {pair: _choose(session, *pair, embed) for pair in silent}
    cells = tuple(_add_words(one, choices.get((one.cell.facet, one.cell.value))) for one in protocol.cells)
    return FamilyWords(tuple(choices.values()), cells)


def describe_choices(choices: Sequence[FamilyChoice]) -> str:
    """Say what was found for each value; empty where every value's words name an edit."""
    return "; ".join(choice.reason for choice in choices)


def _embed_by(session: Session, find_model: Callable[[], str]) -> Embed:
    """Embed by a model that is loaded when it is first needed: most values have a word or too few photos."""
    loaded = cache(lambda: load_model(session, find_model()))
    return lambda images: loaded().embed(images)


def _choose(session: Session, facet: str, value: str, embed: Embed) -> FamilyChoice:
    from atlantis_core.run.family_choice import choose_family

    train = session.collection.of_split("train")
    showing = [image for image in train if image.facets.get(facet) == value]
    others = [image for image in train if image.facets.get(facet) not in {value, None}]
    return choose_family(f"{facet}={value}", showing, others, embed, session.spec.seed)


def _add_words(request: CellRequest, choice: FamilyChoice | None) -> CellRequest:
    """Add the name of the chosen edit to every prompt of a cell."""
    if choice is None or not choice.edit:
        return request
    words = f"{'slightly ' if choice.strength < 1 else ''}{name_edit(choice.edit)}"
    return replace(request, prompts=tuple(f"{prompt}, {words}" for prompt in request.prompts))
