"""Writing in an index with few savings on the way, and leaving it saved, counted and ready to be asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from atlantis_core.ports import Progress, no_progress
from atlantis_core.records import IndexFacts
from atlantis_core.searching.chroma import Shelf, chroma_errors, reconfigure
from atlantis_core.searching.filters import OWN, facet_key
from atlantis_core.searching.graph import SAVE_AT_ONCE, Graph
from atlantis_core.searching.places import write_facts

_MOST_VALUES = 1000
_PAGE = 5000


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
        with chroma_errors(shelf.where):
            shelf.collection.query(query_embeddings=[[1.0] + [0.0] * (facts.dims - 1)], n_results=1, include=[])
            count = shelf.collection.count()
        columns = _columns(shelf, facts)
    finally:
        shelf.close()
    progress("saving the index", 1, 1)
    return write_facts(
        folder, replace(facts, images=count, columns=columns, complete=True, revision=facts.revision + 1)
    )


def _columns(shelf: Shelf, facts: IndexFacts) -> dict[str, tuple[str, ...]]:
    keys = {name: name for name in OWN} | {name: facet_key(name) for name in facts.facets}
    values: dict[str, set[str]] = {name: set() for name in keys}
    for metadata in _all_metadata(shelf):
        for name, key in keys.items():
            if key in metadata:
                values[name].add(str(metadata[key]))
    return {name: tuple(sorted(found)) for name, found in values.items() if 0 < len(found) <= _MOST_VALUES}


def _all_metadata(shelf: Shelf) -> Iterator[Mapping[str, Any]]:
    with chroma_errors(shelf.where):
        ids = shelf.collection.get(include=[])["ids"]
        for start in range(0, len(ids), _PAGE):
            answer = shelf.collection.get(ids=ids[start : start + _PAGE], include=["metadatas"])
            yield from answer["metadatas"] or []
