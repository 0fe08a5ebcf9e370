"""Tool: what the collection holds."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from langchain_core.tools import tool

from atlantis_core.base.text import quote
from atlantis_core.data.reading import summarize_reading
from atlantis_core.run.journal import JournalKind
from atlantis_core.statistics.counts import CollectionStatistics, collection_statistics
from atlantis_dml.tools.context import Runtime, answer_call
from atlantis_dml.tools.steps import Step

if TYPE_CHECKING:
    from atlantis_core.records import Collection

_MAX_VALUES = 6
_MAX_FACETS = 6

STEPS = (Step(10, "dataset_statistics", "Start with an overview of the collection.", is_once=True),)


@tool
def dataset_statistics(runtime: Runtime) -> object:
    """Count images per class, split and facet value, and report imbalance, near-duplicates and files left out."""
    session = runtime.context.session
    found = collection_statistics(session.collection, session.loaded.sealed, session.loaded.fingerprints)
    session.write(0, JournalKind.STATISTICS, found)
    text = (
        f"{found.num_train} train and {found.num_validation} validation images of {found.num_classes} classes; "
        f"largest/smallest class {found.max_over_min:.1f}, Gini {found.gini:.2f}; "
        f"near-duplicates: {_duplicates(found)}; facets: {_facets(session.collection)}. "
        f"{summarize_reading(session.collection)}"
    )
    return answer_call(runtime, "dataset_statistics", text.strip(), found)


def _duplicates(found: CollectionStatistics) -> str:
    pairs = found.duplicates
    if not (pairs.within_train or pairs.across_splits or pairs.in_test):
        return "none"
    return (
        f"{len(pairs.within_train)} pairs in train, {len(pairs.across_splits)} across train and validation, "
        f"{len(pairs.in_test)} images that match the sealed test split"
    )


def _facets(collection: Collection) -> str:
    """Name the facets, and of each value how many images train and validate."""
    parts = []
    for facet in collection.facets[:_MAX_FACETS]:
        train, validation = (
            Counter(image.facets[facet] for image in collection.of_split(split) if facet in image.facets)
            for split in ("train", "validation")
        )
        values = [value for value, _ in (train + validation).most_common(_MAX_VALUES)]
        counts = ", ".join(f"{quote(value)} {train[value]}/{validation[value]}" for value in values)
        parts.append(f"{quote(facet)} (train/validation: {counts})")
    return "; ".join(parts) or "none yet (caption_images finds some)"
