"""Fills, describes and empties image indexes, for `atlantis index`, `indexes` and `unindex`."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import SetupError
from atlantis_core.records import IndexFacts
from atlantis_dml.app.output import announce
from atlantis_dml.app.progress import open_stderr_screen
from atlantis_dml.app.request import RunOptions, TaskOptions, build_request

if TYPE_CHECKING:
    from atlantis_core.base.ports import Progress
    from atlantis_core.learning.serving.serving_file import StoredServing
    from atlantis_core.records import Collection
    from atlantis_core.searching.embedder import Embedder
    from atlantis_core.searching.index_building import IndexSource
    from atlantis_dml.app.progress import Screen


@dataclass(frozen=True, slots=True)
class IndexRequest:
    """What to index, by which model, as typed."""

    model: str
    """See `atlantis_dml.load_retriever`, or `clip:NAME`."""
    data: str
    task: TaskOptions
    name: str | None = None
    splits: tuple[str, ...] = ("train", "validation")
    server: str = ""
    embedding: str | None = None
    serving: str | None = None
    """How it is searched; None leaves an index as it is, and gives a new one that of the run or exported model."""
    pool: str | None = None
    """Folder of unlabelled photos that the serving is fitted on; None takes the training images."""
    add: bool = False
    check: bool = True


def index_home(workspace: Path | None) -> Path:
    """Return the folder of a workspace's indexes, which may not exist."""
    from atlantis_core.searching.index_folders import FOLDER_NAME
    from atlantis_dml.app.setup import find_workspace_folder

    return find_workspace_folder(workspace) / FOLDER_NAME


def build_index(request: IndexRequest, workspace: Path | None) -> dict[str, Any]:
    """Read DATA, load MODEL, and fill an index."""
    started = time.monotonic()
    made_by = _check(request, workspace)
    announce(f"loading {request.model}, then reading {request.data}")
    from atlantis_core.searching.index_building import IndexSource, fill_index, prepare_index
    from atlantis_core.searching.index_folders import read_facts, suggest_name
    from atlantis_core.searching.index_writing import write_serving
    from atlantis_core.searching.recall_check import record_recall

    with open_stderr_screen() as screen:
        model, embedder = load_index_embedder(request.model, request.embedding, workspace, made_by)
        source = IndexSource(_read(request, workspace, screen), request.splits)
        name = request.name or suggest_name(source.collection.name, embedder.model_hash)
        folder = index_home(workspace) / name
        is_new = not prepare_index(folder, model, embedder, request.server).roots
        filled = fill_index(folder, embedder, source, add=request.add, progress=screen.progress)
        if photos := _read_added_photos(request, workspace):
            filled = filled.plus(
                fill_index(folder, embedder, IndexSource(photos), add=True, progress=screen.progress)
            )
        exported = Path(model) if is_new else None
        request = _serve_as_run(request, workspace) if is_new else request
        if stored := prepare_serving(request, exported, embedder, source, screen.progress):
            write_serving(folder, stored)
        if request.check:
            record_recall(folder, screen.progress)
    counts = {
        "added": filled.added,
        "there": filled.there,
        "refreshed": filled.refreshed,
        "removed": filled.removed,
        "other_label": filled.other_label,
    }
    found = describe_index(read_facts(folder)) | counts
    found |= {"folder": str(folder), "sealed": source.collection.num_test}
    return found | {"model": request.model, "data": request.data, "seconds": round(time.monotonic() - started, 2)}


def prepare_serving(
    request: IndexRequest, exported: Path | None, embedder: Embedder, source: IndexSource, progress: Progress
) -> StoredServing | None:
    """Return the serving that was asked for, or for a new index that of an exported model; None changes nothing."""
    import numpy as np

    from atlantis_core.learning.serving.serving_file import StoredServing
    from atlantis_core.learning.serving.servings import parse_serving
    from atlantis_dml.app.evaluate import read_reference_pool

    if request.serving is None:
        return StoredServing.load(exported) if exported else None
    serving = parse_serving(request.serving)
    if not serving.needs_reference:
        return StoredServing(str(serving), np.zeros((0, embedder.dims), np.float32), ())
    photos = read_reference_pool(request.pool, request.serving) if request.pool else ()
    photos = photos or source.collection.of_split("train")
    progress("embedding the photos that the serving is fitted on", 0, 1)
    vectors = embedder.embed([image.path for image in photos])
    progress("embedding the photos that the serving is fitted on", 1, 1)
    return StoredServing.of(str(serving), vectors, [image.label for image in photos])


def _check(request: IndexRequest, workspace: Path | None) -> str:
    """Check what can be checked without the model; return the hash of the one that filled the index, if any did."""
    from atlantis_core.searching.chroma import ping_server
    from atlantis_core.searching.index_building import check_splits
    from atlantis_core.searching.index_folders import FACTS_NAME, check_index_server, check_name, read_facts
    from atlantis_dml.app.setup import check_data

    check_splits(request.splits)
    check_data(request.data)
    _check_serving(request)
    made_by = ""
    if request.name is not None:
        folder = index_home(workspace) / check_name(request.name)
        if (folder / FACTS_NAME).is_file():
            facts = read_facts(folder)
            check_index_server(facts, request.server)
            made_by = facts.model_hash
    if request.server:
        ping_server(request.server)
    return made_by


