"""Retrieval tasks: which images ask, and which are searched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from atlantis_core.base.errors import SetupError
from atlantis_core.data.column_syntax import format_column
from atlantis_core.records import Collection, LabelledImage, Regime

Restriction = tuple[str, str]
"""A column (`split`, `role`, `label` or any of the metadata) and the value it must have."""
_OWN = ("split", "role", "label")


def restriction_columns(*restrictions: Restriction | None) -> tuple[str, ...]:
    """Return the columns that restrictions name; images must be read so that they keep their values."""
    return tuple(restriction[0] for restriction in restrictions if restriction is not None)


@dataclass(frozen=True, slots=True)
class RetrievalTask:
    """Queries and gallery. An image that is in both is never its own partner: compare ids, not rows."""

    queries: tuple[LabelledImage, ...]
    gallery: tuple[LabelledImage, ...]


def retrieval_task(
    collection: Collection,
    regime: Regime = "seen",
    query: Restriction | None = None,
    gallery: Restriction | None = None,
) -> RetrievalTask:
    """Return the validation task of a collection.

    In the regime `seen`, validation images with the role query (or both) ask and training images with the
    role gallery (or both) are searched; in `unseen`, validation images are searched too. Images with the role
    train, such as made ones, are trained on only.

    Args:
        collection: What to ask about, read with `ReadOptions.keeping` the columns of restrictions that are no facets.
        regime: `seen` or `unseen`.
        query: Restricts the queries; with the column `split` it chooses the split they come from.
        gallery: Restricts the gallery likewise.

    Raises:
        SetupError: The test split is asked for, a column or value is unknown, or nothing is left.
    """
    searched = "train" if regime == "seen" else "validation"
    return RetrievalTask(
        _pick(collection, _pool(collection, "validation", query), "query", query),
        _pick(collection, _pool(collection, searched, gallery), "gallery", gallery),
    )


def test_task(
    collection: Collection,
    test_images: Sequence[LabelledImage],
    regime: Regime = "seen",  # noqa: PT028 (no pytest test, for all its name)
    query: Restriction | None = None,  # noqa: PT028
    gallery: Restriction | None = None,  # noqa: PT028
) -> RetrievalTask:
    """Return the task on the opened test split: its images ask instead of the validation images.

    Args:
        collection: The collection that the split belongs to.
        test_images: What `SealedSplit.open` handed out.
        regime: In `seen`, training images are searched; in `unseen`, the test images.
        query: Restricts the queries by any column but the split.
        gallery: Restricts the gallery likewise.

    Raises:
        SetupError: A column or value is unknown, or nothing is left.
    """
    searched = collection.of_split("train") if regime == "seen" else test_images
    return RetrievalTask(
        _pick(collection, test_images, "query", query),
        _pick(collection, searched, "gallery", gallery),
    )


test_task.__test__ = False  # type: ignore[attr-defined] # pytest takes the name for a test's


def _pool(collection: Collection, split: str, restriction: Restriction | None) -> Sequence[LabelledImage]:
    """Return the split to pick from: the regime's, or the one the restriction names."""
    if restriction and restriction[0] == "split" and "split" not in collection.facets:
        split = restriction[1]
        if split == "test":
            raise SetupError("the test split is sealed: no task can use it; `atlantis test RUN|TRIAL` opens it once")
    return [image for image in collection.images if image.split == split]


def _pick(
    collection: Collection, pool: Sequence[LabelledImage], part: str, restriction: Restriction | None
) -> tuple[LabelledImage, ...]:
    """Return the images of a pool that may play a part (`query` or `gallery`) and meet the restriction."""
    able = tuple(image for image in pool if image.role in (part, "both"))
    picked = able
    if restriction is not None:
        column, value = restriction
        columns = tuple(dict.fromkeys((*_OWN, *collection.facets, *collection.not_facets)))
        if column not in columns:
            known = ", ".join(map(format_column, columns))
            raise SetupError(f"--{part} names the column {column!r}; known: {known}")
        picked = tuple(image for image in able if _value(image, column) == value)
    if not picked:
        raise SetupError(_empty_pool_error(collection, able or collection.images, part, restriction))
    return picked


def _value(image: LabelledImage, column: str) -> str:
    if column in image.facets:
        return image.facets[column]
    return str(getattr(image, column)) if column in _OWN else ""


def _empty_pool_error(
    collection: Collection, images: Iterable[LabelledImage], part: str, restriction: Restriction | None
) -> str:
    if restriction is None:
        roles = Counter(f"{image.split}/{image.role}" for image in collection.images)
        known = ", ".join(f"{count} {name}" for name, count in sorted(roles.items()))
        return f"no image can be a {part} (images by split and role: {known}); mend the column role"
    column, value = restriction
    source = collection.images if column == "split" else images
    counts = Counter(found for image in source if (found := _value(image, column)))
    known = ", ".join(f"{name} ({count})" for name, count in sorted(counts.items())) or "none"
    return f"--{part} {column}={value} leaves no image; values there: {known}"
