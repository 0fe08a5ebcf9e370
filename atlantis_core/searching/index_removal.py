"""Taking images out of an index, or all of it away."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from atlantis_core.base.errors import SetupError
from atlantis_core.base.ports import Progress, no_progress
from atlantis_core.base.text import to_printable
from atlantis_core.records import IndexFacts
from atlantis_core.searching.chroma import ChromaCollection, drop_collection
from atlantis_core.searching.filters import Where, to_chroma_filter
from atlantis_core.searching.hnsw import HnswSettings
from atlantis_core.searching.index_folders import (
    CHROMA_NAME,
    FACTS_NAME,
    LOCK_NAME,
    lock_index,
    read_facts,
    write_facts,
)
from atlantis_core.searching.index_saving import finish_writing, open_for_writing
from atlantis_core.searching.integrity import check_graph_files


def remove_images(
    folder: Path, ids: Sequence[str] = (), where: Where | None = None, progress: Progress = no_progress
) -> tuple[int, IndexFacts]:
    """Take images out of an index: those with one of the ids, and those that meet the filter.

    Args:
        folder: Of the index.
        ids: Of images; all must be in the index.
        where: Filter by label, split, role or facets.
        progress: Told when the index is saved.

    Returns:
        How many were taken out, and what is said of the index now.

    Raises:
        SetupError: Neither ids nor a filter, an id or a value that is not there, or another process writes it.
    """
    if not ids and not where:
        raise SetupError("say which images to take out: --id or --where; --everything takes the whole index away")
    with lock_index(folder, writing=True):
        facts = read_facts(folder)
        check_graph_files(folder, facts)
        rule = to_chroma_filter(where, facts) if where else None
        shelf = ChromaCollection(folder, facts)
        try:
            chosen = _select_ids(shelf, list(dict.fromkeys(ids)), rule)
        finally:
            shelf.close()
        return len(chosen), _delete_images(folder, facts, chosen, progress)


def _select_ids(shelf: ChromaCollection, ids: list[str], rule: object) -> list[str]:
    named = shelf.do("get", ids=ids, include=[])["ids"] if ids else []
    if missing := sorted(set(ids) - set(named)):
        raise SetupError(
            f"there is no image {to_printable(missing[0])[:80]!r} in the index; `atlantis search` tells ids"
        )
    met = shelf.ids(rule) if rule else []
    return list(dict.fromkeys([*named, *met]))


def _delete_images(folder: Path, facts: IndexFacts, chosen: list[str], progress: Progress) -> IndexFacts:
    facts = write_facts(folder, replace(facts, complete=False, revision=facts.revision + 1, recall_at_10=None))
    shelf = open_for_writing(folder, facts, HnswSettings())
    try:
        shelf.delete(chosen)
    finally:
        shelf.close()
    return finish_writing(folder, facts, progress)


def drop_index(folder: Path) -> None:
    """Take a whole index away, its collection on a server too; files of others in its folder stay, and so does it.

    Raises:
        SetupError: Another process uses it, the server does not answer, or the folder cannot be removed.
    """
    with lock_index(folder, writing=True):
        facts = read_facts(folder)
        if facts.server:
            drop_collection(folder, facts)
        try:
            if (folder / CHROMA_NAME).is_dir():
                shutil.rmtree(folder / CHROMA_NAME)
            for name in (FACTS_NAME, LOCK_NAME):
                (folder / name).unlink(missing_ok=True)
            if not any(folder.iterdir()):
                folder.rmdir()
        except OSError as error:
            raise SetupError(f"{to_printable(str(folder))!r} cannot be removed: {error.strerror}") from error
