"""Which attributes of the images are facets: of use for asking where retrieval fails.

A facet cuts across the classes (lighting, visit, domain). A column that follows from the label, that hardly
varies, or that names the single image does not, and is left out with the reason.
"""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from atlantis_core.base.errors import SetupError
from atlantis_core.records import Caption, Collection, LabelledImage

MOST_VALUES = 24
"""A facet with more values leaves too few images in a cell."""
ORIGIN, SYNTHETIC = "origin", "synthetic"
"""Column that says where an image comes from, and its value of made ones; trainings weigh them apart."""

LEAST_SHARE = 0.03
"""A value found in captions must be carried by this share of the images."""


@dataclass(frozen=True, slots=True)
class FacetChoice:
    """The columns that are facets, and why the others are not."""

    facets: tuple[str, ...]
    not_facets: Mapping[str, str]
    """Column -> reason."""


def choose_facets(
    labels: Sequence[str], columns: Mapping[str, Sequence[str]], chosen: Sequence[str] | None = None
) -> FacetChoice:
    """Sort metadata columns into facets and others.

    Args:
        labels: Class of each training and validation image, N.
        columns: Column name -> value of each image, N; empty where an image has none.
        chosen: Columns a person asked for. These are taken though they have many values, but not where
            they follow from the label or have one value: there is nothing to compare then.

    Raises:
        SetupError: `chosen` names a column that is not there.
    """
    if unknown := [name for name in chosen or () if name not in columns]:
        known = ", ".join(map(repr, columns)) or "none"
        raise SetupError(f"facets name {unknown[0]!r}, which is no column; columns: {known}")
    reasons = {name: _why_not(name, values, labels, chosen) for name, values in columns.items()}
    return FacetChoice(
        tuple(name for name, reason in reasons.items() if not reason),
        {name: reason for name, reason in reasons.items() if reason},
    )


def add_caption_facets(collection: Collection, captions: Sequence[Caption]) -> Collection:
    """Give a collection without facets those that its captions name.

    Values carried by less than `LEAST_SHARE` of the images are dropped, then facets that are none by the
    rules for columns; the reasons go to `not_facets`.

    Args:
        collection: Returned as it is where it has facets already.
        captions: Captions of its images; others are ignored.
    """
    if collection.facets:
        return collection
    attributes = {caption.image_id: caption.attributes for caption in captions}
    of_images = [attributes.get(image.id, {}) for image in collection.images]
    names = tuple(dict.fromkeys(name for found in of_images for name in found))
    return add_facets(collection, {name: [found.get(name, "") for found in of_images] for name in names})


def describe_caption_facets(collection: Collection, captioner: str) -> str:
    """Say which facets a captioner gave a collection that had none."""
    return f"no metadata column is a facet; captioner {captioner!r} gives: {', '.join(collection.facets) or 'none'}"


def add_facets(collection: Collection, columns: Mapping[str, Sequence[str]]) -> Collection:
    """Give a collection those facets more that columns read from captions make.

    Args:
        collection: Keeps the facets it has.
        columns: New name -> value of each image, N; empty where its caption tells none. Rare values are dropped.
    """
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
    """Count the values of a facet among images; a value absent here has a count of 0."""
    return Counter(image.facets[facet] for image in images if facet in image.facets)


def drop_rare_values(values: Sequence[str]) -> list[str]:
    """Return a column less the values that under `LEAST_SHARE` of the images carry; those become empty."""
    counts = Counter(values)
    return [value if counts[value] >= LEAST_SHARE * len(values) else "" for value in values]


def _why_not(name: str, values: Sequence[str], labels: Sequence[str], chosen: Sequence[str] | None) -> str:
    """Return why a column is no facet, or nothing where it is one."""
    if name == ORIGIN and SYNTHETIC in values:
        return "says which training images are made"
    if chosen is not None and name not in chosen:
        return "not chosen (--facets names others)"
    present = [value for value in values if value]
    distinct = set(present)
    if len(distinct) < 2:
        return f"one value only ({distinct.pop()!r})" if distinct else "no values"
    if is_implied_by_label(values, labels):
        return "function of the label (one value per class)"
    return "" if chosen is not None else _why_too_fine(present, distinct)


def is_implied_by_label(values: Sequence[str], labels: Sequence[str]) -> bool:
    """Whether the label tells the value; images without a value say nothing."""
    of_class: dict[str, set[str]] = defaultdict(set)
    for value, label in zip(values, labels, strict=True):
        if value:
            of_class[label].add(value)
    return all(len(found) == 1 for found in of_class.values())


def is_nearly_unique(present: Sequence[str]) -> bool:
    """Whether values tell single images rather than kinds of them."""
    return len(set(present)) > max(2, 0.5 * len(present))


def _why_too_fine(present: Sequence[str], distinct: set[str]) -> str:
    """Return why a column has too many values for a facet, or nothing."""
    if is_nearly_unique(present):
        return f"nearly unique ({len(distinct)} values for {len(present)} images)"
    if len(distinct) > 12 and all(map(_is_number, distinct)):
        return f"numbers, not categories ({len(distinct)} different ones)"
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
    """Return facet -> its values in train and validation, sorted."""
    values: dict[str, set[str]] = {name: set() for name in collection.facets}
    for image in collection.images:
        for name, value in image.facets.items():
            if name in values:
                values[name].add(value)
    return {name: tuple(sorted(found)) for name, found in values.items()}
