"""Writing in an index with few savings on the way, and leaving it saved, counted and ready to be asked."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from pathlib import Path

from atlantis_core.base.ports import Progress, no_progress
from atlantis_core.records import IndexFacts
from atlantis_core.searching.chroma import Shelf, reconfigure
from atlantis_core.searching.filters import values_by_column
from atlantis_core.searching.graph import SAVE_AT_ONCE, Graph
from atlantis_core.searching.intact import checksums
from atlantis_core.searching.places import write_facts


def for_writing(folder: Path, facts: IndexFacts, graph: Graph) -> Shelf:
    """Open an index so that the graph is saved now and then, not after every batch.

    Args:
        folder: Of the index, held for writing.
        facts: What is said of it.
        graph: Settings, should the Chroma collection have to be made.

    Raises:
        SetupError: Chroma could not do it.
    """
    shelf = Shelf(folder, facts, graph)
    if facts.server:
        return shelf  # the server decides when it saves
    reconfigure(shelf, sync_threshold=graph.fill_batch)
    shelf.close()
    return Shelf(folder, facts, graph)


def settle(folder: Path, facts: IndexFacts, progress: Progress = no_progress) -> IndexFacts:
    """Save what is not saved yet, count, list the values of columns, and say that the index is complete.

    Args:
        folder: Of the index, held for writing.
        facts: What was said of it while it was changed.
        progress: Told when it begins and ends.

    Raises:
        SetupError: Chroma could not do it.
    """
    progress("saving the index", 0, 1)
    if not facts.server:
        shelf = Shelf(folder, facts)
        reconfigure(shelf, sync_threshold=SAVE_AT_ONCE)
        shelf.close()
    shelf = Shelf(folder, facts)
    try:
        shelf.do("query", query_embeddings=[[1.0] + [0.0] * (facts.dims - 1)], n_results=1, include=[])
        count = int(shelf.do("count"))
        images = chain.from_iterable(page for _, page in shelf.pages(shelf.ids(), "metadatas"))
        columns = values_by_column(facts.facets, images)
    finally:
        shelf.close()
    progress("saving the index", 1, 1)
    files = {} if facts.server else checksums(folder)
    done = replace(facts, images=count, columns=columns, graph_files=files, complete=True)
    return write_facts(folder, replace(done, revision=facts.revision + 1))
