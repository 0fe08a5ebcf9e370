"""Beginning an index: its folder, and which model it belongs to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from atlantis_core.base.errors import SetupError
from atlantis_core.base.text import to_printable
from atlantis_core.records import IndexFacts
from atlantis_core.searching.index_folders import FACTS_NAME, read_facts, workspace_of, write_facts
from atlantis_core.store.stored_paths import to_stored_path

if TYPE_CHECKING:
    from atlantis_core.searching.embedder import Embedder


def prepare_index(folder: Path, model: str, embedder: Embedder, server: str = "") -> IndexFacts:
    """Make an index's folder, or look whether what is there is by the same model.

    Args:
        folder: Of the index, in a workspace's folder of indexes.
        model: What loads the model again; a path in the workspace may be moved with it.
        embedder: The model.
        server: URL of a Chroma server; empty keeps everything in the folder.

    Raises:
        SetupError: The index there is by another model or on another server, or the folder cannot be written.
    """
    if (folder / FACTS_NAME).is_file():
        return _check_same_index(read_facts(folder), embedder, server)
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


def check_index_model(facts: IndexFacts, model_hash: str) -> None:
    """Refuse a model that did not make the index: its vectors mean nothing there.

    Raises:
        SetupError: It is another one.
    """
    if facts.model_hash != model_hash:
        raise SetupError(
            f"index {facts.name!r} was made by model {facts.model_hash[:12]}, this is {model_hash[:12]}: their "
            "vectors cannot be compared; ask with that model, or index with this one under another --name"
        )


def check_index_server(facts: IndexFacts, server: str) -> None:
    """Refuse another server than the index is kept at, or than none.

    Raises:
        SetupError: It is another one.
    """
    if facts.server != server:
        raise SetupError(
            f"index {facts.name!r} is kept {_describe_server(facts.server)}, not {_describe_server(server)}; "
            "take another --name"
        )


def _check_same_index(facts: IndexFacts, embedder: Embedder, server: str) -> IndexFacts:
    check_index_model(facts, embedder.model_hash)
    check_index_server(facts, server)
    return facts


def _describe_server(server: str) -> str:
    return f"at {server!r}" if server else "in this workspace"
