"""Reject candidates whose caption names another facet value than their cell's, such as day instead of night.

A captioner is trusted only for values that it also recognises in real images of the collection.
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
"""Share of real images of a value that a captioner must name correctly to be trusted."""

PHOTOS_PER_VALUE = 8
"""Real images of each value on which the captioner is tested."""

FEWEST_NAMED_PHOTOS = 3
"""A captioner that names a value for fewer of these images is not trusted."""


@dataclass(frozen=True, slots=True)
class CaptionAgreement:
    """How far a captioner and a collection agree on one value of a facet."""

    facet: str
    value: str
    photos: int
    """Real images of the value for which the captioner named any value."""
    agreed: int
    """Of these, images for which it named this value."""
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
    """Judges candidates by their captions.

    Args:
        captioner: Tested on real images first.
        values: Facet -> its values in the collection.
        real: The collection's training images.
    """

    captioner: Captioner
    values: Mapping[str, Sequence[str]]
    real: Sequence[LabelledImage]
    agreements: dict[tuple[str, str], CaptionAgreement] = field(default_factory=dict)
    """Results of the tests so far, by facet and value."""
    unpaid: bool = False
    """Whether the budget for captions ran out; candidates without a caption are not rejected."""

    def judge(self, candidates: Sequence[Candidate]) -> dict[str, Verdict]:
        """Return key -> rejection of each candidate whose caption names another value of its cell's facet.

        Raises:
            SetupError: The captioner cannot be used.
            ProviderUnavailable: The captioner is a chat model and fails.
        """
        try:
            return self._reject([one for one in candidates if self._is_trusted(one.cell.facet, one.cell.value)])
        except BudgetExceeded:
            self.unpaid = True
            return {}

    def _reject(self, candidates: Sequence[Candidate]) -> dict[str, Verdict]:
        images = [LabelledImage(one.key, one.path, one.cell.class_name, "train") for one in candidates]
        rejected = {}
        for one, caption in zip(candidates, self.captioner.caption(images), strict=True):
            value = named_value(caption, one.cell.facet, self.values[one.cell.facet])
            if value not in {"", one.cell.value}:
                reason = f"shows {one.cell.facet}={value}, not {one.cell.value}: {caption.text[:120]!r}"
                rejected[one.key] = Verdict(one.key, False, "caption", 1.0, reason)
        return rejected

    def _is_trusted(self, facet: str, value: str) -> bool:
        if value not in self.values.get(facet, ()):
            return False
        if (facet, value) not in self.agreements:
            self.agreements[facet, value] = self._test_captioner(facet, value)
        return self.agreements[facet, value].trusted

    def _test_captioner(self, facet: str, value: str) -> CaptionAgreement:
        sample = _sample_evenly([one for one in self.real if one.facets.get(facet) == value], PHOTOS_PER_VALUE)
        named = [named_value(caption, facet, self.values[facet]) for caption in self.captioner.caption(sample)]
        photos, agreed = len([one for one in named if one]), named.count(value)
        return CaptionAgreement(
            facet, value, photos, agreed, photos >= FEWEST_NAMED_PHOTOS and agreed >= TRUST_THRESHOLD * photos
        )


def named_value(caption: Caption, facet: str, values: Sequence[str]) -> str:
    """Return the one value of a facet that a caption names; "" if it names none or several."""
    if caption.attributes.get(facet) in values:
        return caption.attributes[facet]
    named = [value for value in values if value in caption.attributes.values()] or [
        value for value in values if re.search(rf"\b{re.escape(value)}\b", caption.text, re.IGNORECASE)
    ]
    return named[0] if len(named) == 1 else ""


def _sample_evenly(images: Sequence[LabelledImage], count: int) -> list[LabelledImage]:
    """Return at most `count` images, evenly spaced over all."""
    step = max(1.0, len(images) / count)
    return [images[int(index * step)] for index in range(min(count, len(images)))]
