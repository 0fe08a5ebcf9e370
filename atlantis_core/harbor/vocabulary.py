"""The vocabulary of the harbor: vessels, colours, conditions, classes and captions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

VESSELS = ("tug", "sloop", "schooner", "freighter", "ferry", "trawler")
COLOURS = ("red", "orange", "yellow", "green", "blue", "black", "white", "grey")
CONDITIONS = ("day", "night", "fog", "sunset", "storm", "snow")

# Steps from hull to trim colour on the ring of `COLOURS`. Of the 56 colour pairs of a vessel, the eight with this
# step are demo classes, so each hull colour and each trim colour occurs once per vessel.
_DEMO_STEP = {"tug": 1, "sloop": 2, "schooner": 3, "freighter": 4, "ferry": 5, "trawler": 6}

_WORDS_FOR = {
    "day": "by day",
    "night": "at night",
    "fog": "in fog",
    "sunset": "at sunset",
    "storm": "in a storm",
    "snow": "in falling snow",
}


@dataclass(frozen=True, slots=True, order=True)
class VesselClass:
    """One class of the collection: a vessel type painted in two colours.

    Attributes:
        vessel: One of `VESSELS`.
        hull: Colour of the hull, one of `COLOURS`.
        trim: Colour of superstructure or sails, one of `COLOURS`, but not the hull's.
    """

    vessel: str
    hull: str
    trim: str

    def __post_init__(self) -> None:
        """Check vessel and colours.

        Raises:
            ValueError: Vessel or colour is unknown, or hull and trim are equal.
        """
        if self.vessel not in VESSELS:
            raise ValueError(f"unknown vessel {self.vessel!r}; known: {', '.join(VESSELS)}")
        for colour in (self.hull, self.trim):
            if colour not in COLOURS:
                raise ValueError(f"unknown colour {colour!r}; known: {', '.join(COLOURS)}")
        if self.hull == self.trim:
            raise ValueError(f"hull and trim are both {self.hull!r}")

    @property
    def label(self) -> str:
        """Class name, as in folders and labels, e.g. `trawler-red-white`."""
        return f"{self.vessel}-{self.hull}-{self.trim}"

    @classmethod
    def from_label(cls, label: str) -> VesselClass:
        """Parse a class name.

        Raises:
            ValueError: The name is not `vessel-hull-trim`.
        """
        parts = label.split("-")
        if len(parts) != 3:
            raise ValueError(f"{label!r} is not vessel-hull-trim")
        return cls(*parts)


def caption_for(vessel_class: VesselClass, condition: str) -> str:
    """Return a caption such as "a red and white trawler at night"; `condition` is one of `CONDITIONS`."""
    article = "an" if vessel_class.hull[0] in "aeiou" else "a"
    return f"{article} {vessel_class.hull} and {vessel_class.trim} {vessel_class.vessel} {_WORDS_FOR[condition]}"


def _all_classes() -> Iterator[VesselClass]:
    for vessel in VESSELS:
        for hull in COLOURS:
            for trim in COLOURS:
                if hull != trim:
                    yield VesselClass(vessel, hull, trim)


def _is_demo_class(vessel_class: VesselClass) -> bool:
    steps = COLOURS.index(vessel_class.trim) - COLOURS.index(vessel_class.hull)
    return steps % len(COLOURS) == _DEMO_STEP[vessel_class.vessel]


DEMO_CLASSES: tuple[VesselClass, ...] = tuple(c for c in _all_classes() if _is_demo_class(c))
"""The 48 classes of the bundled worlds, eight per vessel; the shipped student has seen none of them."""

PRETRAIN_CLASSES: tuple[VesselClass, ...] = tuple(c for c in _all_classes() if not _is_demo_class(c))
"""The other 288 classes, on which the shipped student is pretrained."""

CLASSES: tuple[VesselClass, ...] = tuple(sorted(DEMO_CLASSES + PRETRAIN_CLASSES))
"""All 336 classes; painter and captioner refer to them by their index."""
