"""Made images whose caption names another facet value than the one they were made for: day where night was asked.

A captioner is listened to only for facets in which it agrees with the collection's own photos.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from atlantis_core.records import LabelledImage, Verdict

if TYPE_CHECKING:
    from atlantis_core.ports import Captioner
    from atlantis_core.records import Candidate, Caption

TRUSTED = 0.8
"""Share of real photos on which a captioner must agree with a facet to be listened to."""

PHOTOS_PER_VALUE = 8
"""Real photos of each value that this is found out on."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far a captioner and a collection agree on a facet."""

    photos: int
    """Real photos of which the captioner named a value."""
    agreed: int

    @property
    def trusted(self) -> bool:
        """Whether the captioner's word counts; one that names nothing contradicts nothing."""
        return self.photos > 0 and self.agreed >= TRUSTED * self.photos


@dataclass(slots=True)
class CaptionCheck:
    """Judges made images by what a captioner says of them.

    Args:
        captioner: Asked about real photos first.
        values: Facet -> its values in the collection.
        real: The collection's training images.
    """

    captioner: Captioner
    values: Mapping[str, Sequence[str]]
    real: Sequence[LabelledImage]
    agreements: dict[str, Agreement] = field(default_factory=dict)
    """Of the facets that were asked for so far."""

    def judge(self, candidates: Sequence[Candidate]) -> dict[str, Verdict]:
        """Return a rejection by key for each candidate whose caption names another value of its cell's facet.

        Raises:
            SetupError: The captioner cannot be used.
            ToolError: An image that cannot be read.
        """
        asked = [one for one in candidates if self._trusted(one.cell.facet)]
        pictures = [LabelledImage(one.key, one.path, one.cell.class_name, "train") for one in asked]
        rejected = {}
        for one, caption in zip(asked, self.captioner.caption(pictures), strict=True):
            said = named_value(caption, one.cell.facet, self.values[one.cell.facet])
            if said not in {"", one.cell.value}:
                reason = f"shows {one.cell.facet}={said}, not {one.cell.value}: {caption.text[:120]!r}"
                rejected[one.key] = Verdict(one.key, False, "caption", 1.0, reason)
        return rejected

    def _trusted(self, facet: str) -> bool:
        if facet not in self.values:
            return False
        if facet not in self.agreements:
            self.agreements[facet] = self._agreement(facet)
        return self.agreements[facet].trusted

    def _agreement(self, facet: str) -> Agreement:
        sample = [
            image
            for value in self.values[facet]
            for image in _spread([one for one in self.real if one.facets.get(facet) == value], PHOTOS_PER_VALUE)
        ]
        said = [named_value(told, facet, self.values[facet]) for told in self.captioner.caption(sample)]
        named = [(image.facets[facet], value) for image, value in zip(sample, said, strict=True) if value]
        return Agreement(len(named), sum(shown == value for shown, value in named))


def named_value(caption: Caption, facet: str, values: Sequence[str]) -> str:
    """Return the value of a facet that a caption names, or "" where it names none, or several."""
    if caption.attributes.get(facet) in values:
        return caption.attributes[facet]
    named = [value for value in values if value in caption.attributes.values()] or [
        value for value in values if re.search(rf"\b{re.escape(value)}\b", caption.text, re.IGNORECASE)
    ]
    return named[0] if len(named) == 1 else ""


def _spread(images: Sequence[LabelledImage], count: int) -> list[LabelledImage]:
    """Return at most `count` images, evenly out of all."""
    step = max(1.0, len(images) / count)
    return [images[int(place * step)] for place in range(min(count, len(images)))]
