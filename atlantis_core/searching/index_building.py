"""How an index is built: prepare its folder, then fill it with a collection; an interrupted filling resumes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from atlantis_core.base.errors import SetupError
from atlantis_core.base.hashing import content_hash
from atlantis_core.base.ports import Progress, no_progress
from atlantis_core.base.text import to_printable
from atlantis_core.records import Collection, IndexFacts, IndexUpdate, LabelledImage
from atlantis_core.searching.chroma import ChromaCollection, HnswSettings
from atlantis_core.searching.filters import image_metadata
from atlantis_core.searching.index_folders import (
    FACTS_NAME,
    check_graph_files,
    check_index_model,
    check_index_server,
    lock_index,
    read_facts,
    workspace_of,
    write_facts,
)
from atlantis_core.searching.index_writing import finish_writing, open_for_writing
from atlantis_core.store.stored_paths import to_stored_path

if TYPE_CHECKING:
    from atlantis_core.searching.embedder import Embedder

BATCH = 256
"""Images embedded and written together: an interruption loses at most this many."""


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
        """Images to index; images with the role `train`, such as synthetic ones, are in no gallery."""
        return [image for image in self.collection.images if image.split in self.splits and image.role != "train"]


def check_splits(splits: Sequence[str]) -> None:
    """Refuse the sealed test split, an unknown split, or none."""
    if "test" in splits:
        raise SetupError("the test split is sealed and cannot be indexed; choose train, validation or both")
    unknown = [split for split in splits if split not in {"train", "validation"}]
    if unknown or not splits:
        raise SetupError(f"unknown split {', '.join(unknown)[:80]!r}; known: train, validation")


def prepare_index(folder: Path, model: str, embedder: Embedder, server: str = "") -> IndexFacts:
    """Create an index's folder, or check that the existing one belongs to the same model and server.

    `model` is what loads the model again; a path within the workspace may move with it. Without a `server`, the
    folder keeps everything.

    Raises:
        SetupError: The index belongs to another model or server, or the folder cannot be written.
    """
    if (folder / FACTS_NAME).is_file():
        facts = read_facts(folder)
        check_index_model(facts, embedder.model_hash)
        check_index_server(facts, server)
        return facts
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(f"{to_printable(str(folder))!r} cannot be written: {error.strerror}") from error
    facts = IndexFacts(
        name=folder.name,
        model=to_stored_path(model, workspace_of(folder)),
        model_hash=embedder.model_hash,
        embedding=embedder.embedding,
        distance=embedder.distance,
        dims=embedder.dims,
        collection=f"atlantis.{folder.name}.{uuid4().hex[:12]}",
        server=server,
    )
    return write_facts(folder, facts)


def fill_index(
    folder: Path,
    embedder: Embedder,
    source: IndexSource,
    *,
    add: bool = False,
    graph: HnswSettings | None = None,
    progress: Progress = no_progress,
) -> IndexUpdate:
    """Index a collection's images, or bring an index up to date with it.

    `add` also allows an index that contains another collection. `graph` counts only for a new index.

    Raises:
        SetupError: The index contains another collection, an image cannot be read, or another process writes it.
    """
    with lock_index(folder, writing=True):
        facts = read_facts(folder)
        check_index_model(facts, embedder.model_hash)
        check_graph_files(folder, facts)
        root = to_stored_path(source.collection.root, workspace_of(folder))
        root_key = content_hash("index root", root)[:12]
        if facts.roots and root_key not in facts.roots and not add:
            known = ", ".join(repr(Path(path).name) for path in facts.roots.values())
            raise SetupError(
                f"index {facts.name!r} contains images of {known}; --add adds those of {source.collection.name!r}, "
                "another --name makes a separate index"
            )
        facts = replace(
            facts,
            roots={**facts.roots, root_key: root},
            facets=tuple(dict.fromkeys((*facts.facets, *source.collection.facets))),
            complete=False,  # written before anything changes, so that an interrupted index says so
            revision=facts.revision + 1,
            recall_at_10=None,
            columns={},
        )
        write_facts(folder, facts)
        with closing(open_for_writing(folder, facts, graph or HnswSettings())) as chroma:
            update = _IndexFiller(chroma, embedder, source, root_key).run(progress)
        finish_writing(folder, facts, progress)
        return update


class _IndexFiller:
    """Compares the collection with the index, batch by batch, and writes the differences."""

    def __init__(self, chroma: ChromaCollection, embedder: Embedder, source: IndexSource, root_key: str) -> None:
        self._chroma, self._embedder, self._source, self._root_key = chroma, embedder, source, root_key
        self._wanted = {image.id for image in source.wanted}

    def run(self, progress: Progress) -> IndexUpdate:
        images = self._source.collection.images
        removed = self._remove_gone()  # first: an image that is sealed now must not stay until the end
        added = there = refreshed = other_label = 0
        for start in range(0, len(images), BATCH):
            progress("indexing", start, len(images))
            batch = images[start : start + BATCH]
            old = self._chroma.metadata([image.id for image in batch])
            there += len(old)
            other_label += sum(self._has_other_label(image, old.get(image.id)) for image in batch)
            refreshed += self._refresh([image for image in batch if image.id in old], old)
            added += self._add([image for image in batch if image.id in self._wanted and image.id not in old])
        progress("indexing", len(images), len(images))
        return IndexUpdate(added, there, refreshed, removed, other_label)

    def _add(self, images: Sequence[LabelledImage]) -> int:
        if images:
            self._chroma.call(
                "add",
                ids=[image.id for image in images],
                embeddings=self._embedder.embed([image.path for image in images]),
                metadatas=[self._metadata(image) for image in images],
            )
        return len(images)

    def _refresh(self, images: Sequence[LabelledImage], old: Mapping[str, Mapping[str, Any]]) -> int:
        """Update labels, splits and facets; leave images of other collections alone."""
        own = [image for image in images if old[image.id].get("root") == self._root_key]
        changed = [image for image in own if dict(old[image.id]) != self._metadata(image)]
        if changed:
            # Chroma removes an entry whose new value is None.
            fresh = [{**dict.fromkeys(old[image.id]), **self._metadata(image)} for image in changed]
            self._chroma.call("update", ids=[image.id for image in changed], metadatas=fresh)
        return len(changed)

    def _has_other_label(self, image: LabelledImage, old: Mapping[str, Any] | None) -> bool:
        """Return whether another collection's copy of the image is in the index, under another label."""
        return old is not None and old.get("root") != self._root_key and old.get("label") != image.label

    def _metadata(self, image: LabelledImage) -> dict[str, Any]:
        path = Path(image.path).relative_to(self._source.collection.root).as_posix()
        return {"path": path, "root": self._root_key} | image_metadata(image)

    def _remove_gone(self) -> int:
        """Remove images no longer in the collection: their file is gone, or they are in the sealed test split now."""
        present = {image.id for image in self._source.collection.images}
        gone = [image_id for image_id in self._chroma.ids({"root": self._root_key}) if image_id not in present]
        self._chroma.delete(gone)
        return len(gone)
