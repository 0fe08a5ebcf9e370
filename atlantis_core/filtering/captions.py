"""Made images whose caption names another facet value than the one they were made for: day where night was asked.

A captioner is listened to only for values that it also sees in the collection's own photos of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from atlantis_core.base.errors import BudgetExceeded
from atlantis_core.records import LabelledImage, Verdict

if TYPE_CHECKING:
    from atlantis_core.base.ports import Captioner
    from atlantis_core.records import Candidate, Caption

TRUST_THRESHOLD = 0.8
"""Share of real photos of a value that a captioner must call by it to be listened to."""

PHOTOS_PER_VALUE = 8
"""Real photos of each value that this is found out on."""

FEWEST_NAMED_PHOTOS = 3
"""With fewer of which it names any value, it is not listened to."""


@dataclass(frozen=True, slots=True)
class CaptionAgreement:
    """How far a captioner and a collection agree on one value of a facet."""

    facet: str
    value: str
    photos: int
    """Real photos of the value of which the captioner named any value."""
    agreed: int
    trusted: bool


@dataclass(frozen=True, slots=True)
class CaptionCheckResult:
    """How far a captioner was trusted in one screening."""

    agreements: tuple[CaptionAgreement, ...]
    """Of the values that were checked."""
    unpaid: bool
    """Whether the money for captions ran out."""


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
    agreements: dict[tuple[str, str], CaptionAgreement] = field(default_factory=dict)
    """Of the values that were asked for so far."""
    unpaid: bool = False
    """Whether the money for captions ran out; what was not looked at is then not rejected here."""

    def judge(self, candidates: Sequence[Candidate]) -> dict[str, Verdict]:
        """Return a rejection by key for each candidate whose caption names another value of its cell's facet.

        Raises:
            SetupError: The captioner cannot be used.
            ProviderUnavailable: It is a chat model that fails.
        """
        try:
            return self._judged([one for one in candidates if self._trusted(one.cell.facet, one.cell.value)])
        except BudgetExceeded:
            self.unpaid = True
            return {}

    def _judged(self, candidates: Sequence[Candidate]) -> dict[str, Verdict]:
        pictures = [LabelledImage(one.key, one.path, one.cell.class_name, "train") for one in candidates]
        rejected = {}
        for one, caption in zip(candidates, self.captioner.caption(pictures), strict=True):
            said = named_value(caption, one.cell.facet, self.values[one.cell.facet])
            if said not in {"", one.cell.value}:
                reason = f"shows {one.cell.facet}={said}, not {one.cell.value}: {caption.text[:120]!r}"
                rejected[one.key] = Verdict(one.key, False, "caption", 1.0, reason)
        return rejected

    def _trusted(self, facet: str, value: str) -> bool:
        if value not in self.values.get(facet, ()):
            return False
        if (facet, value) not in self.agreements:
            self.agreements[facet, value] = self._agreement(facet, value)
        return self.agreements[facet, value].trusted

    def _agreement(self, facet: str, value: str) -> CaptionAgreement:
        sample = _sample_evenly([one for one in self.real if one.facets.get(facet) == value], PHOTOS_PER_VALUE)
        said = [named_value(told, facet, self.values[facet]) for told in self.captioner.caption(sample)]
        photos, agreed = len([one for one in said if one]), said.count(value)
        return CaptionAgreement(
            facet, value, photos, agreed, photos >= FEWEST_NAMED_PHOTOS and agreed >= TRUST_THRESHOLD * photos
        )


def named_value(caption: Caption, facet: str, values: Sequence[str]) -> str:
    """Return the value of a facet that a caption names, or "" where it names none, or several."""
    if caption.attributes.get(facet) in values:
        return caption.attributes[facet]
    named = [value for value in values if value in caption.attributes.values()] or [
        value for value in values if re.search(rf"\b{re.escape(value)}\b", caption.text, re.IGNORECASE)
    ]
    return named[0] if len(named) == 1 else ""


def _sample_evenly(images: Sequence[LabelledImage], count: int) -> list[LabelledImage]:
    """Return at most `count` images, evenly out of all."""
    step = max(1.0, len(images) / count)
    return [images[int(place * step)] for place in range(min(count, len(images)))]
