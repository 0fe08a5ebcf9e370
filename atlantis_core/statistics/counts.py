"""Statistics of a collection, computed without a model: counts, balance, image sizes, facets and duplicates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.base.errors import SetupError
from atlantis_core.data.image_io import open_undecoded, upright_size
from atlantis_core.records.natural_order import natural_key
from atlantis_core.statistics.leaks import Duplicates, find_duplicates

if TYPE_CHECKING:
    from atlantis_core.data.sealed import SealedSplit
    from atlantis_core.records import Collection, LabelledImage


@dataclass(frozen=True, slots=True)
class Spread:
    """Smallest, median and largest value."""

    least: float
    median: float
    most: float


@dataclass(frozen=True, slots=True)
class ImageSizes:
    """Spread of the image sizes."""

    width_px: Spread
    height_px: Spread


@dataclass(frozen=True, slots=True)
class CollectionStatistics:
    """Counts, balance, sizes, facets and duplicates; JSON-able."""

    name: str
    num_classes: int
    num_train: int
    num_validation: int
    num_test: int
    """The only fact about the sealed test split."""
    train_per_class: Mapping[str, int]
    validation_per_class: Mapping[str, int]
    gini: float
    """Gini coefficient of the training images per class: 0 is equal; higher is worse."""
    max_over_min: float
    """Most over fewest training images, of classes that have any: 1 is balanced; higher is worse."""
    untrained: tuple[str, ...]
    """Classes without a training image."""
    sizes: ImageSizes | None
    """Of train and validation images; None if there are none."""
    facet_tables: Mapping[str, Mapping[str, Mapping[str, int]]]
    """Facet -> class -> value -> training images."""
    not_facets: Mapping[str, str]
    """Metadata column that is not a facet -> reason."""
    duplicates: Duplicates


def collection_statistics(
    collection: Collection, sealed: SealedSplit | None = None, fingerprints: Mapping[str, bytes] | None = None
) -> CollectionStatistics:
    """Compute the statistics of a collection.

    Files are read: headers for sizes, pixels for duplicates, as far as no fingerprint (by image id) is given. The
    sealed test split is used for matching only.

    Raises:
        SetupError: A file is missing or no longer an image.
    """
    train, validation = collection.of_split("train"), collection.of_split("validation")
    train_per_class = images_per_class(train, collection.classes)
    return CollectionStatistics(
        name=collection.name,
        num_classes=len(collection.classes),
        num_train=len(train),
        num_validation=len(validation),
        num_test=collection.num_test,
        train_per_class=train_per_class,
        validation_per_class=images_per_class(validation, collection.classes),
        gini=gini(train_per_class.values()),
        max_over_min=max_over_min(train_per_class.values()),
        untrained=tuple(name for name, count in train_per_class.items() if not count),
        sizes=image_sizes(collection.images),
        facet_tables={facet: facet_table(collection, facet) for facet in collection.facets},
        not_facets=dict(collection.not_facets),
        duplicates=find_duplicates(collection, sealed, fingerprints),
    )


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
    values = sorted({image.facets[facet] for image in collection.images if facet in image.facets}, key=natural_key)
    counted = Counter((i.label, i.facets[facet]) for i in collection.of_split("train") if facet in i.facets)
    return {name: {value: counted[name, value] for value in values} for name in collection.classes}


def image_sizes(images: Iterable[LabelledImage]) -> ImageSizes | None:
    """Return the spread of widths and heights of upright images; None without images."""
    sizes = [_size(image.path) for image in images]
    if not sizes:
        return None
    return ImageSizes(_spread([width for width, _ in sizes]), _spread([height for _, height in sizes]))


def _size(path: str) -> tuple[int, int]:
    try:
        with open_undecoded(path) as image:
            return upright_size(image)
    except OSError as error:
        raise SetupError(f"cannot read image {path!r} ({error}); read the collection again") from error


def _spread(values: list[int]) -> Spread:
    return Spread(float(min(values)), float(median(values)), float(max(values)))
