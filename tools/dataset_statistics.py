"""Tool: what the collection holds."""

from __future__ import annotations

from langchain_core.tools import tool

from atlantis_core.data.inspection import summary
from atlantis_core.statistics.counts import collection_statistics
from atlantis_dml.tools.context import Runtime, answer


@tool
def dataset_statistics(runtime: Runtime) -> object:
    """Count images per class, split and facet, and report imbalance, duplicates and files left out."""
    session = runtime.context.session
    found = collection_statistics(session.collection, session.loaded.sealed, session.loaded.fingerprints)
    session.write(0, "statistics", found)
    facets = ", ".join(session.collection.facets) or "none yet (caption_images finds some)"
    text = (
        f"{found.num_train} train and {found.num_validation} validation images of {found.num_classes} classes; "
        f"largest/smallest class {found.max_over_min:.1f}, Gini {found.gini:.2f}; facets: {facets}. "
        f"{summary(session.collection.problems)}"
    )
    return answer(runtime, "dataset_statistics", text.strip(), found)
