"""Taking images out of an index, or all of it away."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from atlantis_core.base.errors import SetupError
from atlantis_core.base.ports import Progress, no_progress
from atlantis_core.base.text import shown
from atlantis_core.records import IndexFacts
from atlantis_core.searching.chroma import Shelf, drop_collection
from atlantis_core.searching.filters import Where, chroma_filter
from atlantis_core.searching.graph import Graph
from atlantis_core.searching.intact import check_intact
from atlantis_core.searching.places import CHROMA_NAME, FACTS_NAME, LOCK_NAME, held, read_facts, write_facts
from atlantis_core.searching.settling import for_writing, settle


def remove(
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
    with held(folder, writing=True):
        facts = read_facts(folder)
        check_intact(folder, facts)
        rule = chroma_filter(where, facts) if where else None
        shelf = Shelf(folder, facts)
        try:
            chosen = _chosen(shelf, list(dict.fromkeys(ids)), rule)
        finally:
            shelf.close()
        return len(chosen), _without(folder, facts, chosen, progress)


def _chosen(shelf: Shelf, ids: list[str], rule: object) -> list[str]:
    named = shelf.do("get", ids=ids, include=[])["ids"] if ids else []
    if missing := sorted(set(ids) - set(named)):
        raise SetupError(f"there is no image {shown(missing[0])[:80]!r} in the index; `atlantis search` tells ids")
    met = shelf.ids(rule) if rule else []
    return list(dict.fromkeys([*named, *met]))


def _without(folder: Path, facts: IndexFacts, chosen: list[str], progress: Progress) -> IndexFacts:
    facts = write_facts(folder, replace(facts, complete=False, revision=facts.revision + 1, recall_at_10=None))
    shelf = for_writing(folder, facts, Graph())
    try:
        shelf.delete(chosen)
    finally:
        shelf.close()
    return settle(folder, facts, progress)


def drop(folder: Path) -> None:
    """Take a whole index away, its collection on a server too; files of others in its folder stay, and so does it.

    Raises:
        SetupError: Another process uses it, the server does not answer, or the folder cannot be removed.
    """
    with held(folder, writing=True):
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
            raise SetupError(f"{shown(str(folder))!r} cannot be removed: {error.strerror}") from error
