"""Statistics of a collection, computed without a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from atlantis_core.statistics.balance import facet_table, gini, images_per_class, max_over_min
from atlantis_core.statistics.leaks import Duplicates, find_duplicates
from atlantis_core.statistics.sizes import ImageSizes, image_sizes

if TYPE_CHECKING:
    from atlantis_core.data.sealed import SealedSplit
    from atlantis_core.records import Collection


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
    collection: Collection,
    sealed: SealedSplit | None = None,
    fingerprints: Mapping[str, bytes] | None = None,
) -> CollectionStatistics:
    """Compute the statistics of a collection.

    Args:
        collection: Its files are read: headers for sizes, pixels for duplicates.
        sealed: Its test split, used for matching only; None skips it.
        fingerprints: Image id -> fingerprint, as far as known.

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
