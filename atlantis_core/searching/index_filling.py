"""Filling an index with a collection's images: what is there is skipped, so an interrupted filling goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import SetupError
from atlantis_core.base.hashing import content_hash
from atlantis_core.base.ports import Progress, no_progress
from atlantis_core.records import Collection, IndexFacts, IndexUpdate, LabelledImage
from atlantis_core.searching.chroma import ChromaCollection
from atlantis_core.searching.filters import image_metadata
from atlantis_core.searching.hnsw import HnswSettings
from atlantis_core.searching.index_creation import check_index_model
from atlantis_core.searching.index_folders import lock_index, read_facts, workspace_of, write_facts
from atlantis_core.searching.index_saving import finish_writing, open_for_writing
from atlantis_core.searching.integrity import check_graph_files
from atlantis_core.store.stored_paths import to_stored_path

if TYPE_CHECKING:
    from atlantis_core.searching.embedder import Embedder

BATCH = 256
"""Images that are embedded and written together: an interruption loses at most so many."""


@dataclass(frozen=True, slots=True)
class IndexSource:
    """What an index is filled with."""

    collection: Collection
    splits: tuple[str, ...] = ("train", "validation")
    """The test split is in no collection record: it is sealed."""

    def __post_init__(self) -> None:
        check_splits(self.splits)

    @property
    def wanted(self) -> list[LabelledImage]:
        """Images to put in; those with the role `train`, such as made ones, are in no gallery."""
        return [image for image in self.collection.images if image.split in self.splits and image.role != "train"]


def check_splits(splits: Sequence[str]) -> None:
    """Refuse what cannot be indexed.

    Raises:
        SetupError: The test split, which is sealed, or no split.
    """
    if "test" in splits:
        raise SetupError("the test split is sealed and goes into no index; take train, validation or both")
    unknown = [split for split in splits if split not in {"train", "validation"}]
    if unknown or not splits:
        raise SetupError(f"unknown split {', '.join(unknown)[:80]!r}; known: train, validation")


def fill_index(
    folder: Path,
    embedder: Embedder,
    source: IndexSource,
    *,
    add: bool = False,
    graph: HnswSettings | None = None,
    progress: Progress = no_progress,
) -> IndexUpdate:
    """Put a collection's images into an index that `prepare` made, or go on with it.

    Args:
        folder: Of the index.
        embedder: The model that the index was prepared for.
        source: What to put in.
        add: Also into an index that holds another collection.
        graph: Settings of the graph, for a new index.
        progress: Told how many images were looked at.

    Raises:
        SetupError: Another collection is in it, an image cannot be read, or another process writes it.
    """
    with lock_index(folder, writing=True):
        facts = read_facts(folder)
        check_index_model(facts, embedder.model_hash)
        check_graph_files(folder, facts)
        root = _find_root_key(folder, source.collection)
        if facts.roots and root not in facts.roots and not add:
            raise SetupError(
                f"index {facts.name!r} holds images of {_known_names(facts)}; --add puts those of "
                f"{source.collection.name!r} in too, another --name makes an index of their own"
            )
        facts = write_facts(folder, _mark_incomplete(facts, folder, source))
        shelf = open_for_writing(folder, facts, graph or HnswSettings())
        try:
            filled = _IndexFiller(shelf, embedder, facts, source, root).run(progress)
        finally:
            shelf.close()
        finish_writing(folder, facts, progress)
        return filled


def _mark_incomplete(facts: IndexFacts, folder: Path, source: IndexSource) -> IndexFacts:
    """Say that the index is being changed before it is: whoever is killed on the way leaves that standing."""
    collection = source.collection
    place = to_stored_path(collection.root, workspace_of(folder))
    return replace(
        facts,
        roots={**facts.roots, _find_root_key(folder, collection): place},
        facets=tuple(dict.fromkeys((*facts.facets, *collection.facets))),
        complete=False,
        revision=facts.revision + 1,
        recall_at_10=None,
        columns={},
    )


def _find_root_key(folder: Path, collection: Collection) -> str:
    return content_hash("index root", to_stored_path(collection.root, workspace_of(folder)))[:12]


def _known_names(facts: IndexFacts) -> str:
    return ", ".join(repr(Path(root).name) for root in facts.roots.values())


class _IndexFiller:
    """One filling: compares the collection with what is there, batch by batch."""

    def __init__(
        self, shelf: ChromaCollection, embedder: Embedder, facts: IndexFacts, source: IndexSource, root: str
    ) -> None:
        self._shelf, self._embedder, self._facts, self._source, self._root = shelf, embedder, facts, source, root
        self._wanted = {image.id for image in source.wanted}

    def run(self, progress: Progress) -> IndexUpdate:
        images = self._source.collection.images
        removed = self._remove_gone()  # first: what is sealed now must not stay until the end
        added = there = refreshed = 0
        for start in range(0, len(images), BATCH):
            progress("indexing", start, len(images))
            part = images[start : start + BATCH]
            old = self._there([image.id for image in part])
            there += len(old)
            refreshed += self._refresh([image for image in part if image.id in old], old)
            added += self._add([image for image in part if image.id in self._wanted and image.id not in old])
        progress("indexing", len(images), len(images))
        return IndexUpdate(added, there, refreshed, removed)

    def _there(self, ids: list[str]) -> dict[str, Mapping[str, Any]]:
        answer = self._shelf.do("get", ids=ids, include=["metadatas"])
        return dict(zip(answer["ids"], answer["metadatas"] or [], strict=True))

    def _add(self, images: Sequence[LabelledImage]) -> int:
        if images:
            vectors = self._embedder.embed([image.path for image in images])
            self._shelf.do(
                "add",
                ids=[image.id for image in images],
                embeddings=vectors,
                metadatas=[self._metadata(image) for image in images],
            )
        return len(images)

    def _refresh(self, images: Sequence[LabelledImage], old: Mapping[str, Mapping[str, Any]]) -> int:
        """Bring labels, splits and facets up to date; images of another collection are left alone."""
        own = [image for image in images if old[image.id].get("root") == self._root]
        changed = [image for image in own if dict(old[image.id]) != self._metadata(image)]
        if changed:
            gone = [dict.fromkeys(old[image.id]) for image in changed]  # None takes an entry away
            fresh = [{**empty, **self._metadata(image)} for empty, image in zip(gone, changed, strict=True)]
            self._shelf.do("update", ids=[image.id for image in changed], metadatas=fresh)
        return len(changed)

    def _metadata(self, image: LabelledImage) -> dict[str, Any]:
        path = Path(image.path).relative_to(self._source.collection.root).as_posix()
        return {"path": path, "root": self._root} | image_metadata(image)

    def _remove_gone(self) -> int:
        """Take out what is no longer in the collection: its file is gone, or it is a sealed test image now."""
        present = {image.id for image in self._source.collection.images}
        gone = [image_id for image_id in self._shelf.ids({"root": self._root}) if image_id not in present]
        self._shelf.delete(gone)
        return len(gone)
