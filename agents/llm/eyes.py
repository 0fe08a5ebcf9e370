"""The eyes of a run: a chat model that takes images says what a contact sheet shows, tile by tile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AliasChoices, BaseModel, BeforeValidator, Field

from atlantis_core.records.sheet import Finding, Seen, Sheet, Tile, TileFinding
from atlantis_core.run.sheets.findings import check_finding
from atlantis_dml.agents.client.structured_output import ask_for_object
from atlantis_dml.prompts import quoted, render

if TYPE_CHECKING:
    from atlantis_dml.agents.client.calls import ModelCalls

ATTEMPTS = 2
"""Answers that it may give to a sheet: each costs the image again."""


def _as_seen(value: Any) -> Any:
    """Read true, false and null as yes, no and unsure."""
    known = {True: "yes", False: "no", None: "unsure"}
    return known[value] if value is None or isinstance(value, bool) else str(value).strip().lower()


def _as_text(value: Any) -> Any:
    return "" if value is None else str(value)


SeenAnswer = Annotated[Seen, BeforeValidator(_as_seen)]
Text = Annotated[str, BeforeValidator(_as_text)]


class _Tile(BaseModel):
    number: int = Field(validation_alias=AliasChoices("tile", "number"))
    shows: Text = ""
    class_shown: SeenAnswer = Field("unsure", validation_alias="class")
    condition_shown: SeenAnswer = Field("unsure", validation_alias="condition")
    control_shown: SeenAnswer = Field("unsure", validation_alias="control")
    wrong: Text = ""


class _Answer(BaseModel):
    tiles: list[_Tile]
    verdict: SeenAnswer
    text: str = Field(min_length=3, validation_alias="finding")
    confidence: float = Field(0.5, ge=0, le=1)


class ChatEyes:
    """Asks a vision chat model about a sheet; see `run.sheets.looking.Eyes`. Only pixels are sent."""

    def __init__(self, calls: ModelCalls) -> None:
        self.name = calls.name
        self._calls = calls

    def look(self, sheet: Sheet, jpeg: bytes, question: str) -> Finding:
        """Return what is on a sheet; an answer about other tiles than those of the sheet is sent back once."""

        def use(answer: _Answer) -> Finding:
            tiles = [
                TileFinding(one.number, one.shows, one.class_shown, one.condition_shown, one.wrong, one.control_shown)
                for one in answer.tiles
            ]
            return check_finding(sheet, answer.text, answer.verdict, answer.confidence, tiles, self.name)

        facts = render("eyes_facts", **_list_facts(sheet, question))
        return ask_for_object(self._calls, "eyes", render("eyes"), facts, _Answer, use, ATTEMPTS, jpeg=jpeg)


def _list_facts(sheet: Sheet, question: str) -> dict[str, Any]:
    return {
        "num_tiles": len(sheet.tiles),
        "parts": sheet.parts,
        "question": question,
        "tiles": [_describe_tile(tile) for tile in sheet.tiles],
    }


def _describe_tile(tile: Tile) -> str:
    """Return what is said of a tile; names are data."""
    cell = tile.cell
    words = f"class {quoted(cell.class_name, 80)}" if cell.class_name else "any class"
    if cell.facet:
        words += f", condition {quoted(f'{cell.facet}: {cell.value}', 100)}"
    return words + (f" ({quoted(tile.note, 80)})" if tile.note else "")
