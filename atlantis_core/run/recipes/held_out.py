"""Training images in two parts: some are held out as queries, the others are trained on."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from atlantis_core.base.errors import SetupError
from atlantis_core.base.hashing import content_hash
from atlantis_core.data.tasks import RetrievalTask, list_counted
from atlantis_core.records import Collection, LabelledImage, Regime

SHARE = 0.25
"""Share of each class, or of the classes, that is held out, if no facet value can be."""
_LEAST, _MOST = 0.1, 0.5
"""Shares of the training images that a facet value may have to be held out."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Training images in two parts."""

    queries: tuple[LabelledImage, ...]
    rest: tuple[LabelledImage, ...]
    """Trained on."""
    what: str
    """Which images are the queries, in words."""
    gallery: tuple[LabelledImage, ...]

    @property
    def task(self) -> RetrievalTask:
        """The queries against the gallery."""
        return RetrievalTask(self.queries, self.gallery)


def hold_out_for(collection: Collection, regime: Regime) -> HeldOut:
    """Hold out a part of a collection's training images that is like the queries of a regime.

    Raises:
        SetupError: Too few images or classes.
    """
    images = collection.of_split("train")
    return hold_out_classes(images) if regime == "unseen" else hold_out(images, collection.facets)


def hold_out(images: Sequence[LabelledImage], facets: Sequence[str]) -> HeldOut:
    """Hold out the images with one facet value, else a part of every class; only classes that keep two or more.

    A facet value is the harder test, and nearer to queries that differ from all training images. Of those that a
    tenth to half of the images have, it is the most frequent one whose classes also show other values.

    Raises:
        SetupError: No class has three images.
    """
    sizes = Counter(image.label for image in images)
    values = Counter((facet, image.facets[facet]) for image in images for facet in facets if facet in image.facets)
    for (facet, value), _ in values.most_common():
        queries = [image for image in images if image.facets.get(facet) == value]
        own = Counter(image.label for image in queries)
        queries = [image for image in queries if sizes[image.label] - own[image.label] >= 2]
        if _LEAST * len(images) <= len(queries) <= _MOST * len(images):
            return _divide(images, queries, f"training images with {facet}={value}")
    seen: Counter[str] = Counter()
    queries = []
    for image in sorted(images, key=lambda one: one.id):  # a content hash: an arbitrary, lasting order
        if seen[image.label] < math.floor(SHARE * sizes[image.label] + 0.5) and sizes[image.label] >= 3:
            seen[image.label] += 1
            queries.append(image)
    if not queries:
        raise SetupError("no class has 3 training images, so none can be held out to compare recipes on")
    return _divide(images, queries, f"{SHARE:.0%} of each class's training images")


def hold_out_classes(images: Sequence[LabelledImage]) -> HeldOut:
    """Hold out a part of the classes, whose images are queries and gallery: none of them is trained on.

    Raises:
        SetupError: Fewer than four classes, or none that is held out has two images.
    """
    classes = sorted({image.label for image in images}, key=lambda label: content_hash("held-out class", label))
    held = set(classes[: max(2, round(SHARE * len(classes)))])
    queries = tuple(image for image in images if image.label in held)
    if len(classes) < 4 or not list_counted(RetrievalTask(queries, queries)):
        raise SetupError(
            f"the training split has {len(classes)} classes; comparing recipes for unseen classes needs 4, some of "
            "them with 2 images"
        )
    rest = tuple(image for image in images if image.label not in held)
    return HeldOut(queries, rest, f"training images of {len(held)} of the {len(classes)} classes", queries)


def _divide(images: Sequence[LabelledImage], queries: Sequence[LabelledImage], what: str) -> HeldOut:
    held = {image.id for image in queries}
    rest = tuple(image for image in images if image.id not in held)
    return HeldOut(tuple(queries), rest, what, rest)
