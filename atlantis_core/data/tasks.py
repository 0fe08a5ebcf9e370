"""Retrieval tasks: which images are queries, and which form the gallery."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from atlantis_core.base.errors import SetupError
from atlantis_core.data.column_syntax import format_column
from atlantis_core.data.lookalikes import describe_lookalikes, find_lookalikes
from atlantis_core.records import Collection, LabelledImage, Regime

Restriction = tuple[str, str]
"""A column (`split`, `role`, `label` or a metadata column) and its required value."""
_OWN = ("split", "role", "label")
_MOST_NAMED = 3  # classes in a message


def restriction_columns(*restrictions: Restriction | None) -> tuple[str, ...]:
    """Return the columns that restrictions name, for `ReadOptions.keeping`."""
    return tuple(restriction[0] for restriction in restrictions if restriction is not None)


@dataclass(frozen=True, slots=True)
class RetrievalTask:
    """Queries and gallery. An image in both is not its own positive: compare ids, not rows."""

    queries: tuple[LabelledImage, ...]
    gallery: tuple[LabelledImage, ...]


def retrieval_task(
    collection: Collection,
    regime: Regime = "seen",
    query: Restriction | None = None,
    gallery: Restriction | None = None,
) -> RetrievalTask:
    """Return the validation task of a collection.

    Queries are validation images with the role query or both. The gallery is training images (regime `seen`) or
    validation images (`unseen`) with the role gallery or both. Images with the role train, such as synthetic ones,
    are in neither.

    Args:
        collection: Read with `ReadOptions.keeping` the restricted columns that are not facets.
        regime: `seen` or `unseen`.
        query: Restricts the queries; the column `split` chooses their split.
        gallery: Restricts the gallery likewise.

    Raises:
        SetupError: The test split is named, a column or value is unknown, or no image is left.
    """
    gallery_split = "train" if regime == "seen" else "validation"
    return RetrievalTask(
        _pick(collection, _pool(collection, "validation", query), "query", query),
        _pick(collection, _pool(collection, gallery_split, gallery), "gallery", gallery),
    )


def test_task(
    collection: Collection,
    test_images: Sequence[LabelledImage],
    regime: Regime = "seen",  # noqa: PT028 (not a pytest test)
    query: Restriction | None = None,  # noqa: PT028
    gallery: Restriction | None = None,  # noqa: PT028
) -> RetrievalTask:
    """Return the task on the opened test split, from `SealedSplit.open`: its images are the queries.

    The gallery is the training images (regime `seen`) or the test images (`unseen`). Restrictions are those of
    `retrieval_task`, but cannot name the column `split`.

    Raises:
        SetupError: A column or value is unknown, or no image is left.
    """
    pool = collection.of_split("train") if regime == "seen" else test_images
    return RetrievalTask(_pick(collection, test_images, "query", query), _pick(collection, pool, "gallery", gallery))


test_task.__test__ = False  # type: ignore[attr-defined] # pytest would collect it by its name


def check_measurable(task: RetrievalTask, queries: str = "query") -> None:
    """Refuse a task on which no model has a figure; images are not read.

    `queries` is what the message calls them, in the singular.

    Raises:
        SetupError: No query has a positive.
    """
    if not list_counted(task):
        raise SetupError(
            f"no {queries} has a positive in the gallery, so there is no figure: {_explain_no_positive(task)}"
        )


def list_counted(task: RetrievalTask) -> list[LabelledImage]:
    """Return the queries that count in figures: those of which the gallery has another image of their class."""
    own = {image.id: image.label for image in task.gallery}
    positives = Counter(image.label for image in task.gallery)
    return [image for image in task.queries if positives[image.label] > (own.get(image.id) == image.label)]


def describe_single_class(task: RetrievalTask) -> str:
    """Say that a gallery has a single class, so that every retrieval is correct whatever the model; else empty."""
    if len({image.label for image in task.gallery}) != 1:
        return ""
    return f"the gallery has only images of {task.gallery[0].label!r}, so every retrieval is correct for any model"


def check_test_images(
    collection: Collection,
    test_images: Sequence[LabelledImage],
    regime: Regime = "seen",
    query: Restriction | None = None,
    gallery: Restriction | None = None,
) -> None:
    """Refuse test images that a test would be wasted on; arguments as for `test_task`, but no file is read.

    Raises:
        SetupError: There is nothing to measure (see `check_measurable`), classes contradict the regime, or a test
            class looks like a training class in another spelling, as `0.0` does like `0`.
    """
    trained = {image.label for image in collection.of_split("train")}
    tested = {image.label for image in test_images}
    if alike := find_lookalikes(tested, trained):
        raise SetupError(
            f"classes of the test split look like training classes in another spelling: "
            f"{describe_lookalikes(alike)}; write each class in one way"
        )
    if regime == "unseen" and (shared := sorted(tested & trained)):
        raise SetupError(
            f"the regime 'unseen' needs test classes that are not trained on, but {len(shared)} are, the first "
            f"{shared[0]!r}"
        )
    if regime == "seen" and not tested & trained:
        raise SetupError(
            "no test class has training images, so no test query has a positive: test images are of "
            f"{_name_some(tested)}, training images of {_name_some(trained)}; correct the labels, or use "
            "--regime unseen"
        )
    task = test_task(collection, test_images, regime, query, gallery)
    check_measurable(task, "test query")
    if problem := describe_single_class(task):
        raise SetupError(problem)


def _pool(collection: Collection, split: str, restriction: Restriction | None) -> Sequence[LabelledImage]:
    if restriction and restriction[0] == "split" and "split" not in collection.facets:
        split = restriction[1]
        if split == "test":
            raise SetupError("the test split is sealed: no task can use it; `atlantis test RUN|TRIAL` opens it once")
    return [image for image in collection.images if image.split == split]


def _pick(
    collection: Collection, pool: Sequence[LabelledImage], role: str, restriction: Restriction | None
) -> tuple[LabelledImage, ...]:
    """Return the images of a pool with a role (`query` or `gallery`) that meet the restriction."""
    eligible = tuple(image for image in pool if image.role in (role, "both"))
    picked = eligible
    if restriction is not None:
        column, value = restriction
        columns = tuple(dict.fromkeys((*_OWN, *collection.facets, *collection.not_facets)))
        if column not in columns:
            known = ", ".join(map(format_column, columns))
            raise SetupError(f"--{role} names the column {column!r}; known: {known}")
        picked = tuple(image for image in eligible if _value(image, column) == value)
    if not picked:
        raise SetupError(_empty_pool_error(collection, eligible or collection.images, role, restriction))
    return picked


def _explain_no_positive(task: RetrievalTask) -> str:
    """Say why no query has a positive: no common class, look-alikes among them, or no second image of a class."""
    asked, there = ({image.label for image in part} for part in (task.queries, task.gallery))
    if asked & there:
        return f"no class of the queries has another image in the gallery ({_name_some(asked)})"
    alike = find_lookalikes(asked, there)
    hint = f" (another spelling? {describe_lookalikes(alike)})" if alike else ""
    return f"queries are of {_name_some(asked)}, the gallery of {_name_some(there)}{hint}; they need a common class"


def _name_some(labels: set[str]) -> str:
    """Return the first few class names."""
    some = ", ".join(map(repr, sorted(labels)[:_MOST_NAMED]))
    return some + (f" and {len(labels) - _MOST_NAMED} more" if len(labels) > _MOST_NAMED else "")


def _value(image: LabelledImage, column: str) -> str:
    if column in image.facets:
        return image.facets[column]
    return str(getattr(image, column)) if column in _OWN else ""


def _empty_pool_error(
    collection: Collection, images: Iterable[LabelledImage], role: str, restriction: Restriction | None
) -> str:
    if restriction is None:
        roles = Counter(f"{image.split}/{image.role}" for image in collection.images)
        known = ", ".join(f"{count} {name}" for name, count in sorted(roles.items()))
        return f"no image can be a {role} (images by split and role: {known}); correct the column role"
    column, value = restriction
    source = collection.images if column == "split" else images
    counts = Counter(found for image in source if (found := _value(image, column)))
    known = ", ".join(f"{name} ({count})" for name, count in sorted(counts.items())) or "none"
    return f"--{role} {column}={value} leaves no image; values there: {known}"
