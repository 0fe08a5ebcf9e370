"""Checks what a vision model says of a contact sheet, and puts it into one or two lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from atlantis_core.base.serialization import as_json
from atlantis_core.base.text import cut_sentence, quote
from atlantis_core.records.sheet import Finding, Look, Seen, Sheet, Tile, TileFinding

if TYPE_CHECKING:
    from atlantis_core.run.session import Session

LONGEST_TEXT = 240
_LONGEST_WORDS = 80
_FEWEST_CAPTIONS = 3


def check_finding(
    sheet: Sheet, text: str, verdict: Seen, confidence: float, tiles: Sequence[TileFinding], by: str
) -> Finding:
    """Return a model's answer as a finding, with what does not fit as remarks.

    Raises:
        ValueError: The tiles are not those of the sheet, each once.
    """
    _check_numbers(sheet, [tile.number for tile in tiles])
    cleaned = tuple(
        replace(
            tile,
            shows=cut_sentence(tile.shows, _LONGEST_WORDS),
            wrong=cut_sentence(tile.wrong, _LONGEST_WORDS),
            condition_shown=tile.condition_shown if sheet.tiles[tile.number - 1].cell.facet else "yes",
            control_shown=tile.control_shown if sheet.has_control else "unsure",
        )
        for tile in sorted(tiles, key=lambda tile: tile.number)
    )
    limited = min(1.0, max(0.0, confidence))
    found = Finding(cut_sentence(text, LONGEST_TEXT), verdict, limited, cleaned, by)
    controls = Counter(tile.control_shown for tile in cleaned)
    is_trusted = controls["no"] <= controls["yes"]
    remarks = [] if is_trusted else ["it does not recognise these classes on real photos, so it stops nothing"]
    if (verdict == "yes" and 2 * found.num_right < len(cleaned)) or (
        verdict == "no" and 2 * found.num_right > len(cleaned)
    ):
        remarks.append("its verdict does not fit its tiles")
    return replace(found, is_trusted=is_trusted, remarks=tuple(remarks))


def compare_with_known(session: Session, sheet: Sheet, finding: Finding) -> Finding:
    """Add how a finding agrees with the captions of real photos, or with the filters, where it can be compared."""
    captions = {caption.image_id: caption.attributes for caption in session.captions}
    tiles = {tile.number: tile for tile in finding.tiles}
    pairs = [
        (tiles[number].condition_shown == "yes", captions[tile.images[0]][tile.cell.facet] == tile.cell.value)
        for number, tile in enumerate(sheet.tiles, 1)
        if tile.cell.facet in captions.get(tile.images[0], {}) and tiles[number].condition_shown != "unsure"
    ]
    remarks = list(finding.remarks)
    if len(pairs) >= _FEWEST_CAPTIONS:
        agreeing = sum(seen == captioned for seen, captioned in pairs)
        remarks.append(f"captions agree on the condition in {agreeing} of {len(pairs)} tiles")
    if sheet.kind == "screened":
        agreeing = sum(tiles[number].is_right == _is_kept(tile) for number, tile in enumerate(sheet.tiles, 1))
        remarks.append(f"the filters agree in {agreeing} of {len(sheet.tiles)} tiles")
    return replace(finding, remarks=tuple(remarks))


def describe_look(look: Look) -> str:
    """Return a look in one line for a prompt or a page; a model's own words are in quotation marks."""
    finding, sheet = look.finding, look.sheet
    if finding is None:
        return f"sheet of {sheet.title}: no finding" + (f" ({quote(look.problem)})" if look.problem else "")
    classes = sum(tile.class_shown == "yes" for tile in finding.tiles)
    conditions = sum(tile.condition_shown == "yes" for tile in finding.tiles)
    is_asked = any(tile.cell.facet for tile in sheet.tiles)
    counts = f"{classes} of {len(finding.tiles)} show the class"
    counts += f", {conditions} the condition, {finding.num_right} both" if is_asked else ""
    remarks = "".join(f"; {remark}" for remark in finding.remarks)
    return (
        f"a look at {sheet.title}: {counts}; verdict {finding.verdict} (confidence {finding.confidence:.1f}): "
        f"{quote(finding.text, LONGEST_TEXT)}{remarks}"
    )


def report_look(look: Look) -> str:
    """Return what a planner reads of a look, as a line of its own; nothing if no model was asked."""
    return "" if look.status == "drawn" else f"\n{describe_look(look)}"


def look_facts(look: Look) -> dict[str, Any]:
    """Return a look as JSON, as pages and `--json` show it."""
    found = {tile.number: tile for tile in look.finding.tiles} if look.finding else {}
    tiles = [
        {"number": number, "cell": as_json(tile.cell), "note": tile.note, "finding": as_json(found.get(number))}
        for number, tile in enumerate(look.sheet.tiles, 1)
    ]
    return {
        "kind": look.sheet.kind,
        "title": look.sheet.title,
        "parts": list(look.sheet.parts),
        "file": f"sheets/{look.sheet.file}",
        "status": look.status,
        "sentence": describe_look(look),
        "has_stopped": look.has_stopped,
        "tiles": tiles,
    }


def _check_numbers(sheet: Sheet, numbers: Sequence[int]) -> None:
    most = len(sheet.tiles)
    if unknown := [number for number in numbers if not 1 <= number <= most]:
        raise ValueError(f"there is no tile {unknown[0]}; the sheet has tiles 1 to {most}")
    if twice := [number for number, count in Counter(numbers).items() if count > 1]:
        raise ValueError(f"tile {twice[0]} is there twice")
    if missing := [number for number in range(1, most + 1) if number not in numbers]:
        raise ValueError(f"tile {missing[0]} is missing; list tiles 1 to {most}, each once")


def _is_kept(tile: Tile) -> bool:
    return tile.note == "kept"
