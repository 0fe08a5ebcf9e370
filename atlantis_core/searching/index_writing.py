"""How an index is changed: open it to write, finish it so that it can be searched; remove images, or all of it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from itertools import chain
from pathlib import Path

from atlantis_core.base.errors import SetupError
from atlantis_core.base.ports import Progress, no_progress
from atlantis_core.base.text import to_printable
from atlantis_core.learning.serving.serving_file import FILE_NAME, StoredServing
from atlantis_core.records import IndexFacts
from atlantis_core.searching.chroma import ChromaCollection, HnswSettings
from atlantis_core.searching.filters import Where, list_column_values, to_chroma_filter
from atlantis_core.searching.index_folders import (
    CHROMA_NAME,
    FACTS_NAME,
    LOCK_NAME,
    check_graph_files,
    graph_checksums,
    lock_index,
    read_facts,
    write_facts,
)


def open_for_writing(folder: Path, facts: IndexFacts, graph: HnswSettings) -> ChromaCollection:
    """Open an index so that its graph is saved now and then, not after every batch.

    The folder must be locked for writing. A missing Chroma collection is created with the settings of `graph`.

    Raises:
        SetupError: Chroma could not do it.
    """
    chroma = ChromaCollection(folder, facts, graph)
    if facts.server:
        return chroma  # the server decides when it saves
    chroma.save_every(graph.fill_batch)
    chroma.close()
    return ChromaCollection(folder, facts, graph)


def finish_writing(folder: Path, facts: IndexFacts, progress: Progress = no_progress) -> IndexFacts:
    """Save the graph, count images, list column values, and mark the index as complete.

    The folder must be locked for writing.

    Raises:
        SetupError: Chroma could not do it.
    """
    progress("saving the index", 0, 1)
    if not facts.server:
        with closing(ChromaCollection(folder, facts)) as chroma:
            chroma.save_every(1)
    with closing(ChromaCollection(folder, facts)) as chroma:
        # With that setting a query saves what was not saved yet.
        chroma.call("query", query_embeddings=[[1.0] + [0.0] * (facts.dims - 1)], n_results=1, include=[])
        count = int(chroma.call("count"))
        images = chain.from_iterable(page for _, page in chroma.pages(chroma.ids(), "metadatas"))
        columns = list_column_values(facts.facets, images)
    progress("saving the index", 1, 1)
    files = {} if facts.server else graph_checksums(folder)
    done = replace(facts, images=count, columns=columns, graph_files=files, complete=True)
    return write_facts(folder, replace(done, revision=facts.revision + 1))


def write_serving(folder: Path, stored: StoredServing) -> IndexFacts:
    """Give an index a serving, in place of any that it has; an empty one is the nearest image.

    Raises:
        SetupError: The index's distance is not the cosine, or another process writes the index.
    """
    with lock_index(folder, writing=True):
        facts = read_facts(folder)
        if stored.text and facts.distance != "cosine":
            raise SetupError(
                f"serving {stored.text!r} needs embeddings that are compared by cosine, those of index "
                f"{facts.name!r} are {facts.distance}; leave the serving out"
            )
        stored.save(folder)
        return write_facts(folder, replace(facts, serving=stored.text, revision=facts.revision + 1))


def remove_images(
    folder: Path, ids: Sequence[str] = (), where: Where | None = None, progress: Progress = no_progress
) -> tuple[int, IndexFacts]:
    """Remove the images with one of the ids, and those that match the filter; return how many, and the facts now.

    Raises:
        SetupError: Neither ids nor a filter, an unknown id or value, or another process writes the index.
    """
    if not ids and not where:
        raise SetupError("name the images to remove with --id or --where, or the entire index with --everything")
    with lock_index(folder, writing=True):
        facts = read_facts(folder)
        check_graph_files(folder, facts)
        rule = to_chroma_filter(where, facts) if where else None
        with closing(ChromaCollection(folder, facts)) as chroma:
            chosen = _select_ids(chroma, list(dict.fromkeys(ids)), rule)
        facts = write_facts(folder, replace(facts, complete=False, revision=facts.revision + 1, recall_at_10=None))
        with closing(open_for_writing(folder, facts, HnswSettings())) as chroma:
            chroma.delete(chosen)
        return len(chosen), finish_writing(folder, facts, progress)


def _select_ids(chroma: ChromaCollection, ids: list[str], rule: object) -> list[str]:
    named = chroma.call("get", ids=ids, include=[])["ids"] if ids else []
    if missing := sorted(set(ids) - set(named)):
        raise SetupError(
            f"there is no image {to_printable(missing[0])[:80]!r} in the index; `atlantis search` shows ids"
        )
    return list(dict.fromkeys([*named, *(chroma.ids(rule) if rule else [])]))


def drop_index(folder: Path) -> None:
    """Delete an index, on a server too; the folder stays if it contains other files.

    Raises:
        SetupError: Another process uses it, the server does not answer, or the folder cannot be removed.
    """
    with lock_index(folder, writing=True):
        facts = read_facts(folder)
        if facts.server:
            with closing(ChromaCollection(folder, facts)) as chroma:
                chroma.drop()
        try:
            if (folder / CHROMA_NAME).is_dir():
                shutil.rmtree(folder / CHROMA_NAME)
            for name in (FACTS_NAME, FILE_NAME, LOCK_NAME):
                (folder / name).unlink(missing_ok=True)
            if not any(folder.iterdir()):
                folder.rmdir()
        except OSError as error:
            raise SetupError(f"{to_printable(str(folder))!r} cannot be removed: {error.strerror}") from error