def _serve_as_run(request: IndexRequest, workspace: Path | None) -> IndexRequest:
    """Return the request with the serving of the run that MODEL names, where none was asked for."""
    from atlantis_dml.app.find_model import find_serving

    if request.serving is not None:
        return request
    serving, pool = find_serving(request.model, workspace)
    return replace(request, serving=serving, pool=pool) if serving else request


def _read_added_photos(request: IndexRequest, workspace: Path | None) -> Collection | None:
    """Return the photos that the run, or the run of the exported model, added to the gallery; None without any.

    They belong to how the run searches: who asks for another serving gets none.
    """
    from atlantis_core.exporting.gallery_photos import FOLDER_NAME, collect_photos, read_gallery_photos
    from atlantis_core.run.gallery import split_photos
    from atlantis_dml.app.find_model import find_model
    from atlantis_dml.app.setup import open_workspace

    folder = Path(request.model).expanduser()
    if request.serving is not None:
        return None
    if folder.is_dir():
        photos, root = read_gallery_photos(folder), (folder / FOLDER_NAME).resolve()
    elif folder.exists() or ":" in request.model:
        return None
    else:
        store = open_workspace(workspace)
        photos, root = list(split_photos(store, find_model(request.model, workspace).serving)[1]), store.objects
    return collect_photos(photos, root, f"photos that {request.model} added") if photos else None


def _check_serving(request: IndexRequest) -> None:
    """Refuse an unknown serving, and a pool that nothing is fitted on."""
    from atlantis_core.learning.serving.servings import parse_serving
    from atlantis_dml.app.evaluate import read_reference_pool

    parse_serving(request.serving or "")
    if request.pool is not None:
        read_reference_pool(request.pool, request.serving or "")


def _read(request: IndexRequest, workspace: Path | None, screen: Screen) -> Collection:
    """Read DATA with the columns to filter by, and store its splits: held-out images stay held out."""
    from atlantis_core.data.reading import summarize_reading
    from atlantis_core.run.session import Session
    from atlantis_core.searching.filters import prepare_filterable
    from atlantis_dml.app.setup import load_data, open_workspace, store_data

    store, columns = open_workspace(workspace), request.task.columns()
    loaded = load_data(request.data, store, columns, request.task.regime, screen.progress, needs_queries=False)
    collection_id = store_data(loaded, store, request.task.regime)
    spec = build_request(request.data, RunOptions(regime=request.task.regime), workspace).spec
    session = Session(store, f"index-{collection_id[:16]}", replace(spec, collection_id=collection_id))
    found = prepare_filterable(session, columns)
    notes = [summarize_reading(loaded.collection), *loaded.notes]
    if found.left_out:
        unique = ", ".join(found.left_out)
        notes.append(f"columns without a filter, since almost every image has another value: {unique}")
    for line in filter(None, notes):
        screen.line(line)
    return found.collection


def load_index_embedder(
    model: str, embedding: str | None, workspace: Path | None, made_by: str
) -> tuple[str, Embedder]:
    """Return a name that loads MODEL from any folder, and the model; see `load_embedder`."""
    from atlantis_core.searching.embedder import EMBEDDERS, load_embedder
    from atlantis_dml.app.find_model import find_model

    kind, _, name = model.partition(":")
    if kind in EMBEDDERS and not Path(model).expanduser().exists():
        folder = Path(name).expanduser()  # relative to here; the index may be searched from elsewhere
        lasting = f"{kind}:{folder.resolve()}" if name and folder.is_dir() else model
        return lasting, load_embedder(lasting, embedding)
    target = find_model(model, workspace).target
    path = Path(target)
    return str(path.resolve() if path.exists() else target), load_embedder(target, embedding, made_by)


def describe_index(facts: IndexFacts) -> dict[str, Any]:
    """Return the public facts of an index, JSON-able."""
    return {
        "index": facts.name,
        "images": facts.images,
        "complete": facts.complete,
        "distance": facts.distance,
        "dims": facts.dims,
        "model_hash": facts.model_hash,
        "made_by": facts.model,
        "server": facts.server or None,
        "facets": list(facts.facets),
        "columns": {name: list(values) for name, values in facts.columns.items()},
        "recall_at_10": facts.recall_at_10,
        "serving": facts.serving or None,
    }


def describe_indexes(workspace: Path | None) -> dict[str, Any]:
    """Return the facts of all indexes of a workspace, and the names of damaged ones."""
    from atlantis_core.searching.index_folders import list_damaged_indexes, list_indexes

    home = index_home(workspace)
    return {"indexes": [describe_index(facts) for facts in list_indexes(home)], "damaged": list_damaged_indexes(home)}


def remove_from_index(
    index: str, ids: Sequence[str], where: Mapping[str, Sequence[str]], workspace: Path | None, *, everything: bool
) -> dict[str, Any]:
    """Remove images from an index, or all of it."""
    from atlantis_core.searching.index_folders import find_index_folder, read_facts
    from atlantis_core.searching.index_writing import drop_index, remove_images

    folder = find_index_folder(index, index_home(workspace))
    facts = read_facts(folder)
    if everything and (ids or where):
        raise SetupError("--everything removes the index itself; leave out --id and --where")
    if everything:
        drop_index(folder)
        return {"index": facts.name, "removed": facts.images, "images": 0, "gone": True}
    with open_stderr_screen() as screen:
        count, facts = remove_images(folder, ids, where, screen.progress)
    return {"index": facts.name, "removed": count, "images": facts.images, "gone": False}
