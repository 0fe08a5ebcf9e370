"""Image counts by class and facet value, and measures of imbalance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from atlantis_core.records import Collection, LabelledImage


def images_per_class(images: Iterable[LabelledImage], classes: Sequence[str]) -> dict[str, int]:
    """Return class -> number of images, in the order of `classes`."""
    counted = Counter(image.label for image in images)
    return {name: counted[name] for name in classes}


def gini(counts: Iterable[int]) -> float:
    """Return the Gini coefficient of counts: 0 if all are equal, near 1 if one class has all; higher is worse.

    Gini (1912) in the sorted form G = 2 * sum_i i * x_i / (n * sum x) - (n + 1) / n, i from 1; 0 without images.
    """
    ordered = np.sort(np.array(list(counts), np.float64))
    total = ordered.sum()
    if not total:
        return 0.0
    number = len(ordered)
    return float(2 * (np.arange(1, number + 1) * ordered).sum() / (number * total) - (number + 1) / number)


def max_over_min(counts: Iterable[int]) -> float:
    """Return the largest count over the smallest nonzero one; 1 is balanced (or empty), higher is worse."""
    present = [count for count in counts if count]
    return max(present) / min(present) if present else 1.0


def facet_table(collection: Collection, facet: str) -> dict[str, dict[str, int]]:
    """Return class -> facet value -> number of training images.

    Values that occur only in validation images are included, with zeros.
    """
    values = sorted({image.facets[facet] for image in collection.images if facet in image.facets})
    counted = Counter((i.label, i.facets[facet]) for i in collection.of_split("train") if facet in i.facets)
    return {name: {value: counted[name, value] for value in values} for name in collection.classes}
