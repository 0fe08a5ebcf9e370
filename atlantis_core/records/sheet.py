"""Contact sheets and what was seen on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from atlantis_core.records.collection import Cell

Seen = Literal["yes", "no", "unsure"]
SheetKind = Literal["missed", "pilot", "screened", "asked"]
LookStatus = Literal["drawn", "found", "refused", "failed", "unpaid"]


@dataclass(frozen=True, slots=True)
class Tile:
    """One numbered tile of a contact sheet; its number is its place, from 1."""

    images: tuple[str, ...]
    """Ids of its images (keys of synthetic ones), left to right, as `Sheet.parts` names them; empty for none."""
    cell: Cell
    """What its first image is said to show: a class, and perhaps a condition."""
    note: str = ""
    """What is known of it besides, such as the class that came first; may be empty."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A contact sheet that was drawn."""

    kind: SheetKind
    parts: tuple[str, ...]
    """What the images of a tile are, left to right."""
    tiles: tuple[Tile, ...]
    file: str
    """Name of the JPEG in the run's folder `sheets`; its last part is a content hash."""
    has_control: bool = False
    """Whether each tile's last image is a real photo of its class, so that answers about it can be checked."""

    @property
    def title(self) -> str:
        """What it shows, in a few words."""
        number = len(self.tiles)
        what = {
            "missed": "missed queries, each beside what came first and a right answer",
            "pilot": "new images, each beside a photo",
            "screened": "images that the filters judged",
            "asked": "images that the planner asked for",
        }
        return f"{number} {what[self.kind]}"


@dataclass(frozen=True, slots=True)
class TileFinding:
    """What a vision model says of one tile."""

    number: int
    shows: str
    """What its first image shows."""
    class_shown: Seen
    condition_shown: Seen
    """`yes` where no condition is asked for."""
    wrong: str = ""
    """What is wrong with it; empty if nothing is."""
    control_shown: Seen = "unsure"
    """Whether its last image, a real photo of the class, shows the class; only on sheets with such photos."""

    @property
    def is_right(self) -> bool:
        """Whether it shows the class and the condition."""
        return self.class_shown == "yes" and self.condition_shown == "yes"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a vision model says of a sheet, and what code makes of it."""

    text: str
    """One or two sentences over all tiles; data, never instructions."""
    verdict: Seen
    """Whether most tiles show what was asked for."""
    confidence: float
    """0 to 1, as the model states it."""
    tiles: tuple[TileFinding, ...]
    by: str
    """The model's name."""
    remarks: tuple[str, ...] = ()
    """What does not fit: its verdict and its tiles, captions, or what it says of real photos."""
    is_trusted: bool = True
    """Whether it recognises these classes on real photos, as far as it was shown any."""

    @property
    def num_right(self) -> int:
        """Tiles that show the class and the condition."""
        return sum(tile.is_right for tile in self.tiles)

    @property
    def denies(self) -> bool:
        """Whether it says, in its verdict and tile by tile, that what was asked for is not shown."""
        return self.is_trusted and self.verdict == "no" and 2 * self.num_right < len(self.tiles)


@dataclass(frozen=True, slots=True)
class Look:
    """A sheet, and what a vision model found on it."""

    sheet: Sheet
    status: LookStatus = "drawn"
    """`drawn`: for a person, no model was asked; `refused`: the model takes no such images."""
    finding: Finding | None = None
    problem: str = ""
    """Why there is no finding."""
    is_asked: bool = False
    """Whether the planner asked for it."""
    has_stopped: bool = False
    """Whether the rest of the round's images was not made because of it."""
