"""Writing in an index with few savings on the way, and leaving it saved, counted and ready to be asked."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from pathlib import Path

from atlantis_core.base.ports import Progress, no_progress
from atlantis_core.records import IndexFacts
from atlantis_core.searching.chroma import ChromaCollection, reconfigure
from atlantis_core.searching.filters import list_column_values
from atlantis_core.searching.hnsw import SYNC_EVERY_WRITE, HnswSettings
from atlantis_core.searching.index_folders import write_facts
from atlantis_core.searching.integrity import graph_checksums


def open_for_writing(folder: Path, facts: IndexFacts, graph: HnswSettings) -> ChromaCollection:
    """Open an index so that the graph is saved now and then, not after every batch.

    Args:
        folder: Of the index, held for writing.
        facts: What is said of it.
        graph: Settings, should the Chroma collection have to be made.

    Raises:
        SetupError: Chroma could not do it.
    """
    shelf = ChromaCollection(folder, facts, graph)
    if facts.server:
        return shelf  # the server decides when it saves
    reconfigure(shelf, sync_threshold=graph.fill_batch)
    shelf.close()
    return ChromaCollection(folder, facts, graph)


def finish_writing(folder: Path, facts: IndexFacts, progress: Progress = no_progress) -> IndexFacts:
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
        shelf = ChromaCollection(folder, facts)
        reconfigure(shelf, sync_threshold=SYNC_EVERY_WRITE)
        shelf.close()
    shelf = ChromaCollection(folder, facts)
    try:
        shelf.do("query", query_embeddings=[[1.0] + [0.0] * (facts.dims - 1)], n_results=1, include=[])
        count = int(shelf.do("count"))
        images = chain.from_iterable(page for _, page in shelf.pages(shelf.ids(), "metadatas"))
        columns = list_column_values(facts.facets, images)
    finally:
        shelf.close()
    progress("saving the index", 1, 1)
    files = {} if facts.server else graph_checksums(folder)
    done = replace(facts, images=count, columns=columns, graph_files=files, complete=True)
    return write_facts(folder, replace(done, revision=facts.revision + 1))
