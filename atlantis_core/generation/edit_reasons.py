"""Why a cell gets the edits that it gets, in words, and what the generator cannot show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlantis_core.generation.edit_words import find_requested_edits
from atlantis_core.generation.edits import BORROWING_EDITS
from atlantis_core.generation.medium_words import DRAWN

if TYPE_CHECKING:
    from atlantis_core.generation.edit_words import EditMatch
    from atlantis_core.records import Cell


def explain_edits(cell: Cell, prompt: str, has_reference: bool) -> str:
    """Say which edits photos of a cell get and by which words, and what they cannot show.

    `has_reference` says whether a training photo shows the cell's value, so that its light can be borrowed.
    """
    matches = find_requested_edits(cell.facet, cell.value, cell.class_name, prompt)
    if not matches:
        return _explain_mix(cell, has_reference)
    of_value = {match.edit for match in find_requested_edits(cell.facet, cell.value, cell.class_name, "")}
    parts = [
        f"{match.edit}: {_name_cell(cell) if match.edit in of_value else 'the prompt'} says {match.word!r}"
        for match in matches
    ]
    return "; ".join([*parts, *_list_limits(matches, cell, has_reference)])


def _explain_mix(cell: Cell, has_reference: bool) -> str:
    if not cell.facet:
        return "a mild mix of edits: no word of the prompt names one"
    shown = _name_cell(cell)
    mix = f"a mild mix of edits: no word of {shown} or of the prompt names one"
    if has_reference:
        return f"{mix}; light is borrowed from training photos that show {shown}"
    return f"{mix}, and no training photo shows {shown}, so the images need not look like it"


def _list_limits(matches: tuple[EditMatch, ...], cell: Cell, has_reference: bool) -> list[str]:
    """Say what the matched edits leave out."""
    limits = [
        f"{match.edit} is left out, since no training photo shows {_name_cell(cell)}"
        for match in matches
        if match.edit in BORROWING_EDITS and not has_reference
    ]
    if any(match.edit in DRAWN for match in matches):
        limits.append("words for light, weather and camera are ignored, since this medium does not show them")
    return limits


def _name_cell(cell: Cell) -> str:
    return f"{cell.facet}={cell.value}" if cell.facet else "the cell"
