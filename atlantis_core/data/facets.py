"""Choosing the facets: image attributes that cut across the classes (lighting, visit, domain).

A column that follows from the label, has one value, or identifies single images is excluded, with the reason.
"""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from atlantis_core.base.errors import SetupError
from atlantis_core.data.entries import parse_split
from atlantis_core.data.roles import FLAG_COLUMNS
from atlantis_core.records import Caption, Collection, LabelledImage

MOST_VALUES = 24
"""Facets with more values leave too few images per cell."""
ORIGIN, SYNTHETIC = "origin", "synthetic"
"""The column with an image's origin, and its value for synthetic images, which trainings weight separately."""
LEAST_SHARE = 0.03
"""Smallest share of images that a value found in captions must have."""


@dataclass(frozen=True, slots=True)
class FacetChoice:
    """Columns that are facets, and the reason for each that is not."""

    facets: tuple[str, ...]
    not_facets: Mapping[str, str]
    """Column -> reason."""


def choose_facets(
    labels: Sequence[str], columns: Mapping[str, Sequence[str]], chosen: Sequence[str] | None = None
) -> FacetChoice:
    """Sort metadata columns into facets and others.

    Args:
        labels: Class of each training and validation image, N.
        columns: Column name -> value of each image, N; empty for an image without one.
        chosen: Columns that the user named. They may have many values, but must not follow from the label or have
            only one value: there would be nothing to compare.

    Raises:
        SetupError: `chosen` names an unknown column.
    """
    if unknown := [name for name in chosen or () if name not in columns]:
        known = ", ".join(map(repr, columns)) or "none"
        raise SetupError(f"facets name {unknown[0]!r}, which is not a column; columns: {known}")
    reasons = {name: _why_not(name, values, labels, chosen) for name, values in columns.items()}
    return FacetChoice(
        tuple(name for name, reason in reasons.items() if not reason),
        {name: reason for name, reason in reasons.items() if reason},
    )


def add_caption_facets(collection: Collection, captions: Sequence[Caption]) -> Collection:
    """Return a collection with facets taken from its captions; one that has facets is returned unchanged.

    Values of under `LEAST_SHARE` of the images are dropped, then attributes that fail the rules for columns; the
    reasons go to `not_facets`. Captions of other images are ignored.
    """
    if collection.facets:
        return collection
    attributes = {caption.image_id: caption.attributes for caption in captions}
    of_images = [attributes.get(image.id, {}) for image in collection.images]
    names = tuple(dict.fromkeys(name for found in of_images for name in found))
    return add_facets(collection, {name: [found.get(name, "") for found in of_images] for name in names})


def describe_caption_facets(collection: Collection, captioner: str) -> str:
    """Return a sentence that lists the facets a captioner added to a collection without any."""
    return f"no metadata column is a facet; captioner {captioner!r} gives: {', '.join(collection.facets) or 'none'}"


def add_facets(collection: Collection, columns: Mapping[str, Sequence[str]]) -> Collection:
    """Return a collection with further facets (name -> value of each image, N); rare and empty values are dropped."""
    kept = {name: drop_rare_values(values) for name, values in columns.items()}
    choice = choose_facets([image.label for image in collection.images], kept)
    images = tuple(
        dataclasses.replace(
            image, facets={**image.facets, **{name: kept[name][row] for name in choice.facets if kept[name][row]}}
        )
        for row, image in enumerate(collection.images)
    )
    not_facets = {**collection.not_facets, **choice.not_facets}
    facets = (*collection.facets, *choice.facets)
    return dataclasses.replace(collection, images=images, facets=facets, not_facets=not_facets)


def count_facet_values(images: Sequence[LabelledImage], facet: str) -> Counter[str]:
    """Return facet value -> number of images; absent values count 0."""
    return Counter(image.facets[facet] for image in images if facet in image.facets)


def drop_rare_values(values: Sequence[str]) -> list[str]:
    """Return a column in which values of under `LEAST_SHARE` of the images are empty."""
    counts = Counter(values)
    return [value if counts[value] >= LEAST_SHARE * len(values) else "" for value in values]


def _why_not(name: str, values: Sequence[str], labels: Sequence[str], chosen: Sequence[str] | None) -> str:
    """Return why a column is not a facet; empty if it is one."""
    if name == ORIGIN and SYNTHETIC in values:
        return "marks synthetic training images"
    if name.lower() in FLAG_COLUMNS:
        return "gives the role in retrieval"
    if chosen is not None and name not in chosen:
        return "not chosen (--facets names others)"
    present = [value for value in values if value]
    distinct = set(present)
    if len(distinct) < 2:
        return f"one value only ({distinct.pop()!r})" if distinct else "no values"
    if is_implied_by_label(values, labels):
        return "function of the label (one value per class)"
    return "" if chosen is not None else _why_unlikely(present, distinct)


def is_implied_by_label(values: Sequence[str], labels: Sequence[str]) -> bool:
    """Whether the label determines the value; images without a value are ignored."""
    of_class: dict[str, set[str]] = defaultdict(set)
    for value, label in zip(values, labels, strict=True):
        if value:
            of_class[label].add(value)
    return all(len(found) == 1 for found in of_class.values())


def is_nearly_unique(present: Sequence[str]) -> bool:
    """Whether the values identify single images rather than groups."""
    return len(set(present)) > max(2, 0.5 * len(present))


def _why_unlikely(present: Sequence[str], distinct: set[str]) -> str:
    """Return why a column that nobody named is not a facet: other values, or too many; empty if it is one."""
    if all(map(parse_split, distinct)):
        return "names splits, not what an image shows"
    if is_nearly_unique(present):
        return f"nearly unique ({len(distinct)} values for {len(present)} images)"
    if len(distinct) > 12 and all(map(_is_number, distinct)):
        return f"numbers, not categories ({len(distinct)} different values)"
    if len(distinct) > max(2, min(MOST_VALUES, len(present) // 5)):
        return f"too many values ({len(distinct)} for {len(present)} images)"
    return ""


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def facet_value_lists(collection: Collection) -> dict[str, tuple[str, ...]]:
    """Return facet -> its sorted values in train and validation."""
    return {name: tuple(sorted(count_facet_values(collection.images, name))) for name in collection.facets}
